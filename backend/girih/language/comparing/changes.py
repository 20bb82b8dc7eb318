"""What one version of a graph does differently from another, piece by piece, in the words of the graph's file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from girih.language.comparing.nodes import node_pieces
from girih.language.compiler.diff import Verdict, breaks, verdict
from girih.language.compiler.plan import Plan
from girih.language.expressions.kinds import field, field_names
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue

Action = Literal["added", "removed", "changed"]
Part = Literal["contract", "references", "nodes", "state", "limits", "texts"]

Pieces = Mapping[str, JsonValue]
"""Where something is written (`nodes.answer.prompt`) → what is written there."""


@dataclass(frozen=True)
class PlanChange:
    """One piece that differs. `before` is `None` for what was added, `after` for what was removed."""

    part: Part
    at: str
    action: Action
    before: JsonValue
    after: JsonValue
    breaks: bool = False
    """Whether callers of the older version may rely on what it was."""

    def as_dict(self) -> JsonObject:
        """As JSON."""
        return {name: getattr(self, name) for name in ("part", "at", "action", "before", "after", "breaks")}


@dataclass(frozen=True)
class Comparison:
    """All that differs between two versions, in the order of a graph's file, and what that means to callers.

    `verdict` is `None` where nothing differs; `breaking` says in words what callers rely on and is no longer so.
    """

    changes: tuple[PlanChange, ...]
    verdict: Verdict | None
    breaking: tuple[str, ...]

    def as_dict(self) -> JsonObject:
        """As JSON."""
        changes = [change.as_dict() for change in self.changes]
        return {"verdict": self.verdict, "breaking": list(self.breaking), "changes": changes}


def compare(old: Plan, new: Plan) -> Comparison:
    """What `new` does differently from `old`. Names, comments and the order of keys make no difference."""
    broken = list(breaks(old, new))
    spoilt = {".".join(str(step) for step in fault.path) for fault in broken}
    found = (
        *_differing("contract", _contract(old), _contract(new), spoilt),
        *_differing("references", _references(old), _references(new)),
        *_differing("nodes", _nodes(old), _nodes(new)),
        *_differing("state", _state(old), _state(new)),
        *_differing("limits", _limits(old), _limits(new)),
        *_differing("texts", _texts(old), _texts(new)),
    )
    return Comparison(found, verdict(old, new) if found else None, tuple(fault.message for fault in broken))


def _differing(
    part: Part, before: Pieces, after: Pieces, spoilt: set[str] | frozenset[str] = frozenset()
) -> Iterator[PlanChange]:
    """In the order of `after`; what was removed comes last. What is new or gone as a whole is one change."""
    for at, value in after.items():
        if at not in before:
            if _is_within(at, after, before):
                continue
            yield PlanChange(part, at, "added", None, value, at in spoilt)
        elif before[at] != value:
            yield PlanChange(part, at, "changed", before[at], value, at in spoilt)
    for at, value in before.items():
        if at not in after and not _is_within(at, before, after):
            yield PlanChange(part, at, "removed", value, None, breaks=part == "contract")


def _is_within(at: str, here: Pieces, there: Pieces) -> bool:
    """Whether it is a piece of something that is only here."""
    around = at.rpartition(".")[0]
    return around in here and around not in there


def _contract(plan: Plan) -> Pieces:
    found: dict[str, JsonValue] = {f"inputs.{name}": shown for name, shown in _fields(plan.inputs)}
    found |= {f"outputs.{name}": shown for name, shown in _fields(plan.outputs)}
    return found | ({"chat": plan.chat} if plan.chat else {})


def _fields(schema: JsonSchema) -> Iterator[tuple[str, JsonValue]]:
    for name in field_names(schema):
        found = field(schema, name)
        if found is not None:
            yield name, {"type": found.schema, "required": found.always}


def _references(plan: Plan) -> Pieces:
    return {f"use.{entry.alias}": {"uri": entry.uri, "digest": entry.digest} for entry in plan.lock}


def _nodes(plan: Plan) -> Pieces:
    """A node is one piece where it is new or gone, which its `verb` stands for; else each of its settings is one."""
    start: dict[str, JsonValue] = {"start": plan.start}
    return start | {at: value for node in plan.nodes for at, value in node_pieces(node)}


def _state(plan: Plan) -> Pieces:
    return {f"state.{name}": one.model_dump(mode="json") for name, one in plan.state.items()}


def _limits(plan: Plan) -> Pieces:
    limits = plan.limits.model_dump(mode="json")
    redact: Pieces = {"trace.redact": list(plan.redact)} if plan.redact else {}
    return {**{f"limits.{name}": value for name, value in limits.items() if value is not None}, **redact}


def _texts(plan: Plan) -> Pieces:
    texts = {"title": plan.title, "description": plan.description}
    written: Pieces = {name: text for name, text in texts.items() if text is not None}
    return {**written, **{f"outputs.{name}": list(one.values) for name, one in plan.results.items()}}
