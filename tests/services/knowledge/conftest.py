"""A knowledge service on the session's database, with a collection called `docs`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.compiler.workspace import OtherSpec
from girih.language.spec.tree import JsonValue
from girih.providers.embeddings.ladder import Embedders
from girih.providers.storage.local import LocalStorage
from girih.services.knowledge.collections import CollectionService
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.schemas import DocumentOut, PutAction
from girih.services.knowledge.service import KnowledgeService

Publish = Callable[..., Awaitable[PutAction]]
Ingest = Callable[..., Awaitable[DocumentOut]]
Dispatched = list[tuple[str, str]]


@pytest.fixture
def knowledge(uow: UnitOfWork, tmp_path: Path) -> KnowledgeService:
    return make_service(uow, tmp_path)


def make_service(uow: UnitOfWork, folder: Path, **options: object) -> KnowledgeService:
    """A service that embeds by hashing (fast), with a lease of one second."""
    given = {"lease": timedelta(seconds=1)} | options
    return KnowledgeService(uow, folder, Embedders("hashing"), **given)  # type: ignore[arg-type]


@pytest.fixture
def library(uow: UnitOfWork, tmp_path: Path) -> DocumentService:
    return make_library(uow, tmp_path)


def make_library(uow: UnitOfWork, folder: Path, **options: object) -> DocumentService:
    """A service of documents whose files lie in the folder."""
    return DocumentService(uow, LocalStorage(folder), folder, **options)  # type: ignore[arg-type]


@pytest.fixture
def shelves(uow: UnitOfWork, tmp_path: Path) -> CollectionService:
    return CollectionService(uow, LocalStorage(tmp_path))


async def listed(library: DocumentService, scope: OrgScope, collection: str) -> list[DocumentOut]:
    """The collection's documents, by name."""
    documents, after = await library.documents(scope, collection, limit=200)
    assert after is None
    return documents


@pytest.fixture
def publish(uow: UnitOfWork, knowledge: KnowledgeService) -> Publish:
    """Publishes a collection: `await publish(scope, name="docs", chunk={"size": 50, "overlap": 10})`."""

    async def put(scope: OrgScope, name: str = "docs", **document: JsonValue) -> PutAction:
        whole = {"kind": "collection/v1", "name": name} | document
        spec = OtherSpec("collection/v1", name, f"{name}.yaml", whole, digest=repr(sorted(whole.items())))
        async with uow(scope) as work:
            return (await knowledge.put_collections(work, [spec]))[name]

    return put


@pytest.fixture
def ingest(knowledge: KnowledgeService, library: DocumentService, dispatched: Dispatched) -> Ingest:
    """Uploads and works off what was rung for, as the worker does: `await ingest(scope, "a.txt", b"words")`."""

    async def bring(scope: OrgScope, name: str, content: bytes, collection: str = "docs") -> DocumentOut:
        document = await library.upload(scope, collection, name, content)
        await work_off(knowledge, dispatched)
        return await library.document(scope, document.id)

    return bring


async def work_off(knowledge: KnowledgeService, dispatched: Dispatched) -> None:
    """Run every job that was rung for."""
    while dispatched:
        await knowledge.ingest(dispatched.pop(0)[1])
