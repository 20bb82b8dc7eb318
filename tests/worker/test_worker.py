"""Documents become ready through a real Celery worker, also when it is killed or the broker is away."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.providers.parsers import samples
from tests.worker.conftest import LONG, StartWorker, in_the_middle, kill, passages, settled, until

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.embedded.valkey import ValkeyServer, start_valkey
from girih.jobs import INGEST, make_client, make_dispatch
from girih.services.knowledge.documents import DocumentService


async def test_every_kind_of_file(scope: OrgScope, library: DocumentService, start_worker: StartWorker) -> None:
    worker = start_worker()
    files = {
        "a.pdf": samples.good_pdf(),
        "b.docx": samples.good_docx(),
        "c.html": samples.HTML,
        "d.md": samples.MARKDOWN,
        "e.txt": samples.TEXT,
        "f.pdf": samples.encrypted_pdf(),
        "g.pdf": samples.scan(),
        "h.docx": b"broken",
    }
    for name, content in files.items():
        await library.upload(scope, "docs", name, content)
    documents = await settled(library, scope)
    assert [d.status for d in documents] == ["ready"] * 5 + ["failed"] * 3
    assert all(d.reason for d in documents[5:])
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0


async def test_a_killed_worker_loses_nothing(
    scope: OrgScope, uow: UnitOfWork, library: DocumentService, start_worker: StartWorker
) -> None:
    document = await library.upload(scope, "docs", "a.md", LONG)
    worker = start_worker()
    await in_the_middle(library, scope, document)
    kill(worker)
    killed_at = time.monotonic()
    start_worker()
    [ready] = await settled(library, scope)
    assert ready.status == "ready", ready.reason
    assert time.monotonic() - killed_at < 30
    killed = await passages(uow, scope)
    await library.delete(scope, document.id)
    async with uow(scope) as work:
        await work.session.execute(text("DELETE FROM cached_embeddings"))
    await library.upload(scope, "docs", "b.md", LONG)
    await settled(library, scope)
    assert await passages(uow, scope) == killed
    assert len(killed) > 160


async def test_a_message_delivered_three_times_is_one_ingestion(
    scope: OrgScope, uow: UnitOfWork, library: DocumentService, start_worker: StartWorker, broker: ValkeyServer
) -> None:
    await library.upload(scope, "docs", "a.md", samples.MARKDOWN)
    async with uow(scope) as work:
        job = str(await work.session.scalar(text("SELECT id FROM ingest_jobs")))
    client = make_client(broker.url)
    for _ in range(3):
        client.send_task(INGEST, args=[job])
    start_worker()
    start_worker()
    [ready] = await settled(library, scope)
    assert ready.status == "ready"
    before = await passages(uow, scope)
    client.send_task(INGEST, args=[job])
    await library.upload(scope, "docs", "b.md", samples.TEXT)
    await settled(library, scope)
    assert [p for p in await passages(uow, scope) if p.text in {b.text for b in before}] == before
    async with uow(scope) as work:
        attempts = await work.session.scalars(text("SELECT attempts FROM ingest_jobs"))
        assert attempts.all() == [1, 1]


async def test_the_broker_away_at_upload(
    scope: OrgScope, uow: UnitOfWork, library: DocumentService, start_worker: StartWorker, broker: ValkeyServer,
    tmp_path: Path,
) -> None:  # fmt: skip
    broker.stop()
    started = time.monotonic()
    document = await library.upload(scope, "docs", "a.md", samples.MARKDOWN)
    assert time.monotonic() - started < 1
    assert document.status == "queued"
    start_worker()
    [ready] = await settled(library, scope)
    assert ready.status == "ready", "nobody rings, so it looks by itself"
    again = start_valkey(tmp_path / "valkey")
    try:
        assert again.url == broker.url
        await library.upload(scope, "docs", "b.md", samples.TEXT)
        assert [each.status for each in await settled(library, scope)] == ["ready", "ready"]
    finally:
        again.stop()


async def test_a_worker_told_to_stop_hands_its_work_on(
    scope: OrgScope, uow: UnitOfWork, library: DocumentService, start_worker: StartWorker
) -> None:
    very_long = LONG + b"\n\n" + LONG.replace(b"matter", b"theme") + b"\n\n" + LONG.replace(b"matter", b"topic")
    document = await library.upload(scope, "docs", "a.md", very_long + very_long.replace(b"says", b"tells"))

    async def embedding() -> bool:
        return (await library.document(scope, document.id)).stage == "embed"

    worker = start_worker()
    await until(embedding)
    worker.send_signal(signal.SIGTERM)
    started = time.monotonic()
    assert await asyncio.to_thread(worker.wait, 20) == 0
    assert time.monotonic() - started < 10
    assert (await library.document(scope, document.id)).status == "queued"
    start_worker(pause=0)
    [ready] = await settled(library, scope)
    assert ready.status == "ready"
    async with uow(scope) as work:
        assert await work.session.scalar(text("SELECT attempts FROM ingest_jobs")) == 1


def test_ringing_never_waits_and_says_once_that_nobody_answers(caplog: pytest.LogCaptureFixture) -> None:
    dispatch = make_dispatch("redis://127.0.0.1:1/0")
    with caplog.at_level(logging.WARNING, "girih.jobs"):
        started = time.monotonic()
        for number in range(5):
            dispatch(INGEST, str(number))
        assert time.monotonic() - started < 0.2
        time.sleep(3)
    said = [record for record in caplog.records if record.name == "girih.jobs"]
    assert len(said) == 1
