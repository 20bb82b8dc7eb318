"""Scenarios of ingestion with many documents: tenants beside each other, memory, and speed."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import closing
from uuid import UUID

import httpx
import psutil
from desk import COLLECTION, Desk, desk, prose
from place import Found
from tests.acceptance.fleet import Member, publish, until
from tests.conftest import make_scope

from girih.db.engine import make_engine, make_sessions
from girih.db.unit_of_work import UnitOfWork
from girih.providers.embeddings.household import Household
from girih.providers.embeddings.shared import SharedMiniLM
from girih.services.identity.schemas import PERMISSIONS
from girih.services.identity.service import IdentityService

PAUSE = 0.5
"""Seconds between two looks whether all is done: a look takes processor time of what is measured."""

_PASSAGES = "SELECT ARRAY(SELECT jsonb_array_elements_text(heading)), text FROM chunks WHERE document_id = ANY($1)"
"""What is embedded of a passage: it, below its headings (and the document's title, which these leave out)."""


def _second_tenant(at: Desk) -> httpx.Client:
    """A client of another organization with a collection of its own."""

    async def key() -> str:
        engine = make_engine(at.fleet.postgres.app_url, pool_size=1)
        try:
            uow = UnitOfWork(make_sessions(engine), lambda job, job_id: None)
            return (await IdentityService(uow).create_key(await make_scope(uow), "second", PERMISSIONS)).key
        finally:
            await engine.dispose()

    headers = {"authorization": f"Bearer {asyncio.run(key())}"}
    client = httpx.Client(base_url=at.api.url, headers=headers, timeout=60, trust_env=False)
    publish(client, {"docs.yaml": COLLECTION.format(embedder="default")})
    return client


def r24(n: int) -> Found:
    """One tenant enqueues a hundred documents for each of n, another tenant ten: it waits at most twice its time alone."""
    found, crowd = Found(), 100 * n
    with desk() as at, closing(_second_tenant(at)) as other:
        at.worker()
        alone = _timed(at, other, "alone")
        for number in range(crowd):
            at.bring(f"{number}.md", prose(number, 1))
        waiting = at.fleet.sql("SELECT count(*) FROM ingest_jobs WHERE status = 'queued'")[0][0]
        beside = _timed(at, other, "beside")
        left = at.fleet.sql("SELECT count(*) FROM ingest_jobs WHERE status = 'queued'")[0][0]
        found.tried = crowd
        found.figures |= {
            "alone (s)": round(alone, 1), "beside (s)": round(beside, 1), "ratio": round(beside / alone, 2),
            "waiting when it came, when it was done": f"{waiting}, {left}",
        }  # fmt: skip
        found.check(left > 0, "there was no crowd any more: take a larger n")
        found.check(beside <= 2 * alone, f"{beside / alone:.1f} times as long")
    return found


def _timed(at: Desk, client: httpx.Client, name: str) -> float:
    began = time.monotonic()
    at.ended([at.bring(f"{name}-{number}.md", prose((name, number), 20), client) for number in range(10)])
    return time.monotonic() - began


def many(n: int) -> Found:
    """A hundred small documents for each of n in one go: memory of all processes, and other calls meanwhile."""
    found, count = Found(), 100 * n
    with desk() as at:
        worker = at.worker()
        at.ended([at.bring("first.md", prose("first", 2))])
        before = _memory(at, worker)
        took: list[float] = []
        stop = threading.Event()
        asking = threading.Thread(target=_ask, args=(at, took, stop))
        asking.start()
        began = time.monotonic()
        ids = [at.bring(f"{number}.md", prose(number, 1)) for number in range(count)]
        uploaded = time.monotonic() - began
        open_jobs = "SELECT count(*) FROM ingest_jobs WHERE status IN ('queued', 'running')"
        until(lambda: at.fleet.sql(open_jobs) == [(0,)], 7200, PAUSE)
        whole = time.monotonic() - began
        stop.set()
        asking.join()
        after = _memory(at, worker)
        ready = at.fleet.sql("SELECT count(*) FROM documents WHERE status = 'ready'")[0][0]
        took.sort()
        found.tried = len(ids)
        found.check(ready == count + 1, f"{ready} of {count + 1} are ready")
        grown = {name: f"{before[name]:.0f} → {after[name]:.0f}" for name in before}
        p95 = took[int(len(took) * 0.95)]
        found.figures |= {
            "uploads a second": round(count / uploaded), "documents a second": round(count / whole, 1),
            "other calls p95 (ms)": round(p95, 1), **{f"{name} (MB)": text for name, text in grown.items()},
        }  # fmt: skip
        found.check(p95 < 50, f"other calls took {p95:.0f} ms")
        found.check(all(after[name] - before[name] < 150 for name in before), f"memory grew: {grown}")
    return found


def _memory(at: Desk, worker: Member) -> dict[str, float]:
    def resident(pid: int) -> float:
        process = psutil.Process(pid)
        return sum(each.memory_info().rss for each in (process, *process.children(recursive=True))) / 2**20

    pids = {"API": at.api.process.pid, "worker": worker.process.pid, "broker": at.fleet.valkey.pid}
    return {name: resident(pid) for name, pid in pids.items()}


def _ask(at: Desk, took: list[float], stop: threading.Event) -> None:
    with at.fleet.client(at.api) as client:
        while not stop.is_set():
            began = time.monotonic()
            client.get("/v1/agents").raise_for_status()
            took.append((time.monotonic() - began) * 1000)
            stop.wait(0.05)


def speed(n: int) -> Found:
    """End to end beside the embedder alone, for n documents of a hundred passages (the local model, if installed)."""
    found = Found()
    with desk("minilm") as at:
        at.worker()
        at.ended([at.bring("first.md", prose("first", 2))])
        began = time.monotonic()
        ids = [at.bring(f"{number}.md", prose(("speed", number), 100)) for number in range(n)]
        at.ended(ids, 3600, PAUSE)
        whole = time.monotonic() - began
        rows = at.fleet.sql(_PASSAGES, [UUID(each) for each in ids])
        texts = [f"{' › '.join(heading)}\n\n{text}" for heading, text in rows]
        embedder = SharedMiniLM(Household(at.fleet.folder / "data"))

        async def alone() -> float:
            await embedder.embed(texts[:1])
            started = time.monotonic()
            places = asyncio.Semaphore(2)  # as many documents at once as one tenant's are embedded

            async def batch(first: int) -> None:
                async with places:
                    await embedder.embed(texts[first : first + 16])

            await asyncio.gather(*(batch(first) for first in range(0, len(texts), 16)))
            return time.monotonic() - started

        bare = asyncio.run(alone())
        found.tried = len(ids)
        found.figures |= {
            "passages": len(texts), "end to end (passages a second)": round(len(texts) / whole, 1),
            "the embedder alone": round(len(texts) / bare, 1), "ratio": round(bare / whole, 2),
        }  # fmt: skip
        found.check(bare / whole >= 0.9, f"{bare / whole:.2f} of the embedder's own speed")
    return found
