"""What is pulled away under a worker that works: its broker, and its own time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.providers.parsers import samples
from tests.worker.conftest import LEASE, LONG, StartWorker, in_the_middle, kill, settled, until

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.embedded.valkey import ValkeyServer, start_valkey
from girih.services.knowledge.documents import DocumentService

LONGER = b"\n\n".join((LONG, LONG.replace(b"matter", b"theme"), LONG.replace(b"matter", b"topic")))


async def jobs(uow: UnitOfWork, scope: OrgScope) -> list[Any]:
    async with uow(scope) as work:
        statement = "SELECT status, attempts, fence FROM ingest_jobs ORDER BY created_at"
        return [tuple(row) for row in await work.session.execute(text(statement))]


async def versions(uow: UnitOfWork, scope: OrgScope) -> dict[str, list[Any]]:
    """Which transaction wrote each row last: a row that was changed, even to the same values, has another."""
    async with uow(scope) as work:
        found = {}
        for table in ("ingest_jobs", "documents", "collections", "search_indexes", "chunks", "postings", "terms"):
            if await work.session.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": table}):
                rows = await work.session.execute(text(f"SELECT ctid::text, xmin::text FROM {table} ORDER BY ctid"))
                found[table] = [tuple(row) for row in rows]
        return found


@pytest.mark.parametrize("back", ["while the task runs", "after the task ended"])
async def test_the_broker_is_killed_and_comes_back_under_a_running_task(
    scope: OrgScope, uow: UnitOfWork, library: DocumentService, start_worker: StartWorker, broker: ValkeyServer,
    tmp_path: Path, back: str,
) -> None:  # fmt: skip
    """Decides whether a newer Celery may be taken: its worker has to go on, with both tasks done once."""
    document = await library.upload(scope, "docs", "a.md", LONGER if back == "while the task runs" else LONG)
    worker = start_worker()
    await in_the_middle(library, scope, document)
    os.kill(broker.pid, signal.SIGKILL)
    if back == "after the task ended":
        await settled(library, scope)
    await asyncio.sleep(1)
    again = start_valkey(tmp_path / "valkey")
    try:
        assert again.url == broker.url
        [ready] = await settled(library, scope)
        assert ready.status == "ready", ready.reason
        assert await jobs(uow, scope) == [("done", 1, 2)]
        await library.upload(scope, "docs", "b.md", samples.MARKDOWN)
        assert [d.status for d in await settled(library, scope)] == ["ready", "ready"]
        assert worker.poll() is None, "the worker did not survive its broker"
        assert await jobs(uow, scope) == [("done", 1, 2), ("done", 1, 2)]
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, 20) == 0
    finally:
        again.stop()


async def test_a_worker_that_was_frozen_beyond_its_lease_changes_nothing(
    scope: OrgScope, uow: UnitOfWork, library: DocumentService, start_worker: StartWorker, tmp_path: Path
) -> None:
    document = await library.upload(scope, "docs", "a.md", LONG)
    frozen = start_worker()
    await in_the_middle(library, scope, document)
    os.killpg(frozen.pid, signal.SIGSTOP)
    successor = start_worker()
    [ready] = await settled(library, scope)
    assert ready.status == "ready", ready.reason
    assert await jobs(uow, scope) == [("done", 1, 3 + 1)]
    await asyncio.sleep(0.5)
    before = await versions(uow, scope)
    assert len(before["chunks"]) > 160

    os.killpg(frozen.pid, signal.SIGCONT)
    log = tmp_path / "worker-0.log"

    async def noticed() -> bool:
        return "taken over" in log.read_text()

    await until(noticed)
    await asyncio.sleep(LEASE)
    assert await versions(uow, scope) == before
    assert frozen.poll() is None

    kill(successor)
    await library.upload(scope, "docs", "b.md", samples.MARKDOWN)
    assert [d.status for d in await settled(library, scope)] == ["ready", "ready"]


async def test_every_line_of_the_log_is_an_object_and_names_its_job(
    scope: OrgScope, uow: UnitOfWork, library: DocumentService, start_worker: StartWorker, broker: ValkeyServer,
    tmp_path: Path,
) -> None:  # fmt: skip
    await library.upload(scope, "docs", "a.md", samples.MARKDOWN)
    worker = start_worker()
    await settled(library, scope)
    os.kill(broker.pid, signal.SIGKILL)
    await asyncio.sleep(1)
    kill(worker)
    lines = [json.loads(line) for line in (tmp_path / "worker-0.log").read_text().splitlines()]
    assert all({"event", "level", "logger", "timestamp"} <= line.keys() for line in lines)
    async with uow(scope) as work:
        job = str(await work.session.scalar(text("SELECT id FROM ingest_jobs")))
    ended = [line for line in lines if line["event"] == "job ended"]
    assert [line["lane"] for line in ended if line["job_id"] == job] == [
        "parse",
        "embed",
    ]  # beside it, what tests before this one left behind
    # Neither a word about root nor a page of stack because the broker is away.
    assert not [line for line in lines if "superuser" in line["event"] or "exception" in line]
    assert [line for line in lines if line["event"].startswith("consumer: Connection to broker lost")]
    assert not [line for line in lines if "Celery 5.1" in line["event"]]
