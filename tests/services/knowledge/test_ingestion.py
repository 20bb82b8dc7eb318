"""An ingestion ends in the same state however often, by however many, and however interrupted it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from tests.services.knowledge.conftest import Dispatched, Ingest, Publish, listed, make_service, work_off

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Unavailable
from girih.providers.embeddings.base import Embedder
from girih.providers.embeddings.hashing import Hashing
from girih.providers.embeddings.ladder import Embedders
from girih.services.knowledge.collections import CollectionService
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.service import KnowledgeService

LONG = "\n\n".join(
    f"# Part {n}\n\n" + f"Sentence {n} says something about matter {n}. " * 12 for n in range(60)
).encode()


class Watched(Hashing):
    """The hashing embedder, which counts what it embeds and may be told to fail, or to stop."""

    name = "openai"  # the rung of the ladder it is put on

    def __init__(self) -> None:
        self.embedded = 0
        self.stop_after: int | None = None
        self.failures = 0
        self.stopped = asyncio.Event()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self.failures:
            self.failures -= 1
            raise Unavailable("the provider is away")
        if self.stop_after is not None and self.embedded >= self.stop_after:
            self.stopped.set()
            await asyncio.Event().wait()
        self.embedded += len(texts)
        return await super().embed(texts)


def watched_service(uow: UnitOfWork, folder: Path, embedder: Embedder, **options: Any) -> KnowledgeService:
    service = make_service(uow, folder, **options)
    ladder = Embedders("openai", openai=lambda: embedder)
    service._embedders = service.ingestion._embedders = ladder
    return service


async def state(uow: UnitOfWork, scope: OrgScope) -> tuple[Any, ...]:
    """All that searches read, and the counts they rank by."""
    async with uow(scope) as work:
        chunks = await work.session.execute(
            text(
                'SELECT c.id, c.ordinal, c.text, c.page, c.heading, c.start, c."end", w.words, v.embedding::text FROM chunks c '
                "JOIN chunk_words w ON w.org_id = c.org_id AND w.chunk_id = c.id "
                "JOIN chunk_vectors v ON v.org_id = c.org_id AND v.chunk_id = c.id ORDER BY c.ordinal"
            )
        )
        postings = await work.session.execute(
            text(
                "SELECT t, w.number, w.chunk_id FROM chunk_words w, unnest(w.terms) t "
                "UNION ALL SELECT p.term, e, NULL FROM chunk_postings p, unnest(p.entries) e ORDER BY 1, 2"
            )
        )
        collection = await work.session.execute(text("SELECT passages, words FROM search_indexes"))
        return chunks.all(), postings.all(), collection.all()


async def row(uow: UnitOfWork, scope: OrgScope, job_id: str) -> Any:
    async with uow(scope) as work:
        return (await work.session.execute(text("SELECT * FROM ingest_jobs WHERE id = :id"), {"id": job_id})).one()


async def test_three_times_and_at_once(
    scope: OrgScope,
    publish: Publish,
    knowledge: KnowledgeService,
    library: DocumentService,
    dispatched: Dispatched,
    uow: UnitOfWork,
) -> None:
    await publish(scope, chunk={"size": 50, "overlap": 10})
    await library.upload(scope, "docs", "a.md", LONG)
    job = dispatched.pop()[1]
    await asyncio.gather(*(knowledge.ingest(job) for _ in range(3)))
    first = await state(uow, scope)
    assert len(first[0]) > 60
    await knowledge.ingest(job)
    assert await state(uow, scope) == first
    assert (await row(uow, scope, job)).attempts == 1


async def test_an_interrupted_ingestion_resumes_and_ends_like_an_undisturbed_one(
    scope: OrgScope, publish: Publish, library: DocumentService, dispatched: Dispatched, uow: UnitOfWork,
    tmp_path: Path,
) -> None:  # fmt: skip
    await publish(scope, chunk={"size": 50, "overlap": 10})
    embedder = Watched()
    service = watched_service(uow, tmp_path, embedder)
    document = await library.upload(scope, "docs", "a.md", LONG)
    job = dispatched.pop()[1]
    embedder.stop_after = 48
    running = asyncio.create_task(service.ingest(job))
    await embedder.stopped.wait()
    seen = await library.document(scope, document.id)
    assert (seen.status, seen.stage, seen.total) == ("embedding", "embed", seen.total)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await row(uow, scope, job)).status == "queued"
    embedder.stop_after = None
    await service.ingest(job)
    assert (await library.document(scope, document.id)).status == "ready"
    assert embedder.embedded == seen.total, "what was embedded before was embedded again"
    interrupted = await state(uow, scope)
    await library.delete(scope, document.id)
    async with uow(scope) as work:
        await work.session.execute(text("DELETE FROM cached_embeddings"))
    again = await library.upload(scope, "docs", "a.md", LONG)
    await work_off(service, dispatched)
    undisturbed = await state(uow, scope)
    assert again.id != document.id
    assert [r[1:] for r in interrupted[0]] == [r[1:] for r in undisturbed[0]]
    assert interrupted[2] == undisturbed[2]


async def test_a_holder_that_lost_its_lease_changes_nothing(
    scope: OrgScope, publish: Publish, dispatched: Dispatched, uow: UnitOfWork, tmp_path: Path, library: DocumentService
) -> None:
    await publish(scope, chunk={"size": 50, "overlap": 10})
    slow = Watched()
    slow.stop_after = 16
    # It does not beat while it sleeps, as a process that was stopped (SIGSTOP) does not.
    sleeper = watched_service(uow, tmp_path, slow, lease=timedelta(seconds=4))
    sleeper.ingestion._beat = lambda held: asyncio.sleep(3600)  # type: ignore[assignment,method-assign]
    document = await library.upload(scope, "docs", "a.md", LONG)
    job = dispatched.pop()[1]
    running = asyncio.create_task(sleeper.ingest(job))
    await slow.stopped.wait()
    await sleeper.ingest(job)
    assert (await row(uow, scope, job)).fence == 2, "a lease that holds was taken"
    await asyncio.sleep(4.1)
    other = watched_service(uow, tmp_path, Watched())
    await other.ingest(job)
    after = await state(uow, scope)
    assert (await library.document(scope, document.id)).status == "ready"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await row(uow, scope, job)).status == "done"
    assert await state(uow, scope) == after


async def test_a_long_ingestion_keeps_its_lease(
    scope: OrgScope, publish: Publish, dispatched: Dispatched, uow: UnitOfWork, tmp_path: Path, library: DocumentService
) -> None:
    await publish(scope)
    slow = Watched()
    slow.stop_after = 0
    service = watched_service(uow, tmp_path, slow, lease=timedelta(seconds=0.5))
    await library.upload(scope, "docs", "a.md", LONG)
    job = dispatched.pop()[1]
    running = asyncio.create_task(service.ingest(job))
    await slow.stopped.wait()
    await asyncio.sleep(1.2)
    await service.ingest(job)
    assert (await row(uow, scope, job)).attempts == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_poison_fails_after_three_attempts(
    scope: OrgScope, publish: Publish, dispatched: Dispatched, uow: UnitOfWork, tmp_path: Path, library: DocumentService
) -> None:
    await publish(scope)
    service = make_service(uow, tmp_path)
    document = await library.upload(scope, "docs", "a.md", LONG)
    job = dispatched.pop()[1]
    for attempt in range(1, 4):
        async with uow(scope) as work:  # a worker that died in the middle of it
            await work.session.execute(
                text(
                    "UPDATE ingest_jobs SET status = 'running', attempts = :n, fence = fence + 1, "
                    "lease_until = now() - interval '1 s', reason = 'the worker stopped in the middle of it'"
                ),
                {"n": attempt},
            )
    await service.ingest(job)
    failed = await library.document(scope, document.id)
    assert failed.status == "failed"
    assert "3 attempts" in (failed.reason or "")


async def test_a_provider_that_is_away_is_tried_again_later(
    scope: OrgScope, publish: Publish, dispatched: Dispatched, uow: UnitOfWork, tmp_path: Path, library: DocumentService
) -> None:
    await publish(scope)
    embedder = Watched()
    embedder.failures = 1
    service = watched_service(uow, tmp_path, embedder)
    document = await library.upload(scope, "docs", "a.md", LONG)
    job = dispatched.pop()[1]
    await service.ingest(job)
    assert (await library.document(scope, document.id)).status == "queued"
    await service.ingest(job)
    assert (await row(uow, scope, job)).attempts == 1, "it was taken before its time"
    async with uow(scope) as work:
        await work.session.execute(text("UPDATE ingest_jobs SET not_before = now()"))
    await service.ingest(job)
    assert (await library.document(scope, document.id)).status == "ready"


async def test_a_provider_that_stays_away_fails_the_document(
    scope: OrgScope, publish: Publish, dispatched: Dispatched, uow: UnitOfWork, tmp_path: Path, library: DocumentService
) -> None:
    await publish(scope)
    embedder = Watched()
    embedder.failures = 99
    service = watched_service(uow, tmp_path, embedder)
    document = await library.upload(scope, "docs", "a.md", LONG)
    job = dispatched.pop()[1]
    for _ in range(3):
        async with uow(scope) as work:
            await work.session.execute(text("UPDATE ingest_jobs SET not_before = NULL"))
        await service.ingest(job)
    failed = await library.document(scope, document.id)
    assert failed.status == "failed"
    assert "the provider is away" in (failed.reason or "")


async def test_replaced_and_deleted_while_it_runs(
    scope: OrgScope, publish: Publish, dispatched: Dispatched, uow: UnitOfWork, tmp_path: Path, library: DocumentService
) -> None:
    await publish(scope)
    embedder = Watched()
    embedder.stop_after = 0
    service = watched_service(uow, tmp_path, embedder, lease=timedelta(seconds=0.6))
    await library.upload(scope, "docs", "a.md", LONG)
    running = asyncio.create_task(service.ingest(dispatched.pop()[1]))
    await embedder.stopped.wait()
    document = await library.upload(scope, "docs", "a.md", b"# New\n\nwords")
    await asyncio.wait_for(running, 5)
    embedder.stop_after, embedder.stopped = None, asyncio.Event()
    await work_off(service, dispatched)
    assert [chunk.text for chunk in (await state(uow, scope))[0]] == ["New\n\nwords"]
    embedder.stop_after = 0
    await library.upload(scope, "docs", "a.md", LONG)
    running = asyncio.create_task(service.ingest(dispatched.pop()[1]))
    await embedder.stopped.wait()
    await library.delete(scope, document.id)
    await asyncio.wait_for(running, 5)
    assert (await state(uow, scope))[:2] == ([], [])


async def test_embedding_holds_no_connection(
    scope: OrgScope,
    publish: Publish,
    dispatched: Dispatched,
    database_url: str,
    tmp_path: Path,
    library: DocumentService,
) -> None:
    from girih.db.engine import make_engine, make_sessions

    await publish(scope)
    engine = make_engine(database_url, pool_size=1, overflow=0)
    uow = UnitOfWork(make_sessions(engine), lambda job, job_id: dispatched.append((job, job_id)))

    class Checking(Watched):
        async def embed(self, texts: Sequence[str]) -> list[list[float]]:
            async with uow(scope) as work:
                await work.session.execute(text("SELECT 1"))
            return await super().embed(texts)

    try:
        service = watched_service(uow, tmp_path, Checking(), lease=timedelta(seconds=30))
        document = await library.upload(scope, "docs", "a.md", LONG)
        await work_off(service, dispatched)
        assert (await library.document(scope, document.id)).status == "ready"
    finally:
        await engine.dispose()


async def test_an_unknown_job_is_nothing(knowledge: KnowledgeService) -> None:
    await knowledge.ingest(UUID(int=1))
    with pytest.raises(ValueError, match="UUID"):
        await knowledge.ingest("garbage")


async def test_collections_keep_the_embedder_they_began_with(
    scope: OrgScope,
    publish: Publish,
    ingest: Ingest,
    uow: UnitOfWork,
    dispatched: Dispatched,
    tmp_path: Path,
    library: DocumentService,
    shelves: CollectionService,
) -> None:
    await publish(scope, embedder="default")
    await ingest(scope, "a.txt", b"words")
    moved = KnowledgeService(uow, tmp_path, Embedders("minilm"))
    await library.upload(scope, "docs", "b.txt", b"more words")
    await work_off(moved, dispatched)
    assert {d.status for d in await listed(library, scope, "docs")} == {"ready"}
    assert (await shelves.collections(scope))[0][0].embedder_name == "hashing"
