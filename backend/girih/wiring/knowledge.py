"""The parts that ingestion needs and nothing else: the worker starts with these alone."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from girih.db.engine import make_sessions
from girih.db.unit_of_work import UnitOfWork
from girih.errors import GirihError, InvalidInput, Unavailable
from girih.providers.embeddings.base import Embedder
from girih.providers.embeddings.household import Household
from girih.providers.embeddings.ladder import Embedders, minilm_in_process
from girih.providers.embeddings.shared import SharedMiniLM
from girih.providers.outbound import ProviderClients
from girih.providers.storage.base import Storage
from girih.providers.storage.local import LocalStorage
from girih.providers.stores.base import VectorStores
from girih.services.knowledge.enriching import Enriching
from girih.services.knowledge.searching import SearchService
from girih.services.knowledge.service import KnowledgeService
from girih.settings import Settings
from girih.wiring.database import open_database, require_database_url
from girih.wiring.enriching import make_enriching
from girih.wiring.environment import dispatch_of, provider_of
from girih.wiring.stores import open_stores

_log = logging.getLogger(__name__)


def require_worker_settings(settings: Settings) -> None:
    """Refuse settings with which a worker could never work. Raises `InvalidInput`."""
    require_database_url(settings)
    if not settings.redis_url:
        raise InvalidInput(
            "GIRIH_REDIS_URL is not set", help="set it to `redis://:password@host:port/0`, or use `girih dev`"
        )


@asynccontextmanager
async def open_knowledge(settings: Settings) -> AsyncIterator[KnowledgeService]:
    """The knowledge service of a worker, its embedder loading. Raises what `open_database` raises."""
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_database(settings))
        provider = provider_of(settings)
        if provider:
            stack.push_async_callback(provider.aclose)
        embedders = make_embedders(settings, provider)
        stack.callback(embedders.close)
        warm_up(embedders.load_default)
        uow = UnitOfWork(make_sessions(engine), dispatch_of(settings))
        stores = open_stores(stack, settings)
        enriching = make_enriching(stack, settings, uow, provider)
        yield make_knowledge(settings, uow, embedders, enriching=enriching, stores=stores)


def make_knowledge(
    settings: Settings,
    uow: UnitOfWork,
    embedders: Embedders,
    searches: SearchService | None = None,
    enriching: Enriching | None = None,
    stores: VectorStores | None = None,
) -> KnowledgeService:
    """The service over an open database. Without `searches`, it searches without models and rerankers."""
    return KnowledgeService(
        uow,
        settings.data_dir,
        embedders,
        storage=make_storage(settings),
        searches=searches,
        enriching=enriching,
        stores=stores,
        lease=timedelta(seconds=settings.ingest_lease),
    )


def make_storage(settings: Settings) -> Storage:
    """Where uploaded files lie. Raises `InvalidInput` for a bad address, `Unavailable` where the extra is missing."""
    if not settings.storage_url:
        return LocalStorage(settings.data_dir)
    try:
        module = importlib.import_module("girih.providers.storage.s3")
    except ImportError as fault:
        raise Unavailable(
            "GIRIH_STORAGE_URL names a bucket, and what speaks to buckets is not installed",
            help='install it: pip install "girih[s3]"',
        ) from fault
    bucket = module.Bucket(
        settings.storage_url,
        settings.storage_endpoint,
        settings.storage_region,
        settings.storage_access_key.get_secret_value(),
        settings.storage_secret_key.get_secret_value(),
    )
    storage: Storage = module.S3Storage(bucket)
    return storage


def make_embedders(settings: Settings, provider: ProviderClients | None) -> Embedders:
    """Embedders by name; the remote one where a provider is set, the local one in a process that all share."""

    def remote() -> Embedder:
        module = importlib.import_module("girih.providers.embeddings.openai")  # takes a second to load, so only if used
        made: Embedder = module.OpenAIEmbedder(
            settings.openai_embedding_model, settings.openai_api_key, settings.openai_base_url, provider
        )
        return made

    def local() -> Embedder:
        if not settings.embedder_process:
            return minilm_in_process()
        try:
            household = Household(settings.data_dir)
        except Unavailable as fault:
            _log.warning("%s; the embedder is loaded into this process", fault)
            return minilm_in_process()
        return SharedMiniLM(household)

    return Embedders(settings.embedder, openai=remote if provider else None, minilm=local)


def warm_up(*loads: Callable[[], object]) -> None:
    """Do what would make the first request or document wait, one after another in a thread of its own."""

    def load_all() -> None:
        for load in loads:
            try:
                load()
            except GirihError as fault:
                _log.warning("not loaded ahead, and tried again when it is needed: %s", fault)

    threading.Thread(target=load_all, name="girih-warm-up", daemon=True).start()
