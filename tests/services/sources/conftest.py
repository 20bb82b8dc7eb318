"""A data store's services on the session's database, a collection, and a source that tests can write into."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.providers.loaders.listing import reach
from tests.services.knowledge.conftest import make_library, make_service

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.compiler.workspace import OtherSpec
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.following import News
from girih.services.knowledge.schemas import DocumentOut
from girih.services.secrets.keyring import KeyRing
from girih.services.secrets.service import Kept, SecretService
from girih.services.sources.running import SyncRunner
from girih.services.sources.schemas import DataStoreIn, DataStoreOut, SyncIn, SyncOut
from girih.services.sources.service import SourceService
from girih.services.sources.syncing import Syncing

SECRETS: dict[str, str] = {}
"""What the operator has set."""


class Silent:
    """A channel on which nothing is ever said."""

    async def listen(self, heard: Callable[[str], None], ready: Callable[[], None]) -> None:
        await asyncio.Event().wait()


@dataclass
class Desk:
    """The services together, and what tests do with them again and again."""

    uow: UnitOfWork
    scope: OrgScope
    sources: SourceService
    runner: SyncRunner
    library: DocumentService
    folder: Path

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    async def store(self, name: str = "handbook", **body: Any) -> DataStoreOut:
        given: dict[str, Any] = {"source": {"kind": "folder", "path": str(self.folder)}, "collection": "docs"}
        return await self.sources.create(self.scope, DataStoreIn.model_validate({"name": name} | given | body))

    async def sync(self, store: DataStoreOut, **asked: bool) -> SyncOut:
        """A sync from its request to its end."""
        begun = await self.sources.sync(self.scope, store.id, SyncIn(**asked))
        await self.runner.run(str(begun.id))
        return await self.sources.one_sync(self.scope, store.id, begun.id)

    async def documents(self) -> dict[str, DocumentOut]:
        found, _ = await self.library.documents(self.scope, "docs", limit=200)
        return {document.name: document for document in found}


@pytest.fixture
async def desk(uow: UnitOfWork, scope: OrgScope, tmp_path: Path) -> AsyncIterator[Desk]:
    yield await make_desk(uow, scope, tmp_path)


async def make_desk(uow: UnitOfWork, scope: OrgScope, tmp_path: Path, **endpoints: str) -> Desk:
    folder = tmp_path / "source"
    folder.mkdir(exist_ok=True)
    knowledge, library = make_service(uow, tmp_path / "data"), make_library(uow, tmp_path / "data")
    spec = OtherSpec("collection/v1", "docs", "docs.yaml", {"kind": "collection/v1", "name": "docs"}, digest="docs")
    async with uow(scope) as work:
        await knowledge.put_collections(work, [spec])
    at = reach(endpoints, [folder])
    secrets = SecretService(uow, KeyRing(uow, None), lambda name: Kept(SECRETS.get(name)))
    runner = SyncRunner(uow, Syncing(uow, library, at, secrets), lease=timedelta(seconds=1))
    return Desk(uow, scope, SourceService(uow, at, News(Silent()), secrets), runner, library, folder)
