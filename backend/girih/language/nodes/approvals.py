"""May a tool be called: what the tool and the node that calls it ask of people, and what somebody answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from girih.language.expressions.cel import ExpressionError
from girih.language.expressions.names import Finding
from girih.language.nodes.base import STRING, ConditionSlot, ToolContract, object_of
from girih.language.nodes.pausing import PauseRequest
from girih.language.nodes.ports import NodeContext
from girih.language.spec.conform import contract, settled
from girih.language.spec.tree import JsonObject, JsonSchema, Path

FIXED = ("always", "never")
"""What an approval can be besides a condition over `args`."""


def own_approval(tool: ToolContract | None) -> str:
    """What the tool itself asks for."""
    return str((tool.document.get("approval") if tool else None) or "never")


def approval_settings(tool: ToolContract | None, written: str | None, slot: str) -> JsonObject:
    """The settings that `needs_approval` reads: what the node says, and in `also` what the tool says besides.

    `slot` names the node's condition, which `approval_conditions` gives; the tool's own has `.tool` behind it.
    """
    own = own_approval(tool)
    said = written or "never"
    if "always" in (own, said):
        return {"approval": "always"}
    settings: JsonObject = {"approval": said if said in FIXED else slot}
    return settings if own in FIXED else {**settings, "also": f"{slot}.tool"}


def approval_conditions(
    tool: ToolContract | None, written: str | None, slot: str, path: Path, at: Path
) -> Iterator[ConditionSlot]:
    """The conditions to be asked: the node's, written at `path`, and the tool's own, which stands nowhere in the graph.

    `at` is where the node names the tool.
    """
    binds = {"args": tool.parameters if tool else {}}
    if written is not None and written not in FIXED:
        yield ConditionSlot(slot, path, written, binds)
    if (own := own_approval(tool)) not in FIXED:
        yield ConditionSlot(f"{slot}.tool", (*at, "approval"), own, binds)


def loosened(tool: ToolContract | None, written: str | None, path: Path) -> Iterator[tuple[Path, Finding]]:
    """The fault of a node that asks people less often than the tool wants it."""
    own = own_approval(tool)
    if tool is None or written is None or own == "never" or written == "always":
        return
    if own == "always" or written == "never":
        wants = "always" if own == "always" else f"where {own}"
        message = f"tool '{tool.name}' asks a person {wants}, and a node may ask more often, but not less"
        yield path, Finding("E402", message, 0, len(written), "leave 'approval' out, or write always")


def waits_for_nobody(tool: ToolContract | None, written: str | None) -> bool:
    """Whether nobody is ever asked, as far as that is known."""
    return tool is not None and own_approval(tool) == "never" and written in (None, "never")


def needs_approval(settings: JsonObject, arguments: JsonObject, ctx: NodeContext) -> bool:
    """Whether a person is asked before this call."""
    return any(_holds(settings[key], arguments, ctx) for key in ("approval", "also") if settings.get(key) is not None)


def _holds(approval: str, arguments: JsonObject, ctx: NodeContext) -> bool:
    if approval in FIXED:
        return approval == "always"
    try:
        return ctx.holds(approval, {"args": arguments})
    except ExpressionError:
        return True  # a condition that cannot be decided (over an argument that was left out) is for a person


@dataclass(frozen=True)
class Decision:
    """What became of the question; `arguments` are those to call with, `error` says why there is no call."""

    arguments: JsonObject
    approved: bool
    error: str | None = None
    changed: bool = False


@dataclass(frozen=True)
class Question:
    """A call that waits for a person; `fixed` are arguments that nobody may change."""

    message: str
    arguments: JsonObject
    parameters: JsonSchema
    details: JsonObject
    timeout: float | None = None
    fixed: JsonObject = field(default_factory=dict)


async def decided(question: Question, key: str, ctx: NodeContext) -> Decision:
    """Ask, and wait for the answer; lets `Paused` pass."""
    optional: Any = question.parameters or {"type": "object"}
    form = object_of(
        {"approved": {"type": "boolean"}, "reason": STRING, "arguments": optional}, optional=("reason", "arguments")
    )
    request = PauseRequest("approve", question.message, form, question.details, question.timeout)
    reply = await ctx.pause(key, request)
    if reply.status != "answered":
        return Decision(question.arguments, approved=False, error="nobody allowed this call in time")
    answer = reply.value if isinstance(reply.value, dict) else {}
    if answer.get("approved") is not True:
        reason = str(answer.get("reason") or "").strip()
        refused = f"a person refused this call: {reason}" if reason else "a person refused this call"
        return Decision(question.arguments, approved=False, error=refused)
    if not isinstance(given := answer.get("arguments"), dict):
        return Decision(question.arguments, approved=True)
    changed: JsonObject = {**settled(given, question.parameters), **question.fixed}
    if faults := contract(question.parameters).misfits(changed):
        told = f"a person allowed this call with arguments that do not fit: {'; '.join(map(str, faults[:5]))}"
        return Decision(changed, approved=True, error=told)
    return Decision(changed, approved=True, changed=changed != question.arguments)
