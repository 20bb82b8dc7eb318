"""The parts that runs need: of the API's process, and of a worker that does nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from girih.db.direct import DirectPool
from girih.db.engine import make_sessions
from girih.db.listening import Channel
from girih.db.unit_of_work import UnitOfWork
from girih.engine.engine import Engine
from girih.language.nodes.registry import kinds
from girih.providers.models.chat import load_openai
from girih.providers.outbound import OutboundClient, ProviderClients
from girih.providers.sandbox.monty import MontySandbox
from girih.services.agents.service import AgentService
from girih.services.events.service import EventService
from girih.services.knowledge.service import KnowledgeService
from girih.services.memory.service import MemoryService
from girih.services.registry.service import RegistryService
from girih.services.results.service import ResultService
from girih.services.runs.at_once import AtOnce
from girih.services.runs.conditions import CheckpointsSince, Conditions
from girih.services.runs.doorbell import Doorbell
from girih.services.runs.options import CheckUrl
from girih.services.runs.queue import Limits
from girih.services.runs.reconciler import Timing
from girih.services.runs.service import RunService
from girih.services.runs.watch import Watch
from girih.services.usage.service import UsageService
from girih.settings import Settings
from girih.wiring.aliases import watch_aliases
from girih.wiring.database import open_database
from girih.wiring.environment import dispatch_of, provider_of, web_endpoints_of
from girih.wiring.knowledge import make_embedders, make_knowledge, warm_up
from girih.wiring.limits import bounds_of, make_tally
from girih.wiring.models import models_of
from girih.wiring.retention import make_retention, start_sweeper
from girih.wiring.searching import make_searches
from girih.wiring.secrets import Secrecy, open_secrets
from girih.wiring.stores import open_stores
from girih.wiring.tools import tools_of
from girih.wiring.watching import Telemetry, make_usage, open_telemetry
from girih.wiring.webhooks import check_of, start_courier
from girih.wiring.world import make_world

DOORBELL = "girih_doorbell"


@asynccontextmanager
async def open_runs(settings: Settings) -> AsyncIterator[RunService]:
    """The runs of a worker, begun on opening and handed on in closing.

    Raises what `open_database` raises.
    """
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_database(settings))
        uow = UnitOfWork(make_sessions(engine), dispatch_of(settings))
        provider, secrecy = provider_of(settings), await open_secrets(settings, uow)
        if provider:
            stack.push_async_callback(provider.aclose)
        embedders = make_embedders(settings, provider)
        stack.callback(embedders.close)
        registry = RegistryService(uow)
        stores = open_stores(stack, settings)
        events = EventService(uow)
        usage = make_usage(uow, events)
        shared = provider, stores, usage.allowances, secrecy.secrets
        searches = make_searches(stack, settings, uow, embedders, registry, *shared)
        knowledge = make_knowledge(settings, uow, embedders, searches, stores=stores)
        agents = AgentService(uow, registry, knowledge, tells=events)
        memory = MemoryService(uow, embedders)
        runs = await make_runs(
            stack,
            settings,
            uow,
            agents,
            registry,
            knowledge,
            provider,
            events,
            memory,
            usage,
            await open_telemetry(stack, settings, engine, uow, port=settings.worker_metrics_port),
            secrecy=secrecy,
            background_after=0,
        )
        warm_up(embedders.load_default)
        if provider:  # before there are runs: no model call pays for it
            await asyncio.to_thread(load_openai)
        await runs.start()
        stack.push_async_callback(runs.stop)
        yield runs


async def make_runs(
    stack: AsyncExitStack,
    settings: Settings,
    uow: UnitOfWork,
    agents: AgentService,
    registry: RegistryService,
    knowledge: KnowledgeService,
    provider: ProviderClients | None,
    events: EventService,
    memory: MemoryService,
    usage: UsageService,
    telemetry: Telemetry,
    *,
    secrecy: Secrecy,
    background_after: float,
) -> RunService:
    """The service over an open database. What it holds open is closed with the stack."""
    outbound = OutboundClient(web_endpoints_of(settings))
    stack.push_async_callback(outbound.aclose)
    direct = DirectPool(settings.database_url, size=settings.database_pool)
    stack.push_async_callback(direct.close)
    sandbox = MontySandbox()
    stack.push_async_callback(sandbox.close)
    retention = make_retention(settings, uow)
    await start_sweeper(stack, settings, uow, retention, telemetry)
    await watch_aliases(stack, uow, agents)
    observers = *telemetry.observers(), await start_courier(stack, uow, outbound, secrecy.signing, telemetry)
    watch = Watch(usage.allowances, observers, AtOnce(uow, make_tally(stack, settings), bounds_of(settings)))
    return RunService(
        uow,
        direct,
        agents,
        registry,
        knowledge,
        Engine(kinds(), telemetry.graph_needed),
        make_models=models_of(stack, settings, provider, secrecy.secrets),
        events=events,
        world=make_world(tools_of(stack, settings, uow, secrecy.secrets), memory, ResultService(uow), sandbox),
        conditions=_conditions(settings, watch, background_after, retention.checkpoints_since, check_of(outbound)),
    )


def _conditions(
    settings: Settings,
    watch: Watch,
    background_after: float,
    checkpoints_since: CheckpointsSince,
    check_url: CheckUrl,
) -> Conditions:
    return Conditions(
        slots=settings.run_slots,
        grace=settings.shutdown_grace,
        timing=Timing.of_lease(settings.run_lease),
        dispatch=dispatch_of(settings),
        doorbell=Doorbell(Channel(settings.database_url, DOORBELL)),
        background_after=background_after,
        limits=Limits(settings.queued_runs_per_org, settings.queued_runs),
        crash_points=settings.test_build,
        watch=watch,
        check_url=check_url,
        remind_after=settings.remind_after,
        checkpoints_since=checkpoints_since,
    )
