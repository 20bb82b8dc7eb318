"""Settings → engine, services, providers: the only place where things are chosen, and where a bad choice is refused."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal
from urllib.parse import urlsplit

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine

from girih.db import migrations
from girih.db.direct import DirectPool
from girih.db.engine import make_engine, make_sessions
from girih.db.health import NEVER_MIGRATED, DatabaseHealth, examine
from girih.db.unit_of_work import Dispatch, UnitOfWork
from girih.engine.engine import Engine
from girih.errors import InvalidInput, Unavailable
from girih.jobs import make_dispatch
from girih.language.nodes.registry import kinds
from girih.providers.embeddings.base import Embedder
from girih.providers.embeddings.ladder import Embedders
from girih.providers.models.chat import ModelOptions, load_openai, make_models
from girih.providers.outbound import OutboundClient
from girih.providers.tools.http import HttpTools
from girih.services.agents.service import AgentService
from girih.services.identity.service import IdentityService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService
from girih.services.runs.ports import MakeModels
from girih.services.runs.service import RunService
from girih.settings import Settings

_DATABASE_URL = "set GIRIH_DATABASE_URL to `postgresql://user:password@host:port/name`, or use `girih dev`"


@dataclass(frozen=True)
class Facts:
    """What doors need to know of the settings."""

    version: str
    max_upload_bytes: int
    cors_origins: tuple[str, ...] = ()


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
    """The services of one process, open."""

    identity: IdentityService
    registry: RegistryService
    knowledge: KnowledgeService
    agents: AgentService
    runs: RunService
    facts: Facts
    readiness: Callable[[], Awaitable[Readiness]]


def read_settings() -> Settings:
    """The environment's settings. Raises `InvalidInput` that names the variable and what is wrong with it."""
    try:
        return Settings()
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        variable = name if name.startswith(("GIRIH_", "OPENAI_")) else f"GIRIH_{name}"
        raise InvalidInput(f"{variable} is not usable: {first['msg']}", help="correct or unset it") from None
    except ValueError as fault:
        # pydantic-settings' own words for a list or mapping that is not JSON name the variable, not its value.
        raise InvalidInput(f"a setting is not usable: {fault}", help="write lists and mappings as JSON") from None


@asynccontextmanager
async def open_girih(settings: Settings) -> AsyncIterator[Girih]:
    """Everything a process needs, opened in order and closed in reverse.

    Raises `InvalidInput` for settings that cannot work and `Unavailable` for a database that cannot be used: away, not
    migrated, or with a role that row-level security does not hold.
    """
    facts = _facts(settings)
    async with AsyncExitStack() as stack:
        engine = _engine(settings)
        stack.push_async_callback(engine.dispose)
        require_usable(await examine(engine), migrations.head())
        uow = UnitOfWork(make_sessions(engine), _dispatch(settings))
        outbound = OutboundClient(_endpoints(settings).values())
        stack.push_async_callback(outbound.aclose)
        direct = DirectPool(settings.database_url, size=settings.database_pool)
        stack.push_async_callback(direct.close)
        identity, registry = IdentityService(uow), RegistryService(uow)
        knowledge = KnowledgeService(
            uow, settings.data_dir, _embedders(settings), max_upload_bytes=facts.max_upload_bytes
        )
        agents = AgentService(uow, registry, knowledge)
        runs = RunService(
            uow,
            direct,
            agents,
            registry,
            knowledge,
            Engine(kinds()),
            make_models=_models(settings),
            tools=HttpTools(outbound, settings.endpoints),
            slots=settings.run_slots,
        )
        yield Girih(identity, registry, knowledge, agents, runs, facts, _readiness(engine, settings.redis_url))


def require_usable(found: DatabaseHealth, head: str) -> None:
    """Refuse a database that is not migrated to `head`, or a role that could see beyond its organization."""
    if found.superuser or found.bypasses:
        what = "is a superuser" if found.superuser else "may bypass row-level security"
        raise Unavailable(
            f"the database role '{found.role}' {what}, so organizations would not be kept apart",
            help="let girih work as the role the migrations make (girih_app)",
        )
    if found.owns:
        raise Unavailable(
            f"the database role '{found.role}' owns tables, so organizations would not be kept apart",
            help="migrate as another role: set GIRIH_MIGRATION_DATABASE_URL to the owner's login",
        )
    if found.revision is None:
        raise Unavailable("the database has never been migrated", help=NEVER_MIGRATED)
    if found.revision != head:
        raise Unavailable(
            f"the database is at revision {found.revision}, this release needs {head}",
            help="migrate it as its owner: `alembic upgrade head`; or start the release that fits it",
        )


def _facts(settings: Settings) -> Facts:
    for origin in settings.cors_origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}":
            raise InvalidInput(
                f"GIRIH_CORS_ORIGINS holds '{origin}', which is not one origin",
                help="write each as `https://app.example.com`, without path and without `*`",
            )
    return Facts(version("girih"), settings.max_upload_mb * 2**20, tuple(settings.cors_origins))


def _engine(settings: Settings) -> AsyncEngine:
    if not settings.database_url:
        raise InvalidInput("GIRIH_DATABASE_URL is not set", help=_DATABASE_URL)
    try:
        url = make_url(settings.database_url)
    except (ArgumentError, ValueError):
        raise InvalidInput("GIRIH_DATABASE_URL is not a database URL", help=_DATABASE_URL) from None
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise InvalidInput("GIRIH_DATABASE_URL is not a PostgreSQL URL", help=_DATABASE_URL)
    return make_engine(settings.database_url, pool_size=settings.database_pool, overflow=settings.database_pool)


def _endpoints(settings: Settings) -> dict[str, str]:
    for name, url in settings.endpoints.items():
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise InvalidInput(
                f"GIRIH_ENDPOINTS gives '{name}' an address that is not http",
                help="write it as `http://host:port/base`",
            )
    return settings.endpoints


def _dispatch(settings: Settings) -> Dispatch:
    return make_dispatch(settings.redis_url) if settings.redis_url else _unheard


def _unheard(job: str, job_id: str) -> None:
    """Without a broker nothing rings: the worker finds the rows by itself, a little later."""
    del job, job_id


def _models(settings: Settings) -> MakeModels:
    options = ModelOptions(
        openai_api_key=settings.openai_api_key.get_secret_value(),
        openai_base_url=settings.openai_base_url,
        openai_model=settings.openai_model,
    )
    if options.has_openai:
        load_openai()  # at start, where a second does not matter, instead of in the first run that waits for it
    return lambda documents: make_models(documents, options)


def _embedders(settings: Settings) -> Embedders:
    def remote() -> Embedder:
        module = importlib.import_module("girih.providers.embeddings.openai")  # takes a second to load, so only if used
        made: Embedder = module.OpenAIEmbedder(
            settings.openai_embedding_model, settings.openai_api_key, settings.openai_base_url
        )
        return made

    has_provider = bool(settings.openai_api_key.get_secret_value() or settings.openai_base_url)
    return Embedders(settings.embedder, openai=remote if has_provider else None)


def _readiness(engine: AsyncEngine, redis_url: str) -> Callable[[], Awaitable[Readiness]]:
    async def ask() -> Readiness:
        queue = await _queue(redis_url)
        try:
            found = await examine(engine)
        except Unavailable:
            # Its address is nothing for everybody to read.
            return Readiness("does not answer", "unknown", queue)
        try:
            require_usable(found, migrations.head())
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
