"""Plans written by hand, and a world around them, for the engine's tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from girih.engine.breakpoints import NO_BREAKPOINTS, Breakpoints
from girih.engine.context import Outcome, RunContext, Spent
from girih.engine.engine import Engine
from girih.engine.events import NewEvent
from girih.engine.memory_store import MemoryCheckpointStore
from girih.errors import NodeError
from girih.language.compiler.plan import Plan, PlanBranch, PlanLimits, PlanNode, PlanOutput, PlanRoute
from girih.language.expressions.values import references
from girih.language.nodes.base import NodeConfig, NodeKind, Scope, object_of
from girih.language.nodes.pausing import Reply
from girih.language.nodes.ports import (
    NOTHING_GIVEN,
    AppGiven,
    Hit,
    ModelDone,
    ModelEvent,
    ModelRequest,
    NodeContext,
    SearchRequest,
    TextDelta,
    Usage,
)
from girih.language.nodes.registry import kinds
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue
from girih.providers.fakes.absent import NoSandbox, NoScanner
from girih.providers.fakes.cache import InProcessCache
from girih.providers.fakes.events import RecordedEvents
from girih.providers.fakes.memory import InProcessMemory


class Config(NodeConfig):
    probe: Any


class ProbeKind(NodeKind[Config]):
    """A kind that does what the test tells it, by node name, and remembers that it did."""

    verb: ClassVar[str] = "probe"
    Config = Config
    example: ClassVar[str] = ""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.saw: dict[str, JsonObject] = {}
        self.keys: list[str] = []
        self.acts: dict[str, Callable[[NodeContext, JsonObject], Any]] = {}
        self.act: Callable[[NodeContext, JsonObject], Any] | None = None
        """What nodes do that have no act of their own."""

    def returns(self, config: Config, scope: Scope) -> JsonSchema:
        return object_of({})

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        self.ran.append(ctx.node)
        self.keys.append(ctx.attempt_key)
        self.saw[ctx.node] = values
        act = self.acts.get(ctx.node, self.act)
        result = act(ctx, values) if act else None
        if asyncio.iscoroutine(result):
            result = await result
        return {"value": ctx.node} if result is None else result


def node(name: str, *next: Any, verb: str = "probe", region: str | None = None, **values: JsonValue) -> PlanNode:
    """A node. `next`: targets, or `(target, condition)`, or `(target, condition, max_visits)`."""
    routes = tuple(PlanRoute(**dict(zip(("to", "condition", "max_visits"), n, strict=False))) if isinstance(n, tuple)
                   else PlanRoute(to=n) for n in next)  # fmt: skip
    read = references(values) | {n for r in routes if r.condition for n in references("${" + r.condition + "}")}
    shape = {"parallel": "fork", "each": "fork", "end": "end"}.get(verb, "step")
    return PlanNode(
        name=name,
        verb=verb,
        shape=shape,  # type: ignore[arg-type]
        settings={},
        values=values,
        reads=tuple(sorted(read)),
        returns={"type": "object"},
        routes=routes,
        region=region,
    )


def fork(name: str, branches: list[str], *next: Any, region: str | None = None, join: str = "all") -> PlanNode:
    return node(name, *next, verb="parallel", region=region).model_copy(
        update={
            "branches": tuple(PlanBranch(entry=entry) for entry in branches),
            "settings": {"branches": branches, "join": join},
        }
    )


def each(
    name: str,
    entry: str,
    over: JsonValue,
    *next: Any,
    gives: JsonValue = None,
    region: str | None = None,
    as_: str = "item",
    **settings: Any,
) -> PlanNode:
    made = node(name, *next, verb="each", region=region, over=over)
    branch = PlanBranch(
        entry=entry, binds=(as_, "index"), gives=(gives,) if gives else (), reads=tuple(sorted(references(gives)))
    )
    plain = {"entry": entry, "as": as_, "max_concurrency": 8, "on_item_error": "fail", "merge": "list"}
    return made.model_copy(update={"branches": (branch,), "settings": plain | settings})


def plan(
    *nodes: PlanNode,
    name: str = "test",
    steps: int = 100,
    inputs: JsonSchema | None = None,
    outputs: Mapping[str, Any] | None = None,
    required: list[str] | None = None,
) -> Plan:
    results = {
        key: PlanOutput(values=tuple(value) if isinstance(value, list) else (value,))
        for key, value in (outputs or {}).items()
    }
    return Plan(
        name=name,
        inputs=inputs or {"type": "object"},
        outputs={"type": "object", "required": required if required is not None else list(results)},
        start=nodes[0].name,
        nodes=nodes,
        results=results,
        limits=PlanLimits(steps=steps),
    )


@dataclass
class ScriptedModels:
    """Answers one given text after another; a `NodeError` in the list is raised."""

    answers: list[Any] = field(default_factory=lambda: ["Hello there"])
    requests: list[ModelRequest] = field(default_factory=list)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        if isinstance(answer, NodeError):
            raise answer
        for word in answer.split(" "):
            await asyncio.sleep(0)
            yield TextDelta(word + " ")
        yield ModelDone(Usage(3, 2), "scripted", "test")


@dataclass
class FixedRetriever:
    hits: list[Hit] = field(default_factory=list)

    async def search(self, request: SearchRequest, models: object) -> list[Hit]:
        return self.hits[: request.top_k]


class NoTools:
    async def call(self, contract: Any, arguments: Any, *, timeout: float, idempotency_key: str) -> JsonValue:
        raise NodeError("tool_error", f"{contract['name']} is broken")


@dataclass
class World:
    """An engine, a store and a record of events, for one run at a time."""

    probe: ProbeKind = field(default_factory=ProbeKind)
    models: ScriptedModels = field(default_factory=ScriptedModels)
    retriever: FixedRetriever = field(default_factory=FixedRetriever)
    store: Any = field(default_factory=MemoryCheckpointStore)
    events: list[NewEvent] = field(default_factory=list)
    plans: dict[str, Plan] = field(default_factory=dict)
    tools: Any = field(default_factory=NoTools)
    replies: dict[str, Reply] = field(default_factory=dict)
    state: JsonObject = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)
    given: AppGiven = NOTHING_GIVEN
    messages: list[JsonObject] = field(default_factory=list)
    breakpoints: Breakpoints = NO_BREAKPOINTS
    memory: InProcessMemory = field(default_factory=InProcessMemory)
    domain: RecordedEvents = field(default_factory=RecordedEvents)
    cache: InProcessCache = field(default_factory=InProcessCache)

    def __post_init__(self) -> None:
        self.engine = self.fresh_engine()

    def fresh_engine(self) -> Engine:
        return Engine({**kinds(), "probe": self.probe})

    async def run(self, plan: Plan, inputs: JsonObject | None = None, *, resume: bool = False) -> Outcome:
        async def find(digest: str) -> Plan:
            return self.plans[digest]

        context = RunContext(
            run_id="run-1",
            inputs=inputs or {},
            models=self.models,
            retriever=self.retriever,
            tools=self.tools,
            memory=self.memory,
            sandbox=NoSandbox(),
            scanner=NoScanner(),
            events=self.domain,
            cache=self.cache,
            plans=find,
            checkpoints=self.store,
            emit=self.events.append,
            resume=resume,
            replies=self.replies,
            state=self.state,
            spent=self.spent,
            given=self.given,
            messages=self.messages,
            breakpoints=self.breakpoints,
        )
        return await self.engine.execute(plan, context)

    def types(self, node: str | None = None) -> list[str]:
        return [event.type for event in self.events if node is None or event.node == node]
