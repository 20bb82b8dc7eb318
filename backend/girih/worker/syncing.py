"""The worker's role `sync`: brings collections in step with their sources, a few at once on one event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from celery.signals import worker_shutting_down

from girih.jobs import SYNC, SYNC_QUEUE, make_client
from girih.logs import configure_logging
from girih.wiring.environment import read_settings
from girih.wiring.sources import open_syncs
from girih.worker.chatter import tame
from girih.worker.loop import ProcessLoop

_log = logging.getLogger(__name__)

AT_ONCE = 4
"""Syncs that one process runs side by side; most of their time they wait for a source."""
LOOK_SECONDS = 1.0
"""After so long without a ring it looks by itself: for moments that have come, and for syncs nobody rang for."""
GRACE_SECONDS = 3.0
"""How long a sync in hand may go on after a stop was asked for, before it is handed on."""
_HAND_ON_SECONDS = 5.0


class Syncs(Protocol):
    """What the worker asks of the service of syncs."""

    async def run(self, sync_id: str) -> None:
        """Run a sync to its end, if it is free to be taken."""
        ...

    async def due(self) -> list[str]:
        """Ids of syncs that can be taken."""
        ...

    async def fire_due(self) -> None:
        """Queue a sync of every data store whose moment has come."""
        ...


class Desk:
    """Runs syncs whose turn it is. Rings only say that there is one; the rows say which."""

    def __init__(
        self, syncs: Syncs, *, at_once: int = AT_ONCE, look: float = LOOK_SECONDS, grace: float = GRACE_SECONDS
    ) -> None:
        self._syncs = syncs
        self._at_once = at_once
        self._look = look
        self._grace = grace
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._rung = asyncio.Event()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Desk]:
        """Work while the context is open; then what is in hand has a little time, and is handed on."""
        looking = asyncio.create_task(self._run(), name="syncs")
        try:
            yield self
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            if self._busy:
                _, late = await asyncio.wait(self._busy.values(), timeout=self._grace)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)

    def ring(self) -> None:
        """There may be a sync to run."""
        self._rung.set()

    async def _run(self) -> None:
        while True:
            self._rung.clear()
            try:
                await self._syncs.fire_due()
                self._begin(await self._syncs.due())
            except Exception as fault:  # noqa: BLE001 - the database is away: the next look comes in a second
                _log.warning("could not look for waiting syncs: %s", fault)
            try:
                async with asyncio.timeout(self._look):
                    await self._rung.wait()
            except TimeoutError:
                continue

    def _begin(self, waiting: list[str]) -> None:
        for sync_id in waiting:
            if len(self._busy) < self._at_once and sync_id not in self._busy:
                task = asyncio.create_task(self._syncs.run(sync_id), name=f"sync {sync_id}")
                self._busy[sync_id] = task
                task.add_done_callback(lambda ended, sync_id=sync_id: self._ended(sync_id, ended))  # type: ignore[misc]  # - the id is bound now

    def _ended(self, sync_id: str, task: asyncio.Task[None]) -> None:
        del self._busy[sync_id]
        if not task.cancelled() and (fault := task.exception()) is not None:
            # Its lease runs out, and another process takes it.
            _log.warning("sync %s was left as it was: %s", sync_id, fault)
        self._rung.set()


class SyncWorker:
    """Takes messages in the main thread, each a doorbell; the desk works on the loop beside it."""

    def __init__(self, redis_url: str, opening: Callable[[], AbstractAsyncContextManager[Desk]]) -> None:
        self.client = make_client(redis_url)
        self._loop = ProcessLoop(opening, closing=GRACE_SECONDS + _HAND_ON_SECONDS)
        self.client.task(name=SYNC)(self._take)
        worker_shutting_down.connect(self._stop, weak=False)

    def run(self) -> int:
        """Work until SIGTERM or Ctrl-C; returns the process's exit code."""
        tame()
        worker = self.client.Worker(
            pool="solo",
            concurrency=1,
            queues=[SYNC_QUEUE],
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            optimization="fair",
        )
        worker.start()
        self._loop.close()
        return int(worker.exitcode or 0)

    def _take(self, sync_id: str) -> None:
        del sync_id
        self._loop.start(_ring)

    def _stop(self, **_: Any) -> None:
        """Begin to let go of syncs at once, also where Celery still waits for its broker."""
        self._loop.begin_to_close()


async def _ring(desk: Desk) -> None:
    desk.ring()


def main() -> int:
    """Sync until SIGTERM or Ctrl-C. The settings are known to be good."""
    settings = read_settings()
    configure_logging(settings.log_level, settings.log_format)

    @asynccontextmanager
    async def opening() -> AsyncIterator[Desk]:
        async with open_syncs(settings) as syncs, Desk(syncs).open() as desk:
            yield desk

    return SyncWorker(settings.redis_url, opening).run()
