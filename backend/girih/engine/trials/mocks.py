"""Nodes that stand in for others: what a test says a node gives, in the place of what it would do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from girih.errors import NodeError
from girih.language.compiler.plan import Plan, PlanNode
from girih.language.nodes.base import Leaving, NodeConfig, NodeKind, Scope
from girih.language.nodes.ports import NodeContext
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue

FAILS = "$error"
"""The key of a mock that lets its node fail with that kind of error."""

VERB = "mock"


class MockConfig(NodeConfig):
    """A mock is made from a node of a plan, never written by an author."""


class MockNode(NodeKind[MockConfig]):
    """Gives what it is told, one value for each visit of a node and the last one for all that follow.

    An error `timeout` leaves by the node's `timeout` way, and a guard that did not pass by its `fail` way.
    """

    verb: ClassVar[str] = VERB
    Config = MockConfig
    example: ClassVar[str] = ""

    def __init__(self) -> None:
        self._visits: dict[str, list[str]] = {}

    def returns(self, config: MockConfig, scope: Scope) -> JsonSchema:  # noqa: ARG002 - the contract's signature
        """Anything: the compiler has checked it."""
        return {"type": "object"}

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject | Leaving:  # noqa: ARG002 - the contract's signature
        """The value for this visit. Raises `NodeError` where it is a failure."""
        seen = self._visits.setdefault(ctx.node, [])
        if ctx.attempt_key not in seen:
            seen.append(ctx.attempt_key)
        given = settings["given"]
        value = given[min(seen.index(ctx.attempt_key), len(given) - 1)]
        kind = value.get(FAILS) if set(value) == {FAILS} else None
        if kind == "timeout" and "timeout" in settings["exits"]:
            return Leaving("timeout")
        if kind is not None:
            raise NodeError(kind, f"the test lets '{ctx.node}' fail", can_pass=kind not in ("refused", "budget"))
        if value.get("passed") is False and "fail" in settings["exits"]:
            return Leaving("fail", value)
        return dict(value)


def mocked(plan: Plan, mocks: Mapping[str, JsonValue], kinds: Mapping[str, NodeKind[Any]]) -> Plan:
    """The plan with mocks in the place of the nodes that have one, completed by their kinds."""
    return plan.model_copy(update={"nodes": tuple(_mocked(node, mocks, kinds) for node in plan.nodes)})


def _mocked(node: PlanNode, mocks: Mapping[str, JsonValue], kinds: Mapping[str, NodeKind[Any]]) -> PlanNode:
    if node.name not in mocks:
        return node
    written: Any = mocks[node.name]
    several = written if isinstance(written, list) and written else [written]
    given = [value if FAILS in value else kinds[node.verb].completed(value) for value in several]
    # What a node fills in by itself, like the usage of a model, need not be made up.
    returns = {key: value for key, value in node.returns.items() if key != "required"}
    settings = {"given": given, "exits": sorted(node.exits)}
    return node.model_copy(
        update={"verb": VERB, "settings": settings, "values": {}, "conditions": {}, "returns": returns, "cache": None}
    )
