"""A collection that is deleted is not there from then on, and leaves nothing behind, whoever is stopped over it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.conftest import make_scope
from tests.services.knowledge.conftest import Dispatched, Ingest, Publish, listed, make_library, make_service, work_off
from tests.services.knowledge.shelf import TABLES

from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import NotFound
from girih.language.compiler.workspace import OtherSpec
from girih.language.nodes.ports import SearchRequest
from girih.providers.storage.local import LocalStorage
from girih.services.knowledge.collections import CollectionService
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.removing import Removing
from girih.services.knowledge.service import KnowledgeService

ALL = (*TABLES, "documents", "document_versions", "ingest_jobs", "search_indexes", "collections", "discarded_files")


async def left(uow: UnitOfWork, scope: OrgScope) -> dict[str, int]:
    """Rows of the organization."""
    async with uow(scope) as work:
        return {table: int(await work.session.scalar(text(f"SELECT count(*) FROM {table}")) or 0) for table in ALL}


async def test_of_a_deleted_collection_nothing_stays(
    scope: OrgScope, publish: Publish, ingest: Ingest, shelves: CollectionService, uow: UnitOfWork
) -> None:
    await publish(scope)
    for name in "ab":
        assert (await ingest(scope, f"{name}.txt", b"Some words about " + name.encode())).status == "ready"
    await shelves.delete(scope, "docs")
    assert await left(uow, scope) == dict.fromkeys(ALL, 0)
    with pytest.raises(NotFound):
        await shelves.collection(scope, "docs")
    assert await publish(scope) == "create"


async def test_it_is_not_there_from_the_first_transaction_on(
    scope: OrgScope, publish: Publish, ingest: Ingest, shelves: CollectionService, library: DocumentService,
    knowledge: KnowledgeService, uow: UnitOfWork, dispatched: Dispatched
) -> None:  # fmt: skip
    await publish(scope)
    document = await ingest(scope, "a.txt", b"Some words about a lamp.")
    await library.upload(scope, "docs", "b.txt", b"Words that nobody has ingested yet.")
    removing = Removing(uow)
    gone = await removing.begin(scope, "docs")
    for name in ("docs", f"docs {gone}"):
        for ask in (
            shelves.collection(scope, name),
            library.documents(scope, name),
            knowledge.search(scope, SearchRequest(name, "lamp")),
            library.upload(scope, name, "c.txt", b"More words."),
            shelves.delete(scope, name),
        ):
            with pytest.raises(NotFound):
                await ask
    for ask_one in (library.document, library.delete, library.retry):
        with pytest.raises(NotFound):
            await ask_one(scope, document.id)
    assert (await shelves.collections(scope))[0] == []
    await work_off(knowledge, dispatched)
    assert await publish(scope) == "create"
    assert await listed(library, scope, "docs") == []
    assert (await ingest(scope, "a.txt", b"Another lamp.")).status == "ready"
    while (files := await removing.step(scope, gone)) is not None:
        await shelves._collector.collect(scope, files)
    assert {
        name: count for name, count in (await left(uow, scope)).items() if name in ("documents", "collections")
    } == {
        "documents": 1,
        "collections": 1,
    }
    assert [hit.document for hit in await knowledge.search(scope, SearchRequest("docs", "lamp"))] == ["a.txt"]


async def test_a_large_one_goes_in_short_transactions(
    scope: OrgScope, publish: Publish, ingest: Ingest, uow: UnitOfWork
) -> None:
    await publish(scope, chunk={"size": 50, "overlap": 0})
    for number in range(5):
        await ingest(scope, f"{number}.txt", " ".join(f"Sentence {n} of {number}." for n in range(60)).encode())
    removing = Removing(uow, passages=4, rows=2)
    gone = await removing.begin(scope, "docs")
    counts = [await left(uow, scope)]
    assert counts[0]["chunks"] > 12
    while await removing.step(scope, gone) is not None:
        counts.append(await left(uow, scope))
    for before, after in pairwise(counts):
        assert before["chunks"] - after["chunks"] <= 4
        assert before["documents"] - after["documents"] <= 2
    assert counts[-1]["collections"] == 0
    assert counts[-1]["discarded_files"] == 6, "five files and the folder of uploads"


@pytest.fixture
async def apart(database_apart: str, dispatched: Dispatched) -> AsyncIterator[UnitOfWork]:
    engine = make_engine(database_apart)
    yield UnitOfWork(make_sessions(engine), lambda job, job_id: dispatched.append((job, job_id)))
    await engine.dispose()


KILLED = """
import asyncio, sys
from uuid import UUID
from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.knowledge.removing import Removing

async def main(url, org, project):
    uow = UnitOfWork(make_sessions(make_engine(url)), lambda *_: None)
    scope, removing = OrgScope(UUID(org), UUID(project)), Removing(uow, passages=3, rows=1)
    id = await removing.begin(scope, "docs")
    while await removing.step(scope, id) is not None:
        print("a step", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_who_is_killed_over_it_leaves_it_to_others(
    apart: UnitOfWork, database_apart: str, tmp_path: Path, dispatched: Dispatched
) -> None:
    scope = await make_scope(apart)
    knowledge, library = make_service(apart, tmp_path), make_library(apart, tmp_path)
    spec = {"kind": "collection/v1", "name": "docs", "chunk": {"size": 50, "overlap": 0}}
    async with apart(scope) as work:
        await knowledge.put_collections(work, [OtherSpec("collection/v1", "docs", "docs.yaml", spec, "digest")])
    for number in range(6):
        body = " ".join(f"Sentence {n} of {number}." for n in range(60)).encode()
        await library.upload(scope, "docs", f"{number}.txt", body)
    await work_off(knowledge, dispatched)
    before = await left(apart, scope)
    command = [sys.executable, "-c", KILLED, database_apart, str(scope.org_id), str(scope.project_id)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(2):
            assert process.stdout.readline() == b"a step\n"
        process.kill()
    between = await left(apart, scope)
    assert 0 < between["chunks"] < before["chunks"]
    shelves = CollectionService(apart, LocalStorage(tmp_path))
    with pytest.raises(NotFound):
        await shelves.collection(scope, "docs")
    while await shelves.sweep():
        pass
    assert await left(apart, scope) == dict.fromkeys(ALL, 0)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
