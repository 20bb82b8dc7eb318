"""How much a new version of a graph changes for those who call it, as semantic versioning counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from girih.language.compiler.plan import Plan
from girih.language.expressions.kinds import field, field_names, is_kind, items, misfit, phrase
from girih.language.nodes.accepting import accepted_parts
from girih.language.spec.semantic import Weight
from girih.language.spec.tree import JsonSchema, Path

Verdict: TypeAlias = Weight


def verdict(old: Plan, new: Plan) -> Verdict:
    """`major` when a caller of `old` may break with `new`, `minor` when callers gain something, else `patch`."""
    if breaks_callers(old, new):
        return "major"
    return "minor" if next(gains(old, new), None) is not None else "patch"


def breaks_callers(old: Plan, new: Plan) -> bool:
    """Whether something `old` takes or gives is no longer so."""
    return next(breaks(old, new), None) is not None


@dataclass(frozen=True)
class Break:
    """Something that callers see: where it is written in the new version, and what became of it since the old one."""

    path: Path
    message: str


def breaks(old: Plan, new: Plan) -> Iterator[Break]:
    """Everything that `old` takes or gives and that is no longer so, in the order of a graph's file."""
    for name, what in _takes_less(old.inputs, new.inputs):
        yield Break(_written("inputs", name, new.inputs), f"input '{name}' {what}")
    if old.chat != new.chat:
        became = "is gone" if new.chat is None else "maps onto others" if old.chat else "is new"
        yield Break(("chat",) if new.chat else ("name",), f"the mapping of chat messages {became}")
    for part in sorted(_accepted(old) - _accepted(new)):
        yield Break(("nodes",), f"'{part}' is accepted from apps no more")
    for name, what in _gives_less(old.outputs, new.outputs):
        yield Break(_written("outputs", name, new.outputs), f"output '{name}' {what}")


def gains(old: Plan, new: Plan) -> Iterator[Break]:
    """Everything callers can give or get that they could not with `old`, where nothing that they rely on is gone."""
    for part, before, after in (("inputs", old.inputs, new.inputs), ("outputs", old.outputs, new.outputs)):
        added = [name for name in field_names(after) if name not in field_names(before)]
        yield from (Break((part, name), f"{part[:-1]} '{name}' is new") for name in added)
        if before != after and not added:
            yield Break((part,) if field_names(after) else ("name",), f"the types of {part} are others")
    for name in sorted(_accepted(new) - _accepted(old)):
        yield Break(("nodes",), f"'{name}' is accepted from apps now")


def _accepted(plan: Plan) -> set[str]:
    """What an app may give the models of this graph."""
    return {part for node in plan.nodes for part in accepted_parts(node.settings)}


def _written(part: str, name: str, schema: JsonSchema) -> Path:
    if name in field_names(schema):
        return (part, name)
    return (part,) if field_names(schema) else ("name",)


def _takes_less(old: JsonSchema, new: JsonSchema) -> Iterator[tuple[str, str]]:
    """Each input that is gone, became required, or takes less than before."""
    required = set(new.get("required", ())) - set(old.get("required", ()))
    for name in field_names(old):
        before, after = field(old, name), field(new, name)
        if before is None or after is None:
            yield name, "is gone"
        elif name in required:
            yield name, "became required"
        elif _is_narrower(before.schema, after.schema):
            yield name, "takes less than before"
    for name in sorted(required - set(field_names(old))):
        yield name, "is new and required"


def _gives_less(old: JsonSchema, new: JsonSchema) -> Iterator[tuple[str, str]]:
    """Each output that is gone, may be missing now, or can be something it never was."""
    for name in field_names(old):
        before, after = field(old, name), field(new, name)
        if before is None or after is None:
            yield name, "is gone"
        elif before.always and not after.always:
            yield name, "may be missing now"
        elif (wrong := misfit(after.schema, before.schema)) is not None:
            yield name, f"was {wrong.wants} and can be {wrong.got} now"
        elif not after.schema and before.schema:
            yield name, f"was {phrase(before.schema)} and can be anything now"


_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "pattern", "format", "multipleOf",
           "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "uniqueItems")  # fmt: skip


def _is_narrower(old: JsonSchema, new: JsonSchema) -> bool:
    """Whether some value of the old type is none of the new type, as far as can be told."""
    if not old:
        return bool(new)
    if misfit(old, new) is not None or any(_tighter(word, old.get(word), new[word]) for word in _BOUNDS if word in new):
        return True
    if is_kind(old, "array") and is_kind(new, "array"):
        return _is_narrower(items(old), items(new))
    return is_kind(old, "object") and is_kind(new, "object") and bool(field_names(old)) and any(_takes_less(old, new))


def _tighter(keyword: str, old: object, new: object) -> bool:
    if old is None:
        return new is not False
    if isinstance(old, int | float) and isinstance(new, int | float) and keyword not in ("multipleOf", "uniqueItems"):
        return new > old if keyword.startswith(("min", "exclusiveMin")) else new < old
    return old != new
