"""Takes ingestions whose turn it is, a few at once in each lane, for as long as the worker runs."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID

import structlog

from girih.services.knowledge.ingestion import Ingestion
from girih.services.knowledge.lanes import Lane
from girih.services.knowledge.leases import Held

_log = structlog.get_logger(__name__)

T = TypeVar("T")

LANES: Mapping[Lane, int] = {"parse": 3, "embed": 3}
"""Documents at once in each lane. One place is never taken by the organization that has all others."""
LOOK_SECONDS = 2.0
"""After so long without a ring a lane looks by itself."""
GRACE_SECONDS = 5.0
"""How long work in hand may go on after a stop was asked for, before it is handed on."""
_SUSPECT = 2
"""After so many holders died over a job its next one does nothing else beside: it takes nobody with it."""


class Pump:
    """Work of both lanes in one event loop. Rings only say that there is work; the rows say which, and whose turn."""

    def __init__(
        self,
        ingestion: Ingestion,
        places: Mapping[Lane, int] = LANES,
        *,
        look: float = LOOK_SECONDS,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._ingestion = ingestion
        self._places = places
        self._look = look
        self._grace = grace
        self._busy: dict[asyncio.Task[None], Held] = {}
        self._changed = {lane: asyncio.Event() for lane in places}
        self._alone: Held | None = None
        self._suspect: Held | None = None
        """Waits until nothing else is in hand; nothing is taken before it."""
        self._taking = asyncio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Pump]:
        """Work while the context is open; then what is in hand has a little time, and is handed on."""
        loops = [asyncio.create_task(self._take(lane), name=f"lane {lane}") for lane in self._places]
        loops.append(asyncio.create_task(self._recover(), name="recovery of ingestions"))
        try:
            yield self
        finally:
            for each in loops:
                each.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            if self._busy:
                _, late = await asyncio.wait(self._busy, timeout=self._grace)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)

    def wake(self) -> None:
        """There may be work."""
        for event in self._changed.values():
            event.set()

    async def _take(self, lane: Lane) -> None:
        changed = self._changed[lane]
        while True:
            changed.clear()
            # One lane at a time: what the other one takes meanwhile could be a suspect, and then nothing goes beside.
            async with self._taking:
                held = await self._next(lane)
                if held is not None and self._is_to_be_alone(held) and self._busy:
                    # Handed back at once: it must not be blamed for what the others do to this process.
                    self._suspect = held
                    await self._quietly(self._ingestion.put_back(held))
                    held = None
                if held is not None:
                    self._begin(held)
            if held is not None:
                continue
            try:
                async with asyncio.timeout(self._look):
                    await changed.wait()
            except TimeoutError:
                continue

    async def _next(self, lane: Lane) -> Held | None:
        mine = [held for held in self._busy.values() if held.lane == lane]
        if self._alone is not None or len(mine) >= self._places[lane]:
            return None
        if self._suspect is not None:
            return await self._wanted(self._suspect) if not self._busy else None
        counts = Counter(held.scope.org_id for held in mine)
        room = max(1, self._places[lane] - 1)
        return await self._quietly(self._ingestion.next(lane, _full(counts, room)))

    async def _wanted(self, suspect: Held) -> Held | None:
        """The suspect that all others have ended for; nothing where somebody else has taken it meanwhile."""
        self._suspect = None
        return await self._quietly(self._ingestion.take(suspect.scope, suspect.id))

    def _is_to_be_alone(self, held: Held) -> bool:
        return held.crashes >= _SUSPECT

    def _begin(self, held: Held) -> None:
        if self._is_to_be_alone(held):
            self._alone = held
        task = asyncio.create_task(self._work(held), name=f"ingestion {held.id}")
        self._busy[task] = held
        task.add_done_callback(self._ended)

    async def _work(self, held: Held) -> None:
        began = time.monotonic()
        with structlog.contextvars.bound_contextvars(job_id=str(held.id), lane=held.lane):
            _log.debug("job begun")
            await self._ingestion.work(held)
            _log.info("job ended", seconds=round(time.monotonic() - began, 3))

    def _ended(self, task: asyncio.Task[None]) -> None:
        held = self._busy.pop(task)
        if self._alone is held:
            self._alone = None
        if not task.cancelled() and (fault := task.exception()) is not None:
            # Its lease runs out, and the row says how often that happened.
            _log.warning("job was left as it was", job_id=str(held.id), reason=str(fault))
        self.wake()

    async def _recover(self) -> None:
        while True:
            if await self._quietly(self._ingestion.recover()):
                self.wake()
            await asyncio.sleep(self._look)

    async def _quietly(self, asked: Awaitable[T]) -> T | None:
        """What was asked for; nothing while the database is away: the next round comes in seconds."""
        try:
            return await asked
        except Exception as fault:  # noqa: BLE001 - whatever it is, the loop goes on
            _log.warning("could not look for waiting jobs", reason=str(fault))
            return None


def _full(counts: Counter[UUID], room: int) -> list[UUID]:
    return [org_id for org_id, count in counts.items() if count >= room]
