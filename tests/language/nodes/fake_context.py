"""A world for one node without an engine: a ledger, replies and conditions that are plain data."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from girih.errors import NodeError, Paused
from girih.language.expressions.cel import Condition
from girih.language.nodes.base import GraphContract, ModelContract, NodeKind, Scope, ToolContract
from girih.language.nodes.pausing import PauseRequest, Reply
from girih.language.nodes.ports import (
    NOTHING_GIVEN,
    AppGiven,
    Branches,
    ModelDone,
    ModelEvent,
    ModelRequest,
    NodeContext,
    Ports,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from girih.language.spec.tree import JsonObject, JsonValue


def scope(
    tools: Mapping[str, ToolContract] | None = None,
    graphs: Mapping[str, GraphContract] | None = None,
    models: Mapping[str, ModelContract] | None = None,
) -> Scope:
    """What an agent is compiled with; the alias `small` is a model."""
    return Scope(
        {"small": ("small",)}, {}, tools or {}, graphs or {}, {}, lambda value: {}, model_contracts=models or {}
    )


def tool(name: str, parameters: JsonObject, returns: JsonObject | None = None) -> ToolContract:
    document = {"kind": "tool/v1", "name": name, "description": f"Does {name}."}
    return ToolContract(name, "sha256:0", parameters, returns or {}, document)


@dataclass
class Turns:
    """A model that says one given turn after another: a text, calls, or a failure."""

    turns: list[Any]
    requests: list[ModelRequest] = field(default_factory=list)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        turn = self.turns[len(self.requests)]
        self.requests.append(request)
        if isinstance(turn, NodeError):
            raise turn
        calls = turn if isinstance(turn, tuple) else ()
        for index, call in enumerate(calls):
            yield ToolCallDelta(index, json.dumps(call.arguments), call.id, call.name)
        if isinstance(turn, str):
            yield TextDelta(turn)
        yield ModelDone(Usage(10, 2, 0.5), "scripted", "test", calls)


@dataclass
class World:
    """One visit of one node, as often as it is run again: the ledger and the replies stay."""

    models: Any
    tools: dict[str, Callable[[JsonObject], JsonValue]] = field(default_factory=dict)
    graphs: dict[str, JsonObject] = field(default_factory=dict)
    recorded: dict[str, str] = field(default_factory=dict)
    replies: dict[str, Reply] = field(default_factory=dict)
    paused: dict[str, PauseRequest] = field(default_factory=dict)
    called: list[tuple[str, JsonObject, str]] = field(default_factory=list)
    handed: list[tuple[str, JsonObject, str]] = field(default_factory=list)
    events: list[tuple[str, JsonObject]] = field(default_factory=list)
    conditions: dict[str, str] = field(default_factory=dict)
    given: AppGiven = NOTHING_GIVEN

    async def call(
        self, contract: JsonObject, arguments: JsonObject, *, timeout: float, idempotency_key: str
    ) -> JsonValue:
        self.called.append((contract["name"], arguments, idempotency_key))
        return self.tools[contract["name"]](arguments)

    async def run(self, digest: str, inputs: JsonObject, key: str = "") -> JsonObject:
        self.handed.append((digest, inputs, key))
        return self.graphs[digest]

    async def once(self, key: str, work: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
        if key not in self.recorded:
            self.recorded[key] = json.dumps(await work())
        return json.loads(self.recorded[key])

    async def pause(self, key: str, request: PauseRequest) -> Reply:
        if key in self.replies:
            return self.replies[key]
        self.paused[key] = request
        raise Paused(key)

    def holds(self, name: str, binds: Mapping[str, JsonValue]) -> bool:
        return Condition(self.conditions[name]).holds(dict(binds))

    def types(self) -> list[str]:
        return [name for name, _ in self.events]

    def context(self) -> NodeContext:
        nothing = cast("Any", None)
        ports = Ports(self.models, nothing, self, self, nothing, nothing, nothing, nothing)
        return NodeContext(
            run_id="run",
            node="desk",
            attempt_key="run:desk#1",
            user=None,
            ports=ports,
            emit=lambda *event: self.events.append(event),
            branches=cast("Branches", nothing),
            once=self.once,
            pause=self.pause,
            holds=self.holds,
            given=self.given,
        )


async def run(kind: NodeKind[Any], written: JsonObject, scope: Scope, world: World, **values: JsonValue) -> JsonObject:
    """Run a node as it is written; the slots have the values that stand there, unless others are given."""
    config = kind.Config.model_validate(written)
    world.conditions = {condition.name: condition.text for condition in kind.conditions(config, scope)}
    slots = {slot.name: slot.value for slot in kind.slots(config, scope)} | values
    result = await kind.run(kind.lower(config, scope), slots, world.context())
    assert isinstance(result, dict)
    return result


def wants(name: str, id: str = "c1", **arguments: Any) -> ToolCall:
    return ToolCall(id, name, arguments)
