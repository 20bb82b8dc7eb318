"""Runs that begin later: called when their time has come by the process that accepted them, else found by looking."""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime
from uuid import UUID

from girih.services.runs.deadlines import MOST_NEAR, NEAR, Ready


class Delays:
    """Sleeps until the next of the moments that are near. All of it is a hint: the rows say what may begin."""

    def __init__(self, ready: Ready) -> None:
        self._ready = ready
        self._near: list[tuple[float, UUID, bool]] = []
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, moment: datetime, run_id: UUID, background: bool) -> None:
        """Call for the run at that moment, if it is near."""
        left = (moment - datetime.now(UTC)).total_seconds()
        if left < NEAR and len(self._near) < MOST_NEAR:
            # A little later, so that the database's clock is there too.
            at = asyncio.get_running_loop().time() + max(left, 0) + 0.02
            heapq.heappush(self._near, (at, run_id, background))
            self._arm()

    def close(self) -> None:
        """Expect nothing more."""
        self._near.clear()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._near:
            self._timer = asyncio.get_running_loop().call_at(self._near[0][0], self._strike)

    def _strike(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._near and self._near[0][0] <= now:
            _, run_id, background = heapq.heappop(self._near)
            self._ready(run_id, background)
        self._arm()
