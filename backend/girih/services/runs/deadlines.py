"""Time that passes for runs that wait: timers, questions nobody answered, runs nobody wants any more."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import structlog

from girih.db.unit_of_work import UnitOfWork
from girih.engine.events import NewEvent
from girih.services.runs import pause_repository, removal_repository, repository, thread_repository
from girih.services.runs.feed import Hub
from girih.services.runs.reminders import Reminders
from girih.services.runs.tables import Run

log = structlog.get_logger("girih.runs")

AT_ONCE = 200
"""How many runs are looked at in one go."""
NEAR = 3600.0
"""Deadlines that are further away (in seconds) are found by looking around."""
MOST_NEAR = 10_000
"""So many deadlines this process keeps in mind."""

Ready: TypeAlias = Callable[[UUID, bool], None]
"""Told of a run that waits for a process again, and whether it is one for workers."""


class Deadlines:
    """Ends what is over. Any number of processes may do that at once: each end happens in one of them."""

    def __init__(self, uow: UnitOfWork, hub: Hub, ready: Ready, reminders: Reminders) -> None:
        self._uow = uow
        self.remind = reminders.publish_due
        self._hub = hub
        self._ready = ready
        self._near: list[float] = []
        self._timer: asyncio.TimerHandle | None = None
        self._passing: set[asyncio.Task[None]] = set()

    async def pass_due(self) -> None:
        """End every pause and run whose time is over, the earliest first."""
        while True:
            async with self._uow.reading_for("reconcile") as work:
                due = await pause_repository.due(work, limit=AT_ONCE)
            for one in due:
                async with self._uow(one.scope) as work:
                    row = await pause_repository.expired(work, one.scope, one.run_id)
                    if row is not None:
                        await repository.end_unheld(work, row, _expired(row), status="expired")
                if row is not None:
                    self._hub.told(one.run_id)
                else:
                    await self._time_out(one)
            if len(due) < AT_ONCE:
                return

    async def forget_threads(self) -> None:
        """Delete the threads whose time is over, but none that a run is on."""
        async with self._uow.reading_for("reconcile") as work:
            found = await thread_repository.overdue(work, limit=AT_ONCE)
        for scope, thread_id in found:
            async with self._uow(scope) as work:
                await thread_repository.remove_overdue(work, scope.org_id, thread_id)

    async def remove_unwanted(self, after: float) -> None:
        """Remove the runs that are not to be kept, so many seconds after their end: their readers have seen it."""
        async with self._uow.reading_for("reconcile") as work:
            found = await removal_repository.unwanted_runs(work, after=timedelta(seconds=after), limit=AT_ONCE)
        for scope, run_ids in found.items():
            async with self._uow(scope) as work:
                await removal_repository.remove_unwanted(work, scope, run_ids)

    async def _time_out(self, due: repository.Due) -> None:
        async with self._uow(due.scope) as work:
            row = await repository.run(work, due.scope, due.run_id, lock=True)
            is_over = row is not None and await pause_repository.time_out(work, due.scope.org_id, due.run_id)
            goes_on = is_over and await pause_repository.go_on(work, due.scope.org_id, due.run_id)
        if goes_on and row is not None:
            self._ready(due.run_id, row.background)

    def expect(self, moment: datetime) -> None:
        """Look again at that moment, if it is near."""
        left = (moment - datetime.now(UTC)).total_seconds()
        if left < NEAR and len(self._near) < MOST_NEAR:
            # A little later, so that the database's clock is there too.
            heapq.heappush(self._near, asyncio.get_running_loop().time() + max(left, 0) + 0.02)
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
            self._timer = asyncio.get_running_loop().call_at(self._near[0], self._strike)

    def _strike(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._near and self._near[0] <= now:
            heapq.heappop(self._near)
        self._arm()
        task = asyncio.create_task(self._pass())
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def _pass(self) -> None:
        try:
            await self.pass_due()
        except Exception as fault:  # noqa: BLE001 - the database may be away; the next look around finds it again
            log.warning("cannot look after deadlines", error=type(fault).__name__, reason=str(fault)[:300])


def _expired(row: Run) -> NewEvent:
    now = datetime.now(UTC)
    duration = round((now - row.started_at).total_seconds() * 1000) if row.started_at else 0
    return NewEvent("run.cancelled", {"reason": "expired", "duration_ms": max(0, duration)}, now)
