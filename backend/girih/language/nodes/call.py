"""`call`: calls one tool with typed arguments and returns its typed result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import Field

from girih.language.nodes.base import ANY, NodeConfig, NodeKind, Scope, Slot, Use
from girih.language.nodes.ports import NodeContext
from girih.language.spec.model import Name
from girih.language.spec.tree import JsonObject, JsonSchema

LONGEST_CALL = 30.0
"""Seconds a call may take unless `timeout` says otherwise."""


class CallConfig(NodeConfig):
    """`call: NAME` of a tool in `use:`, and its arguments."""

    call: Name
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")


class CallNode(NodeKind[CallConfig]):
    """Calls a tool.

    `with` holds the arguments; they are checked against the tool's parameters when the graph is compiled and again when
    it runs. `timeout` bounds each attempt, which may take 30 seconds where it says nothing. The result is what the tool
    declares in its `returns`; an answer of another shape fails the node as `tool_error`. The call carries an
    idempotency key that stays the same if the node has to be run again after a crash.
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

    def returns(self, config: CallConfig, scope: Scope) -> JsonSchema:
        tool = scope.tools.get(config.call)
        return tool.returns if tool else ANY

    def lower(self, config: CallConfig, scope: Scope) -> JsonObject:
        tool = scope.tools.get(config.call)
        timeout = (config.timeout.attempt if config.timeout else None) or LONGEST_CALL
        return {"tool": tool.document if tool else {}, "timeout": timeout}

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        tool = settings["tool"]
        ctx.emit("tool.started", {"tool": tool["name"], "arguments": values["with"]})
        result = await ctx.ports.tools.call(
            tool, values["with"], timeout=settings["timeout"], idempotency_key=ctx.attempt_key
        )
        ctx.emit("tool.finished", {"tool": tool["name"], "result": result})
        return dict(result)
