"""What runs need of their neighbours, and the world that one run sees through them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.engine.context import Outcome, ResultCache, RunContext
from girih.errors import InvalidInput, NodeError, NotFound
from girih.language.compiler.plan import Plan
from girih.language.nodes.memories import Memory
from girih.language.nodes.ports import (
    Asker,
    Hit,
    ModelDone,
    ModelEvent,
    ModelRequest,
    Models,
    Sandbox,
    Scanner,
    SearchRequest,
    Tools,
)
from girih.language.spec.tree import JsonObject
from girih.services.agents.schemas import PublishedAgent
from girih.services.events.schemas import EventOut
from girih.services.events.service import Subscriber
from girih.services.usage.bounds import bound_of
from girih.services.usage.run_allowance import Metered

MakeModels: TypeAlias = Callable[[OrgScope, Mapping[str, JsonObject]], Models]
"""The chat models of a project, given its `model/v1` documents by name, with what they are bound to over them."""

FRESH = 2.0
"""Seconds for which what was read of a project's models is good: a binding takes effect everywhere within them."""


class Agents(Protocol):
    """The agents service, as runs see it."""

    async def resolve(self, scope: OrgScope, ref: str) -> PublishedAgent:
        """The version a reference means right now."""
        ...

    async def pick(self, scope: OrgScope, ref: str, key: str | None, keeps: UUID | None = None) -> PublishedAgent:
        """The version for one caller: the same for the same key; `keeps` is the one to have if it can be had."""
        ...

    def forget(self, scope: OrgScope, ref: str) -> None:
        """Look up what the reference means the next time."""
        ...

    def changed(self, project_id: UUID | None) -> None:
        """References of the project may mean something else; without one, those of any may."""
        ...

    async def plan(self, scope: OrgScope, digest: str) -> Plan:
        """The plan of that digest."""
        ...


class Registry(Protocol):
    """The registry, as runs see it."""

    async def models(self, scope: OrgScope) -> dict[str, JsonObject]:
        """The project's models by name."""
        ...


class Knowledge(Protocol):
    """The knowledge service, as runs see it."""

    async def search(self, scope: OrgScope, request: SearchRequest, models: Models | None = None) -> list[Hit]:
        """The best chunks for a question. `models` put it into other words and order the hits, where that is wished."""
        ...


class DomainEvents(Protocol):
    """The service of domain events, as runs see it."""

    async def publish(self, scope: OrgScope, type: str, data: JsonObject, *, key: str, source: str) -> EventOut:
        """Publish once for each key."""
        ...

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` in the transaction of each new event."""
        ...


@dataclass(frozen=True)
class World:
    """What runs reach besides models, knowledge and events: one for all, or one for each project."""

    tools: Callable[[OrgScope], Tools]
    memory: Callable[[OrgScope], Memory]
    sandbox: Sandbox
    scanner: Scanner
    cache: Callable[[OrgScope], ResultCache]


class Executing(Protocol):
    """The engine, as runs see it."""

    async def execute(self, plan: Plan, run: RunContext) -> Outcome:
        """Execute a plan to its end, from the start or from the run's last checkpoint."""
        ...


@dataclass(frozen=True)
class _Read:
    """A project's models as they were read, and when."""

    stamp: str | None
    at: float
    documents: dict[str, JsonObject]
    models: Models

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self.at < FRESH


class ProjectModels:
    """The chat models of every project. Its clients are kept for as long as the project's documents stay the same."""

    def __init__(self, registry: Registry, make_models: MakeModels) -> None:
        self._registry = registry
        self._make = make_models
        self._known: dict[tuple[UUID, UUID], _Read] = {}

    async def of(self, scope: OrgScope, stamp: str | None) -> Models:
        """The project's models as they are now; mostly not read again while `stamp` is the one they were read with.

        The stamp tells of other documents, not of other bindings: of those it is known after `FRESH` seconds.
        """
        known = self._known.get((scope.org_id, scope.project_id))
        if known is not None and stamp is not None and known.stamp == stamp and known.is_fresh:
            return known.models
        return await self._read(scope, stamp)

    async def again(self, scope: OrgScope) -> Models:
        """The models of a project whose models were asked for before: as they were `FRESH` seconds ago, or later."""
        known = self._known[scope.org_id, scope.project_id]
        return known.models if known.is_fresh else await self._read(scope, known.stamp)

    def documents(self, scope: OrgScope) -> Mapping[str, JsonObject]:
        """The project's documents by name, as they were last read."""
        return self._known[scope.org_id, scope.project_id].documents

    async def _read(self, scope: OrgScope, stamp: str | None) -> Models:
        project, now = (scope.org_id, scope.project_id), time.monotonic()
        documents = await self._registry.models(scope)
        known = self._known.get(project)
        models = known.models if known is not None and known.documents == documents else self._make(scope, documents)
        self._known[project] = _Read(stamp, now, documents, models)
        return models


class RunModels:
    """The models of one run, looked up when one is asked: a run that goes on for long sees what they are bound to."""

    def __init__(
        self, models: ProjectModels, scope: OrgScope, stamp: str | None, allowance: Metered | None = None
    ) -> None:
        self._models = models
        self._scope = scope
        self._stamp = stamp
        self._allowance = allowance
        self._has_asked = False

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream one answer, if something may be spent. Raises `NodeError`."""
        models = await (
            self._models.again(self._scope) if self._has_asked else self._models.of(self._scope, self._stamp)
        )
        self._has_asked = True
        if self._allowance is None:
            async for event in models.stream(request):
                yield event
            return
        async with self._allowance.call(*bound_of(request, self._models.documents(self._scope))) as call:
            async for event in models.stream(request):
                if isinstance(event, ModelDone):
                    call.used(event.usage)
                yield event


class RunRetriever:
    """Search in the collections of the run's project, for whom the run is for."""

    def __init__(self, knowledge: Knowledge, scope: OrgScope, asker: Callable[[], Awaitable[Asker]]) -> None:
        self._knowledge = knowledge
        self._scope = scope
        self._asker = asker

    async def search(self, request: SearchRequest, models: Models) -> list[Hit]:
        """The best hits that the run's asker may read, whatever the request says of that.

        Raises `NodeError` when the collection is gone, and for values that its filter cannot take.
        """
        try:
            return await self._knowledge.search(self._scope, replace(request, asker=await self._asker()), models)
        except NotFound as fault:
            raise NodeError("unavailable", fault.message, help=fault.help) from fault
        except InvalidInput as fault:
            raise NodeError("invalid_output", fault.message, help=fault.help, can_pass=False) from fault


class RunEvents:
    """Publishes domain events for one run."""

    def __init__(self, events: DomainEvents, scope: OrgScope, run_id: UUID) -> None:
        self._events = events
        self._scope = scope
        self._source = f"run:{run_id}"

    async def publish(self, type: str, data: JsonObject, *, key: str) -> str:
        """Publish once for each key. Raises `NodeError` for data that cannot be kept."""
        try:
            event = await self._events.publish(self._scope, type, data, key=f"run:{key}", source=self._source)
        except InvalidInput as fault:
            raise NodeError("invalid_output", fault.message, help=fault.help, can_pass=False) from fault
        return event.id
