"""`call`: calls one tool with typed arguments and returns its typed result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import Field

from girih.errors import NodeError
from girih.language.expressions.names import Finding
from girih.language.nodes.approvals import (
    Question,
    approval_conditions,
    approval_settings,
    decided,
    loosened,
    needs_approval,
)
from girih.language.nodes.base import ANY, ConditionSlot, NodeConfig, NodeKind, Scope, Slot, Use
from girih.language.nodes.ports import NodeContext
from girih.language.spec.durations import Duration
from girih.language.spec.model import Name
from girih.language.spec.tree import JsonObject, JsonSchema, Path

LONGEST_CALL = 30.0
"""Seconds a call may take unless `timeout` of the node or of the tool says otherwise."""

_APPROVAL = "approval"


class CallConfig(NodeConfig):
    """`call: NAME` of a tool in `use:`, and its arguments."""

    call: Name
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    approval: str | None = None
    approval_timeout: Duration | None = None


class CallNode(NodeKind[CallConfig]):
    """Calls a tool.

    `with` holds the arguments; they are checked against the tool's parameters when the graph is compiled and again when
    it runs. `timeout` bounds each attempt, which may take 30 seconds where neither it nor the tool says anything. The
    result is what the tool declares in its `returns`; an answer of another shape fails the node as `tool_error`. The
    call carries an idempotency key that stays the same if the node has to be run again after a crash. `retry` takes the
    place of the tool's own.

    `approval` is `always`, or a condition over `args`, the arguments: where it holds, or where the tool itself wants
    it, a person is asked first, for at most `approval_timeout`. Who refuses fails the node as `refused`.
    """

    verb: ClassVar[str] = "call"
    Config = CallConfig
    example: ClassVar[str] = """\
account:
  call: crm
  with: { customer_id: "${ inputs.customer_id }" }
  timeout: 5s
  next: $end
"""

    def uses(self, config: CallConfig) -> Iterable[Use]:
        yield Use(("call",), config.call, "tool")

    def slots(self, config: CallConfig, scope: Scope) -> Iterable[Slot]:
        tool = scope.tools.get(config.call)
        yield Slot("with", ("with",), config.with_, tool.parameters if tool else ANY)

    def conditions(self, config: CallConfig, scope: Scope) -> Iterable[ConditionSlot]:
        tool = scope.tools.get(config.call)
        return approval_conditions(tool, config.approval, _APPROVAL, ("approval",), ("call",))

    def faults(self, config: CallConfig, scope: Scope) -> Iterable[tuple[Path, Finding]]:
        return loosened(scope.tools.get(config.call), config.approval, ("approval",))

    def returns(self, config: CallConfig, scope: Scope) -> JsonSchema:
        tool = scope.tools.get(config.call)
        return tool.returns if tool else ANY

    def lower(self, config: CallConfig, scope: Scope) -> JsonObject:
        tool = scope.tools.get(config.call)
        document = dict(tool.document) if tool else {}
        timeout = (config.timeout.attempt if config.timeout else None) or document.get("timeout") or LONGEST_CALL
        if config.retry is not None:
            # Two that repeat each other would call as often as both of them together.
            document.pop("retry", None)
        settings = {"tool": document, "timeout": timeout}
        asking = approval_settings(tool, config.approval, _APPROVAL)
        if asking == {"approval": "never"}:
            return settings
        waits = {} if config.approval_timeout is None else {"approval_timeout": config.approval_timeout}
        return {**settings, **asking, **waits, "parameters": tool.parameters if tool else {}}

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        tool, arguments = settings["tool"], values["with"]
        if needs_approval(settings, arguments, ctx):
            arguments = await _allowed(settings, arguments, ctx)
        ctx.emit("tool.started", {"tool": tool["name"], "arguments": arguments})
        result = await ctx.ports.tools.call(
            tool, arguments, timeout=settings["timeout"], idempotency_key=ctx.attempt_key
        )
        ctx.emit("tool.finished", {"tool": tool["name"], "result": result})
        return dict(result)


async def _allowed(settings: JsonObject, arguments: JsonObject, ctx: NodeContext) -> JsonObject:
    """The arguments that a person has allowed, who may have changed them."""
    name = settings["tool"]["name"]
    question = Question(
        f"May the run call '{name}'?",
        arguments,
        settings["parameters"],
        {"tool": name, "arguments": arguments},
        settings.get("approval_timeout"),
    )
    decision = await decided(question, "approval", ctx)
    if decision.error is not None:
        raise NodeError("refused", f"tool '{name}' was not called: {decision.error}", can_pass=False)
    return decision.arguments
