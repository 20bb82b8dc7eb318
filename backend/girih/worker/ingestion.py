"""The worker's role `ingestion`: one process takes messages, a pool process works on its own event loop."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import structlog
from celery.signals import worker_process_init, worker_process_shutdown, worker_shutting_down

from girih.jobs import INGEST, INGEST_QUEUE, make_client
from girih.logs import configure_logging
from girih.wiring.environment import read_settings
from girih.wiring.knowledge import open_knowledge
from girih.worker.chatter import tame
from girih.worker.loop import ProcessLoop
from girih.worker.tasks import RECONCILE_SECONDS, Knowledge, reconcile

_log = structlog.get_logger(__name__)

_GRACE_SECONDS = 5.0
"""How long work in hand may go on after a stop was asked for, before it is handed on."""
_MEMORY_KB = 1_500_000
"""A pool process that has grown larger than this is replaced after its task."""

CONCURRENCY = 1
"""Documents at once: embedding uses every core already, and a second worker is a second process away."""

Opening = Callable[[], AbstractAsyncContextManager[Knowledge]]


class Worker:
    """What one pool process holds, and the flag by which the main process tells all of them to stop."""

    def __init__(self, redis_url: str, opening: Opening, reconcile_every: float = RECONCILE_SECONDS) -> None:
        self.client = make_client(redis_url)
        self._opening = opening
        self._every = reconcile_every
        self._loop: ProcessLoop[Knowledge] | None = None
        # One byte of shared memory without a lock: it is set inside a signal handler.
        self._stopping = multiprocessing.RawValue("b", 0)
        self._register()

    def run(self, concurrency: int) -> int:
        """Work until SIGTERM or Ctrl-C; returns the process's exit code."""
        tame()
        worker = self.client.Worker(
            pool="prefork",
            concurrency=concurrency,
            queues=[INGEST_QUEUE],
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            optimization="fair",
            max_memory_per_child=_MEMORY_KB,
        )
        worker.start()
        return int(worker.exitcode or 0)

    def _register(self) -> None:
        def ingest(job_id: str) -> None:
            began = time.monotonic()
            with structlog.contextvars.bound_contextvars(job_id=job_id):
                _log.debug("job begun")
                self._running().run(lambda knowledge: knowledge.ingest(job_id))
                _log.info("job ended", seconds=round(time.monotonic() - began, 3))

        self.client.task(name=INGEST)(ingest)
        worker_process_init.connect(self._begin, weak=False)
        worker_process_shutdown.connect(self._end, weak=False)
        worker_shutting_down.connect(self._ask_to_stop, weak=False)

    def _running(self) -> ProcessLoop[Knowledge]:
        if self._loop is None:
            raise RuntimeError("a task ran outside of a pool process")
        return self._loop

    def _begin(self, **_: Any) -> None:
        # Opening may take longer than a pool process has to report back, so it goes on beside.
        self._loop = ProcessLoop(self._opening)
        self._loop.start(lambda knowledge: reconcile(knowledge, self.client, self._every))
        self._loop.start(lambda _: self._watch())

    def _end(self, **_: Any) -> None:
        if self._loop is not None:
            self._loop.close()

    def _ask_to_stop(self, **_: Any) -> None:
        self._stopping.value = 1

    async def _watch(self) -> None:
        """Hand work on that is not done shortly after the stop was asked for: its next holder resumes it."""
        while not self._stopping.value:  # noqa: ASYNC110 - another process sets it
            await asyncio.sleep(0.25)
        await asyncio.sleep(_GRACE_SECONDS)
        self._running().cancel()


def main() -> int:
    """Ingest documents until SIGTERM or Ctrl-C. The settings are known to be good."""
    settings = read_settings()
    configure_logging(settings.log_level, settings.log_format)

    @asynccontextmanager
    async def opening() -> AsyncIterator[Knowledge]:
        async with open_knowledge(settings) as knowledge:
            yield knowledge

    return Worker(settings.redis_url, opening).run(CONCURRENCY)
