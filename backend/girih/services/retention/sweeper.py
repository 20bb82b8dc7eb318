"""Removes what is kept no longer: in the background, one process at a time, a little in each transaction."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.services.events import repository as events
from girih.services.memory import repository as memories
from girih.services.requests import repository as requests
from girih.services.results import repository as results
from girih.services.retention import collecting, repository
from girih.services.retention.schemas import Retention, cutoff
from girih.services.retention.service import RetentionService
from girih.services.retention.tables import RetentionPolicy
from girih.services.runs import removal_repository as runs
from girih.services.schedules import repository as schedules
from girih.services.store import repository as items

log = structlog.get_logger("girih.retention")

RUNS_AT_ONCE = 50
"""Runs whose rows are removed in one transaction."""
ROWS_AT_ONCE = 1000
"""Rows of anything else."""
PROJECTS_AT_ONCE = 200
LATER = timedelta(seconds=60)
"""What is past its time is refused at once, and removed so much later: who was not refused has it in hand by then."""

COLUMNS = {"checkpoints": "checkpoints_until", "run_events": "events_until"}
"""Where is kept how far the sweep of something came whose runs stay."""

TIMED = {
    "memories": memories.sweep,
    "cached_results": results.forget_expired,
    "idempotency_keys": requests.forget_old,
    "store_items": items.sweep,
}
"""What carries the moment of its end itself."""

Removed: TypeAlias = Callable[[str, int], None]
"""Told what was removed (`runs`, `run_events`, …), and how many rows."""


@dataclass(frozen=True)
class Batch:
    """What one transaction did: rows removed, and whether there may be more of the kind."""

    removed: int
    more: bool = False


Step: TypeAlias = Callable[[Work], Awaitable[Batch]]


class _Busy(Exception):
    """Another process is sweeping."""


class Sweeper:
    """Sees to each project every `every` seconds. Any number of processes may have one; one of them works at a time."""

    def __init__(
        self, uow: UnitOfWork, retention: RetentionService, *, every: float = 3600.0, on_removed: Removed | None = None
    ) -> None:
        self._uow = uow
        self._retention = retention
        self._every = timedelta(seconds=every)
        self._look = min(every, 60.0)
        self._on_removed = on_removed
        self._background: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to sweep."""
        self._background = asyncio.create_task(self._run(), name="retention")

    async def stop(self) -> None:
        """Sweep no more. What was removed is removed; the rest is for the next one."""
        task, self._background = self._background, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def sweep_due(self) -> None:
        """See to every project that was not seen to for a while, unless another process is at it."""
        async with self._uow.reading_for("sweep") as work:
            found = await repository.due(work, every=self._every, settled=LATER, limit=PROJECTS_AT_ONCE)
        for one in found:
            if await self.sweep(one.scope, one.now) is None:
                return

    async def sweep(self, scope: OrgScope, now: datetime) -> dict[str, int] | None:
        """Remove what the project keeps no longer at that moment.

        Gives the rows that are gone by kind; `None`, and maybe not everything done, when another process is sweeping.
        """
        gone: Counter[str] = Counter()
        try:
            for kind, step in (await self._steps(scope, now)).items():
                await self._all(scope, kind, step, gone)
            async with self._uow(scope) as work:
                await repository.put(work, scope, swept_at=now)
        except _Busy:
            return None
        finally:
            if removed := {kind: rows for kind, rows in gone.items() if rows}:
                log.info("removed", org_id=str(scope.org_id), project_id=str(scope.project_id), **removed)
        return removed

    async def _all(self, scope: OrgScope, kind: str, step: Step, gone: Counter[str]) -> None:
        """One kind, batch by batch."""
        clock, more = asyncio.get_running_loop().time, True
        while more:
            began = clock()
            async with self._uow(scope) as work:
                if not await repository.is_alone(work):
                    raise _Busy
                batch = await step(work)
            gone[kind] += batch.removed
            if self._on_removed is not None:
                self._on_removed(kind, batch.removed)
            more = batch.more
            # As long a rest as the work took: what is served meanwhile comes first.
            await asyncio.sleep(clock() - began if more else 0)

    async def _steps(self, scope: OrgScope, now: datetime) -> dict[str, Step]:
        """What is to be done, by kind: what has a time of its own, and what the project's days are for."""
        async with self._uow(scope) as work:
            row = await repository.policy(work, scope)
            days = self._retention.of(row)
            until = _until(row)
        now -= LATER
        steps: dict[str, Step] = {kind: _timed(scope, forget) for kind, forget in TIMED.items()}
        for kind, kept, remove in (
            ("domain_events", days.domain_events_days, events.forget),
            ("schedule_history", days.schedule_history_days, schedules.forget_firings),
        ):
            if (before := cutoff(kept, now)) is not None:
                steps[kind] = _rows(scope, before, remove)
        steps["versions"] = _versions(scope, days, now)
        if (before := cutoff(days.runs_days, now)) is not None:
            steps["runs"] = _runs(scope, before)
        for kind, kept, remove_of in (
            ("checkpoints", days.checkpoints_days, runs.remove_checkpoints),
            ("run_events", days.run_events_days, runs.remove_events),
        ):
            if (before := cutoff(kept, now)) is not None:
                steps[kind] = _OfRuns(scope, COLUMNS[kind], until[kind], before, remove_of)
        return steps

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._look)
            try:
                await self.sweep_due()
            except Exception as fault:  # noqa: BLE001 - the database may be away; the next look may find it again
                log.warning("cannot sweep", error=type(fault).__name__, reason=str(fault)[:300])


def _until(row: RetentionPolicy | None) -> dict[str, datetime | None]:
    """How far the sweeps before came, by kind."""
    return {kind: getattr(row, column, None) for kind, column in COLUMNS.items()}


class _OfRuns:
    """Removes something of runs that stay, from where the sweep before came to, in the order they ended."""

    def __init__(
        self, scope: OrgScope, column: str, after: datetime | None, before: datetime, remove: runs.RemoveOf
    ) -> None:
        self._scope = scope
        self._column = column
        self._after = after
        self._before = before
        self._remove = remove

    async def __call__(self, work: Work) -> Batch:
        """The next runs; how far it came is committed with what was removed."""
        if self._after is not None and self._after >= self._before:
            return Batch(0)
        end = await runs.end_of_batch(work, self._scope, self._after, self._before, limit=RUNS_AT_ONCE)
        removed = await self._remove(work, self._scope, self._after, end or self._before)
        if removed >= runs.MOST:
            return Batch(removed, more=True)
        self._after = end or self._before
        await repository.put(work, self._scope, **{self._column: self._after})
        return Batch(removed, more=end is not None)


def _timed(scope: OrgScope, forget: Callable[[Work, OrgScope, int], Awaitable[int]]) -> Step:
    async def step(work: Work) -> Batch:
        removed = await forget(work, scope, ROWS_AT_ONCE)
        return Batch(removed, removed == ROWS_AT_ONCE)

    return step


def _rows(scope: OrgScope, before: datetime, remove: Callable[[Work, OrgScope, datetime, int], Awaitable[int]]) -> Step:
    async def step(work: Work) -> Batch:
        removed = await remove(work, scope, before, ROWS_AT_ONCE)
        return Batch(removed, removed == ROWS_AT_ONCE)

    return step


def _versions(scope: OrgScope, days: Retention, now: datetime) -> Step:
    async def step(work: Work) -> Batch:
        removed = await collecting.sweep(work, scope, days, now)
        return Batch(removed, removed >= collecting.AT_ONCE)

    return step


def _runs(scope: OrgScope, before: datetime) -> Step:
    async def step(work: Work) -> Batch:
        return Batch(*await runs.remove_runs(work, scope, before, limit=RUNS_AT_ONCE))

    return step
