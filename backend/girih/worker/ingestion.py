"""The worker's role `ingestion`: one process takes messages, a pool process works on its own event loop."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown, worker_shutting_down

from girih.jobs import EMBED, EMBED_QUEUE, INGEST, PARSE_QUEUE, make_client
from girih.logs import configure_logging
from girih.wiring.environment import read_settings
from girih.wiring.knowledge import open_knowledge
from girih.worker.chatter import tame
from girih.worker.loop import ProcessLoop
from girih.worker.pump import GRACE_SECONDS, Pump
from girih.worker.shelves import leftovers_removed, shelves_kept

_HAND_ON_SECONDS = 5.0
"""How long handing work on may take when its grace is over."""
_MEMORY_KB = 1_500_000
"""A pool process that has grown larger than this is replaced; what it has in hand is handed on."""

Opening = Callable[[], AbstractAsyncContextManager[Pump]]


class Worker:
    """What the pool process holds, and the flag by which the main process tells it to stop."""

    def __init__(self, redis_url: str, opening: Opening) -> None:
        self.client = make_client(redis_url)
        self._opening = opening
        self._loop: ProcessLoop[Pump] | None = None
        # One byte of shared memory without a lock: it is set inside a signal handler.
        self._stopping = multiprocessing.RawValue("b", 0)
        self._register()

    def run(self) -> int:
        """Work until SIGTERM or Ctrl-C; returns the process's exit code."""
        tame()
        worker = self.client.Worker(
            pool="prefork",
            concurrency=1,
            queues=[PARSE_QUEUE, EMBED_QUEUE],
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
        def wake(*_: str) -> None:
            # Work never waits for a message, nor a message for work: what a message was about is in its row.
            if self._loop is not None:
                self._loop.start(_wake)

        for name in (INGEST, EMBED):
            self.client.task(name=name)(wake)
        worker_process_init.connect(self._begin, weak=False)
        worker_process_shutdown.connect(self._end, weak=False)
        worker_shutting_down.connect(self._ask_to_stop, weak=False)

    def _begin(self, **_: Any) -> None:
        # Opening may take longer than a pool process has to report back, so it goes on beside.
        self._loop = ProcessLoop(self._opening, closing=GRACE_SECONDS + _HAND_ON_SECONDS)
        self._loop.start(lambda _: self._watch())

    def _end(self, **_: Any) -> None:
        if self._loop is not None:
            self._loop.close()

    def _ask_to_stop(self, **_: Any) -> None:
        self._stopping.value = 1

    async def _watch(self) -> None:
        """Begin to let go of work as soon as the stop was asked for, also where Celery still waits for its broker."""
        while not self._stopping.value:  # noqa: ASYNC110 - another process sets it
            await asyncio.sleep(0.25)
        if self._loop is not None:
            self._loop.begin_to_close()


async def _wake(pump: Pump) -> None:
    pump.wake()


def main() -> int:
    """Ingest documents until SIGTERM or Ctrl-C. The settings are known to be good."""
    settings = read_settings()
    configure_logging(settings.log_level, settings.log_format)

    @asynccontextmanager
    async def opening() -> AsyncIterator[Pump]:
        async with (
            open_knowledge(settings) as knowledge,
            shelves_kept(knowledge.shelving),
            leftovers_removed(knowledge.leftovers),
            Pump(knowledge.ingestion).running() as pump,
        ):
            yield pump

    return Worker(settings.redis_url, opening).run()
