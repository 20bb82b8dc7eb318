"""An organization at work, for tests: real agents, engine and database; nodes that do what the test tells them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from tests.engine.plans import FixedRetriever, NoTools, ProbeKind, ScriptedModels

from girih.db.base import new_id
from girih.db.direct import DirectPool
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.engine.engine import Engine
from girih.engine.events import TERMINAL, RunEvent
from girih.errors import NotFound
from girih.language.compiler.plan import Plan
from girih.language.nodes.ports import Hit, NodeContext, SearchRequest
from girih.language.nodes.registry import kinds
from girih.language.spec.tree import JsonObject
from girih.providers.fakes.absent import NoSandbox, NoScanner
from girih.providers.fakes.cache import InProcessCache
from girih.providers.fakes.memory import InProcessMemory
from girih.services.agents.schemas import PublishedAgent
from girih.services.events.service import EventService
from girih.services.registry.service import RegistryService
from girih.services.runs.conditions import Conditions
from girih.services.runs.ports import World
from girih.services.runs.reconciler import Timing
from girih.services.runs.schemas import RunIn, RunOut
from girih.services.runs.service import RunService

PATIENT = Timing(lease=30, renewal=3600, look=3600)
"""For services whose background does something only when the test asks for it."""


def small_world() -> World:
    """The world around runs, without anything that lasts."""
    memory, cache = InProcessMemory(), InProcessCache()
    return World(lambda scope: NoTools(), lambda scope: memory, NoSandbox(), NoScanner(), lambda scope: cache)


class Shelf:
    """The knowledge service, as far as runs see it."""

    def __init__(self) -> None:
        self.retriever = FixedRetriever()

    async def search(self, scope: OrgScope, request: SearchRequest, models: object = None) -> list[Hit]:
        return await self.retriever.search(request, models)


class Published:
    """The agents that the office published, by name."""

    def __init__(self) -> None:
        self.by_name: dict[str, PublishedAgent] = {}

    async def resolve(self, scope: OrgScope, ref: str) -> PublishedAgent:
        if ref not in self.by_name:
            raise NotFound(f"no agent `{ref}` is published")
        return self.by_name[ref]

    async def pick(self, scope: OrgScope, ref: str, key: str | None, keeps: UUID | None = None) -> PublishedAgent:
        return await self.resolve(scope, ref)

    def forget(self, scope: OrgScope, ref: str) -> None:
        """Nothing is remembered."""

    def changed(self, project_id: UUID | None) -> None:
        """Nothing is remembered."""

    async def plan(self, scope: OrgScope, digest: str) -> Plan:
        return next(agent.plan for agent in self.by_name.values() if agent.digest == digest)


@dataclass
class Office:
    """Publishes plans in one organization and opens services, each of which stands for a process."""

    uow: UnitOfWork
    scope: OrgScope
    direct: DirectPool
    probe: ProbeKind = field(default_factory=ProbeKind)
    models: ScriptedModels = field(default_factory=ScriptedModels)
    opened: list[RunService] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registry = RegistryService(self.uow)
        self.agents = Published()
        self.events = EventService(self.uow)

    def service(self, **options: Any) -> RunService:
        service = RunService(
            self.uow,
            options.pop("pool", self.direct),
            self.agents,
            self.registry,
            Shelf(),
            options.pop("engine", None) or Engine({**kinds(), "probe": self.probe}),
            make_models=lambda scope, documents: self.models,
            events=self.events,
            world=small_world(),
            conditions=Conditions(**{"grace": 0.0, "timing": PATIENT} | options),
        )
        self.opened.append(service)
        return service

    async def close(self) -> None:
        """End the services, and what they were still executing: other tests' services would take it over."""
        for service in self.opened:
            await service.stop()
        for row in await self.sql("SELECT id FROM runs WHERE status IN ('queued', 'running', 'interrupted')"):
            await self.service().cancel(self.scope, row.id)

    async def publish(self, plan: Plan, name: str = "test") -> str:
        """Publish a plan as a version 1.0.0 of a new agent, as `AgentService.apply` would; returns the agent's name."""
        agent, version = new_id(), new_id()
        shared = {"org": self.scope.org_id, "project": self.scope.project_id, "agent": agent, "version": version}
        async with self.uow(self.scope) as work:
            for statement, more in (
                ("INSERT INTO agents (id, org_id, project_id, name) VALUES (:agent, :org, :project, :name)",
                 {"name": name}),
                ("INSERT INTO agent_versions (id, org_id, project_id, agent_id, number, version, digest, plan, path,"
                 " source, created_by) VALUES (:version, :org, :project, :agent, 1, '1.0.0', :digest, :plan, 'x.yaml',"
                 " '', 'test')",
                 {"digest": plan.digest, "plan": json.dumps(plan.model_dump(mode="json"))}),
                ("INSERT INTO agent_aliases (id, org_id, project_id, agent_id, alias, version_id)"
                 " VALUES (gen_random_uuid(), :org, :project, :agent, 'latest', :version)", {}),
            ):  # fmt: skip
                used = {name: value for name, value in (shared | more).items() if f":{name}" in statement}
                await work.session.execute(text(statement), used)
        self.agents.by_name[name] = PublishedAgent(agent, version, name, "1.0.0", plan.digest, plan)
        return name

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        """Rows of a statement that the organization may execute."""
        async with self.uow(self.scope) as work:
            result = await work.session.execute(text(statement), values)
            return list(result.all()) if result.returns_rows else [result.rowcount]  # type: ignore[attr-defined]

    async def let_lease_run_out(self, run_id: str) -> None:
        await self.sql("UPDATE runs SET lease_until = now() - interval '1 second' WHERE id = :id", id=UUID(run_id))

    async def lose(self, service: RunService, run_id: str) -> None:
        """The process vanishes: what it was executing stops without a trace, and its lease runs out."""
        held = service._roster.find(UUID(run_id))
        assert held is not None
        assert held.task is not None
        held.task.cancel()
        await asyncio.wait({held.task})
        await self.let_lease_run_out(run_id)

    async def recorded(self, run_id: str) -> list[tuple[int, str]]:
        rows = await self.sql("SELECT seq, type FROM run_events WHERE run_id = :id ORDER BY seq", id=UUID(run_id))
        return [(row.seq, row.type) for row in rows]


def speak(words: int, *, usage: Mapping[str, int] | None = None, pause: float | None = 0.0) -> Callable[..., Any]:
    """What a probe does that streams an answer."""

    async def act(ctx: NodeContext, values: JsonObject) -> JsonObject:
        for n in range(words):
            ctx.emit("message.delta", {"text": f"w{n} "})
            if pause is not None:
                await asyncio.sleep(pause)
        counted = dict(usage or {"input_tokens": 3, "output_tokens": words})
        ctx.emit("model.finished", {"model": "m", "provider": "p", "usage": counted, "duration_ms": 1.0})
        ctx.emit("message.completed", {"text": "…", "model": "m", "provider": "p", "usage": counted})
        return {"value": "spoken"}

    return act


def ask(agent: str = "test", **inputs: Any) -> RunIn:
    return RunIn(agent=agent, inputs=inputs)


async def collect(service: RunService, scope: OrgScope, run_id: str, after: int = 0) -> list[RunEvent]:
    async with asyncio.timeout(20):
        return [event async for event in service.events(scope, run_id, after)]


async def ended(service: RunService, scope: OrgScope, run_id: str) -> RunOut:
    """The run, once its last event was seen."""
    await collect(service, scope, run_id)
    return await service.run(scope, run_id)


def check_whole(events: list[RunEvent], after: int = 0) -> None:
    """Gapless from `after` on, and the one terminal event is the last."""
    assert [event.seq for event in events] == list(range(after + 1, after + 1 + len(events)))
    assert [event.event.type in TERMINAL for event in events] == [False] * (len(events) - 1) + [True]


async def soon(condition: Callable[[], Any], within: float = 10.0) -> None:
    """Wait until something holds; fails when it does not in time."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.005)


SECOND = timedelta(seconds=1)
