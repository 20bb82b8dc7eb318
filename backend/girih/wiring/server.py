"""Everything the API needs: engine, services and providers, opened in order and closed in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Literal

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncEngine

from girih.db.engine import make_sessions
from girih.db.health import examine
from girih.db.revisions import head
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Unavailable
from girih.providers.embeddings.ladder import Embedders
from girih.providers.models.chat import load_openai
from girih.providers.outbound import ProviderClients
from girih.services.agents.service import AgentService
from girih.services.events.service import EventService
from girih.services.feedback.service import FeedbackService
from girih.services.identity.service import IdentityService
from girih.services.knowledge.collections import CollectionService
from girih.services.knowledge.contents import ContentService
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.jobs import JobService
from girih.services.knowledge.service import KnowledgeService
from girih.services.memory.service import MemoryService
from girih.services.registry.models import ModelService
from girih.services.registry.service import RegistryService
from girih.services.requests.service import RequestService
from girih.services.retention.service import RetentionService
from girih.services.runs.service import RunService
from girih.services.runs.traces import Traces
from girih.services.schedules.service import ScheduleService
from girih.services.secrets.service import SecretService
from girih.services.sources.service import SourceService
from girih.services.store.service import StoreService
from girih.services.tools.service import ToolService
from girih.services.uploads.service import UploadService
from girih.services.usage.service import UsageService
from girih.services.webhooks.service import WebhookService
from girih.settings import Settings
from girih.wiring.database import open_database, require_usable
from girih.wiring.dependents import ProjectDependents
from girih.wiring.documents import open_shelves
from girih.wiring.environment import dispatch_of, names_of, origins_of, provider_of, require_no_crash
from girih.wiring.facilities import InstalledFacilities
from girih.wiring.floors import require_queue_floor
from girih.wiring.gating import ServerTrials
from girih.wiring.ingestion import open_news
from girih.wiring.keys import make_identity
from girih.wiring.knowledge import make_embedders, make_knowledge, warm_up
from girih.wiring.limits import Limits, make_limits
from girih.wiring.models import make_model_service
from girih.wiring.organizations import Organizations, open_organizations
from girih.wiring.people import People, make_people
from girih.wiring.production import require_production
from girih.wiring.retention import make_retention
from girih.wiring.runs import make_runs
from girih.wiring.searching import make_searches
from girih.wiring.secrets import Secrecy, open_secrets
from girih.wiring.shelf import Shelf, make_shelf
from girih.wiring.signing import make_signing
from girih.wiring.sources import make_sources
from girih.wiring.stores import open_stores
from girih.wiring.tools import make_tool_service
from girih.wiring.watching import Telemetry, make_traces, make_usage, open_telemetry


@dataclass(frozen=True)
class Facts:
    """What doors need to know of the settings."""

    version: str
    max_upload_bytes: int
    cors_origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """The names it answers to; none is any."""
    is_secure: bool = False
    """Whether people reach it over https."""


@dataclass(frozen=True)
class Readiness:
    """Whether requests can be served; each part is `ok` or says what is wrong."""

    database: str
    migrations: str
    queue: str

    @property
    def status(self) -> Literal["ok", "degraded", "unavailable"]:
        """`degraded`: only background work waits."""
        if (self.database, self.migrations) != ("ok", "ok"):
            return "unavailable"
        return "ok" if self.queue == "ok" else "degraded"


@dataclass(frozen=True)
class Girih:
    """The services of one process, open. `warm_up` loads in the background what the first requests would wait for."""

    identity: IdentityService
    registry: RegistryService
    knowledge: KnowledgeService
    agents: AgentService
    runs: RunService
    events: EventService
    requests: RequestService
    memory: MemoryService
    usage: UsageService
    traces: Traces
    telemetry: Telemetry
    retention: RetentionService
    webhooks: WebhookService
    feedback: FeedbackService
    schedules: ScheduleService
    store: StoreService
    documents: DocumentService
    contents: ContentService
    collections: CollectionService
    uploads: UploadService
    sources: SourceService
    jobs: JobService
    facts: Facts
    readiness: Callable[[], Awaitable[Readiness]]
    warm_up: Callable[[], None]
    people: People
    limits: Limits
    secrets: SecretService
    shelf: Shelf
    models: ModelService
    tools: ToolService
    organizations: Organizations


@asynccontextmanager
async def open_girih(settings: Settings) -> AsyncIterator[Girih]:
    """Everything the API needs, opened in order and closed in reverse.

    Raises `InvalidInput` for settings that cannot work, and what `open_database` raises.
    """
    facts = Facts(version("girih"), settings.max_upload_mb * 2**20, origins_of(settings), *names_of(settings))
    await _require_fit(settings)
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_database(settings))
        uow = UnitOfWork(make_sessions(engine), dispatch_of(settings))
        secrecy, provider = await open_secrets(settings, uow), provider_of(settings)
        if provider:
            stack.push_async_callback(provider.aclose)
        identity, registry = make_identity(settings, uow), RegistryService(uow)
        after, events = settings.background_after, EventService(uow)
        usage = make_usage(uow, events)
        embedders, knowledge = _knowledge(stack, settings, uow, registry, provider, usage, secrecy)
        agents = _agents(settings, uow, registry, knowledge, events)
        memory = MemoryService(uow, embedders)
        telemetry = await open_telemetry(stack, settings, engine, uow, port=settings.metrics_port)
        parts = (stack, settings, uow, agents, registry, knowledge, provider, events, memory, usage, telemetry)
        runs = await make_runs(*parts, secrecy=secrecy, background_after=after)
        readiness = _readiness(engine, settings.redis_url)
        loads = (load_openai, embedders.load_default) if provider else (embedders.load_default,)
        traces, requests = make_traces(settings, uow), RequestService(uow)
        nouns = (identity, registry, knowledge, agents, runs, events, requests, memory, usage, traces, telemetry)
        shelves, said = await open_shelves(stack, settings, uow), _said(uow, secrecy)
        retention = make_retention(settings, uow)
        more = retention, *said, ScheduleService(uow, runs), StoreService(uow, embedders)
        news = open_news(stack, settings)
        sources, jobs = make_sources(stack, settings, uow, news, secrecy.secrets), JobService(uow, news)
        people, limits = await make_people(stack, settings, uow), make_limits(stack, settings)
        models = make_model_service(stack, settings, uow, registry, provider, secrecy.secrets, usage.allowances, events)
        tools = make_tool_service(stack, settings, uow, registry, secrecy.secrets)
        shelf = make_shelf(uow, retention, registry, knowledge, agents.marking)
        orgs = await open_organizations(stack, settings, uow, identity, people.accounts)
        first, warm, secrets = (*nouns, *more, *shelves), partial(warm_up, *loads), secrecy.secrets
        yield Girih(*first, sources, jobs, facts, readiness, warm, people, limits, secrets, shelf, models, tools, orgs)


async def _require_fit(settings: Settings) -> None:
    """Refuse what should not be started, before anything is opened."""
    require_no_crash(settings)
    require_production(settings, "api")
    await asyncio.to_thread(require_queue_floor, settings.redis_url)


def _agents(
    settings: Settings, uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService, events: EventService
) -> AgentService:
    """The agents, with all that publishing asks of a server."""
    return AgentService(
        uow,
        registry,
        knowledge,
        InstalledFacilities(),
        ProjectDependents(),
        trials=ServerTrials(settings),
        signing=make_signing(settings, uow),
        tells=events,
        crash_points=settings.test_build,
    )


def _said(uow: UnitOfWork, secrecy: Secrecy) -> tuple[WebhookService, FeedbackService]:
    return WebhookService(uow, secrecy.signing), FeedbackService(uow, secrecy.signing)


def _knowledge(
    stack: AsyncExitStack,
    settings: Settings,
    uow: UnitOfWork,
    registry: RegistryService,
    provider: ProviderClients | None,
    usage: UsageService,
    secrecy: Secrecy,
) -> tuple[Embedders, KnowledgeService]:
    """Embedders, which are closed with the stack, and the service with all that makes searches better."""
    embedders = make_embedders(settings, provider)
    stack.callback(embedders.close)
    stores = open_stores(stack, settings)
    shared = provider, stores, usage.allowances, secrecy.secrets
    searches = make_searches(stack, settings, uow, embedders, registry, *shared)
    return embedders, make_knowledge(settings, uow, embedders, searches, stores=stores)


def _readiness(engine: AsyncEngine, redis_url: str) -> Callable[[], Awaitable[Readiness]]:
    async def ask() -> Readiness:
        queue = await _queue(redis_url)
        try:
            found = await examine(engine)
        except Unavailable:
            # Its address is nothing for everybody to read.
            return Readiness("does not answer", "unknown", queue)
        try:
            require_usable(found, head(), is_running=True)
        except Unavailable as fault:
            return Readiness("ok", fault.message, queue)
        return Readiness("ok", "ok", queue)

    return ask


async def _queue(redis_url: str) -> str:
    if not redis_url:
        return "not set (GIRIH_REDIS_URL): jobs start a little later"
    try:
        async with Redis.from_url(redis_url, socket_timeout=1, socket_connect_timeout=1) as redis:
            await redis.ping()
    except (RedisError, OSError, ValueError):
        return "does not answer: jobs start a little later"
    return "ok"
