"""What the worker's tests share: a real broker, real worker processes with a short lease, and a project to fill."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from girih.db.engine import make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.embedded.valkey import ValkeyServer, start_valkey
from girih.jobs import make_dispatch
from girih.language.compiler.workspace import OtherSpec
from girih.providers.embeddings.ladder import Embedders
from girih.providers.storage.local import LocalStorage
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.schemas import DocumentOut
from girih.services.knowledge.service import KnowledgeService

LONG = "\n\n".join(
    f"# Part {n}\n\n" + f"Sentence {n} says something about matter {n}. " * 12 for n in range(160)
).encode()
LEASE = 2.0

StartWorker = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = start_valkey(tmp_path / "valkey")
    yield server
    server.stop()


@pytest.fixture
def start_worker(database_url: str, broker: ValkeyServer, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers that end with the test; their output lies beside the data."""
    started: list[subprocess.Popen[bytes]] = []

    def start(pause: float = 0.2) -> subprocess.Popen[bytes]:
        script = Path(__file__).with_name("worker_process.py")
        arguments = (database_url, broker.url, str(tmp_path / "data"), str(LEASE), str(pause))
        command = [sys.executable, str(script), *arguments]
        with (tmp_path / f"worker-{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        started.append(process)
        return process

    yield start
    for process in started:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the worker and everything it started."""
    if process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for child in children:
            if child.is_running():
                child.kill()
    process.wait()


@pytest.fixture
async def uow(engine: AsyncEngine, broker: ValkeyServer) -> AsyncIterator[UnitOfWork]:
    """Transactions that ring at the real broker."""
    yield UnitOfWork(make_sessions(engine), make_dispatch(broker.url))


@pytest.fixture
async def knowledge(uow: UnitOfWork, scope: OrgScope, tmp_path: Path) -> KnowledgeService:
    service = KnowledgeService(uow, tmp_path / "data", Embedders("hashing"))
    document: dict[str, Any] = {"kind": "collection/v1", "name": "docs", "chunk": {"size": 50, "overlap": 10}}
    async with uow(scope) as work:
        await service.put_collections(work, [OtherSpec("collection/v1", "docs", "docs.yaml", document, "1")])
    return service


@pytest.fixture
def library(uow: UnitOfWork, knowledge: KnowledgeService, tmp_path: Path) -> DocumentService:
    """The documents of a collection `docs`."""
    del knowledge  # it has made the collection
    return DocumentService(uow, LocalStorage(tmp_path / "data"), tmp_path / "data")


async def until(ask: Callable[[], Awaitable[Any]], seconds: float = 40) -> Any:
    """Ask until the answer is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := await ask():
            return answer
        await asyncio.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


async def settled(library: DocumentService, scope: OrgScope) -> list[DocumentOut]:
    async def ask() -> list[DocumentOut] | None:
        documents, _ = await library.documents(scope, "docs")
        return documents if all(d.status in ("ready", "failed") for d in documents) else None

    found: list[DocumentOut] = await until(ask)
    return found


async def in_the_middle(library: DocumentService, scope: OrgScope, document: DocumentOut) -> None:
    """Wait until a worker has embedded some passages of a document, and has many left."""

    async def ask() -> bool:
        now = await library.document(scope, document.id)
        return now.stage == "embed" and now.done > 16

    await until(ask)


async def passages(uow: UnitOfWork, scope: OrgScope) -> list[Any]:
    async with uow(scope) as work:
        statement = (
            'SELECT c.ordinal, c.text, c.page, c.heading, c.start, c."end", w.words, v.embedding::text FROM chunks c '
            "JOIN chunk_words w ON w.org_id = c.org_id AND w.chunk_id = c.id "
            "JOIN chunk_vectors v ON v.org_id = c.org_id AND v.chunk_id = c.id ORDER BY c.ordinal"
        )
        return list((await work.session.execute(text(statement))).all())
