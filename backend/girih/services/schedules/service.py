"""Schedules: kept, paused, and fired by whichever process looks first, each moment once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import BadCursor, Conflict, GirihError, NotFound, QueueFull, Unavailable
from girih.services.runs.schemas import RunIn, RunOut
from girih.services.schedules import repository
from girih.services.schedules.cron import moments, next_moment
from girih.services.schedules.repository import Due
from girih.services.schedules.schemas import (
    FiringList,
    ScheduleChange,
    ScheduleIn,
    ScheduleOut,
    SchedulePage,
)
from girih.services.schedules.tables import Schedule

log = structlog.get_logger("girih.schedules")

AT_ONCE = 100
"""So many schedules are looked at in one go, and so many missed moments of one are made up for."""
LATE = timedelta(seconds=60)
"""A moment that nobody has fired for so long was missed."""


class Runs(Protocol):
    """The runs service, as schedules see it."""

    async def create(self, scope: OrgScope, body: RunIn, idempotency_key: str | None = None) -> RunOut:
        """Accept a run."""
        ...


class ScheduleService:
    """Keeps schedules and fires them. Any number of processes may do that at once."""

    def __init__(self, uow: UnitOfWork, runs: Runs, *, look: float = 1.0) -> None:
        self._uow = uow
        self._runs = runs
        self._look = look
        self._background: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to fire what is due."""
        self._background = asyncio.create_task(self._run(), name="schedules")

    async def stop(self) -> None:
        """Fire nothing more. What was taken and not fired is fired by another process."""
        task, self._background = self._background, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def create(self, scope: OrgScope, body: ScheduleIn) -> ScheduleOut:
        """A new schedule. Raises `InvalidInput` for what never comes true, `Conflict` for a name that is taken."""
        next_at = next_moment(body.cron, body.timezone, datetime.now(UTC))
        async with self._uow(scope) as work:
            await _check_name(work, scope, body.name)
            row = Schedule(
                id=new_id(),
                org_id=scope.org_id,
                project_id=scope.project_id,
                name=body.name,
                request=body.run.model_dump(mode="json"),
                agent=body.run.agent,
                cron=body.cron,
                timezone=body.timezone,
                overlap=body.overlap,
                catch_up=body.catch_up,
                enabled=body.enabled,
                next_at=next_at if body.enabled else None,
                created_by=scope.actor,
            )
            work.session.add(row)
            await work.session.flush()
            await work.session.refresh(row)
            return repository.out(row)

    async def schedule(self, scope: OrgScope, number: UUID) -> ScheduleOut:
        """One schedule as it stands."""
        async with self._uow(scope) as work:
            return repository.out(await _found(work, scope, number))

    async def schedules(self, scope: OrgScope, *, cursor: str | None = None, limit: int = 50) -> SchedulePage:
        """The project's schedules, the newest first."""
        try:
            before = UUID(cursor) if cursor is not None else None
        except ValueError:
            raise BadCursor("the cursor is not one of this list", help="send the `next` of the page before") from None
        async with self._uow(scope) as work:
            rows = await repository.schedules(work, scope, before=before, limit=limit + 1)
            items = [repository.out(row) for row in rows[:limit]]
        return SchedulePage(items=items, next=items[-1].id if len(rows) > limit else None)

    async def change(self, scope: OrgScope, number: UUID, body: ScheduleChange) -> ScheduleOut:
        """Change a schedule; it goes on from now."""
        async with self._uow(scope) as work:
            row = await _found(work, scope, number, lock=True)
            given = body.model_dump(mode="json", exclude_none=True)
            if "name" in given:
                await _check_name(work, scope, given["name"], but=number)
            if "run" in given:
                given["request"] = given.pop("run")
                given["agent"] = given["request"]["agent"]
            for name, value in given.items():
                setattr(row, name, value)
            next_at = next_moment(row.cron, row.timezone, datetime.now(UTC))
            row.next_at = next_at if row.enabled else None
            await work.session.flush()
            return repository.out(row)

    async def enable(self, scope: OrgScope, number: UUID, *, enabled: bool) -> ScheduleOut:
        """Pause a schedule, or let it go on from now: what it would have done meanwhile is not made up for."""
        async with self._uow(scope) as work:
            row = await _found(work, scope, number, lock=True)
            if row.enabled != enabled:
                row.enabled = enabled
                row.next_at = next_moment(row.cron, row.timezone, datetime.now(UTC)) if enabled else None
                await work.session.flush()
            return repository.out(row)

    async def delete(self, scope: OrgScope, number: UUID) -> None:
        """Delete a schedule and its history; runs it has started stay."""
        async with self._uow(scope) as work:
            await repository.remove(work, await _found(work, scope, number, lock=True))

    async def history(self, scope: OrgScope, number: UUID, *, limit: int = 50) -> FiringList:
        """What became of its newest moments."""
        async with self._uow(scope) as work:
            await _found(work, scope, number)
            return FiringList(items=await repository.firings(work, scope.org_id, number, limit=limit))

    async def run_now(self, scope: OrgScope, number: UUID) -> RunOut:
        """Start its run now, whatever is under way; its moments stay as they are."""
        moment = datetime.now(UTC)
        async with self._uow(scope) as work:
            request = RunIn.model_validate((await _found(work, scope, number)).request)
            await repository.take(work, scope.org_id, number, moment, manual=True)
        try:
            run = await self._runs.create(scope, request)
        except GirihError as fault:
            await self._settle(scope, number, moment, "failed", error=fault.message)
            raise
        await self._settle(scope, number, moment, "started", run=run)
        return run

    async def fire_due(self) -> None:
        """Fire every moment that has come."""
        async with self._uow.reading_for("reconcile") as work:
            found = await repository.due(work, limit=AT_ONCE)
        for one in found:
            try:
                await self._fire_all(one)
            except (QueueFull, Unavailable) as fault:  # it is tried again
                log.warning("a schedule has to wait", schedule=str(one.id), reason=fault.message)

    async def _fire_all(self, seen: Due) -> None:
        """Fire what has come of one schedule, then wait for its next moment."""
        async with self._uow(seen.scope) as work:
            row = await repository.schedule(work, seen.scope, seen.id)
            if row is None or row.next_at != seen.next_at:
                return
            come, next_at = _come(row, seen)
            overlap, request = row.overlap, RunIn.model_validate(row.request)
        is_done = all([await self._fire(seen, moment, request, overlap) for moment in come])
        if is_done:
            async with self._uow(seen.scope) as work:
                await repository.advance(work, seen, next_at)

    async def _fire(self, seen: Due, moment: datetime, request: RunIn, overlap: str) -> bool:
        """Fire one moment, if it is this process's turn. False while another process is about to."""
        org_id = seen.scope.org_id
        async with self._uow(seen.scope) as work:
            if not await repository.take(work, org_id, seen.id, moment):
                return await repository.is_settled(work, org_id, seen.id, moment)
            is_under_way = overlap == "skip" and await repository.is_under_way(work, org_id, seen.id)
        if is_under_way:
            await self._settle(seen.scope, seen.id, moment, "skipped")
            return True
        try:
            # The key makes one run of it even if a process vanishes between this and the next line.
            key = f"schedule:{seen.id}:{moment.isoformat()}"
            run = await self._runs.create(seen.scope, request, key)
        except (QueueFull, Unavailable):
            raise
        except GirihError as fault:
            await self._settle(seen.scope, seen.id, moment, "failed", error=fault.message)
            return True
        await self._settle(seen.scope, seen.id, moment, "started", run=run)
        return True

    async def _settle(
        self,
        scope: OrgScope,
        number: UUID,
        moment: datetime,
        outcome: str,
        *,
        run: RunOut | None = None,
        error: str | None = None,
    ) -> None:
        async with self._uow(scope) as work:
            run_id = UUID(run.id) if run is not None else None
            await repository.settle(work, scope.org_id, number, moment, outcome, run_id=run_id, error=error)

    async def _run(self) -> None:
        while True:
            try:
                await self.fire_due()
            except Exception as fault:  # noqa: BLE001 - the database may be away; the next look may find it again
                log.warning("cannot look after schedules", error=type(fault).__name__, reason=str(fault)[:300])
            await asyncio.sleep(self._look)


def _come(row: Schedule, seen: Due) -> tuple[list[datetime], datetime]:
    """The moments to fire now, and the next one to wait for."""
    come, last = [seen.next_at], seen.next_at
    while len(come) < AT_ONCE and (following := next_moment(row.cron, row.timezone, last)) <= seen.now:
        come.append(following)
        last = following
    next_at = next_moment(row.cron, row.timezone, seen.now if row.catch_up != "all" else last)
    if row.catch_up == "last":
        before = moments_before(row, seen, last)
        return [before], next_at
    if row.catch_up == "none":
        return [moment for moment in come if moment >= seen.now - LATE], next_at
    return come, next_at


def moments_before(row: Schedule, seen: Due, last: datetime) -> datetime:
    """The last moment that has come, also where more were missed than are looked through one by one."""
    while (following := moments(row.cron, row.timezone, last, 1000))[0] <= seen.now:
        last = max(moment for moment in following if moment <= seen.now)
    return last


async def _check_name(work: Work, scope: OrgScope, name: str, *, but: UUID | None = None) -> None:
    if await repository.is_named(work, scope, name, but=but):
        raise Conflict(f"a schedule is named '{name}' already", help="choose another name, or change that one")


async def _found(work: Work, scope: OrgScope, number: UUID, *, lock: bool = False) -> Schedule:
    row = await repository.schedule(work, scope, number, lock=lock)
    if row is None:
        raise NotFound(f"there is no schedule {number}", help="list the project's schedules to see which there are")
    return row
