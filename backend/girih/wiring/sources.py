"""What data stores and their syncs need, in the API and in the worker that runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from girih.db.engine import make_sessions
from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput
from girih.providers.loaders.reach import Reach
from girih.providers.outbound import OutboundClient
from girih.services.knowledge.following import News
from girih.services.secrets.ports import SecretValues
from girih.services.sources.running import SyncRunner
from girih.services.sources.service import SourceService
from girih.services.sources.syncing import Syncing
from girih.settings import Settings
from girih.wiring.database import open_database
from girih.wiring.documents import make_shelves
from girih.wiring.environment import dispatch_of, endpoints_of, web_endpoints_of
from girih.wiring.secrets import open_secrets


def make_sources(
    stack: AsyncExitStack, settings: Settings, uow: UnitOfWork, news: News, secrets: SecretValues
) -> SourceService:
    """The service of data stores; what it reaches is closed with the stack. Raises `InvalidInput` for bad settings."""
    return SourceService(uow, _reach(stack, settings), news, secrets)


@asynccontextmanager
async def open_syncs(settings: Settings) -> AsyncIterator[SyncRunner]:
    """What runs syncs in a worker. Raises what `open_database` raises."""
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_database(settings))
        uow = UnitOfWork(make_sessions(engine), dispatch_of(settings))
        documents, *_ = make_shelves(settings, uow)
        secrecy = await open_secrets(settings, uow)
        yield SyncRunner(uow, Syncing(uow, documents, _reach(stack, settings), secrecy.secrets))


def _reach(stack: AsyncExitStack, settings: Settings) -> Reach:
    for folder in settings.source_folders:
        if not folder.is_absolute():
            raise InvalidInput(f"GIRIH_SOURCE_FOLDERS holds '{folder}', which is no absolute path", help="begin with /")
    client = OutboundClient(web_endpoints_of(settings))
    stack.push_async_callback(client.aclose)
    return Reach(
        client,
        endpoints_of(settings),
        tuple(settings.source_folders),
        lambda _: None,
        settings.max_upload_mb * 2**20,
    )
