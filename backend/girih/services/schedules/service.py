"""Schedules: kept, paused, and fired by whichever process looks first, each moment once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID, uuid5

import structlog

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import BadCursor, Conflict, GirihError, InvalidInput, NotFound, QueueFull, Unavailable
from girih.language.spec.tree import JsonObject
from girih.services.runs.plain import is_storable
from girih.services.runs.schemas import RunIn, RunOut
from girih.services.runs.thread_schemas import ThreadIn
from girih.services.schedules import repository, search_repository
from girih.services.schedules.due import AT_ONCE, come_of, next_of
from girih.services.schedules.ports import Runs
from girih.services.schedules.repository import Due
from girih.services.schedules.schemas import (
    FiringList,
    ScheduleChange,
    ScheduleIn,
    ScheduleOut,
    SchedulePage,
)
from girih.services.schedules.search_repository import ScheduleSearch
from girih.services.schedules.tables import Schedule

log = structlog.get_logger("girih.schedules")


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
        """A new schedule. Raises `InvalidInput` for what never comes true, `Conflict` for a name that is taken.

        And it raises what starting its run now would raise for an agent that is not there, or inputs that do not fit.
        """
        _require_storable(body.metadata)
        next_at = next_of(body, datetime.now(UTC))
        if next_at is None:
            raise InvalidInput("the schedule would end before its first moment", help="choose a later `end_at`")
        await self._runs.replays.check(scope, [body.run])
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
                end_at=body.end_at,
                new_threads=body.new_threads,
                schedule_metadata=body.metadata,
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

    async def search(self, scope: OrgScope, wanted: ScheduleSearch) -> list[ScheduleOut]:
        """The project's schedules that fit, in order."""
        _require_storable(wanted.metadata)
        async with self._uow(scope) as work:
            return [repository.out(row) for row in await search_repository.page(work, scope, wanted)]

    async def count(self, scope: OrgScope, wanted: ScheduleSearch) -> int:
        """How many of the project's schedules fit."""
        _require_storable(wanted.metadata)
        async with self._uow(scope) as work:
            return await search_repository.count(work, scope, wanted)

    async def change(self, scope: OrgScope, number: UUID, body: ScheduleChange) -> ScheduleOut:
        """Change a schedule; it goes on from now. Raises as `create` does."""
        _require_storable(body.metadata or {})
        if body.run is not None:
            await self._runs.replays.check(scope, [body.run])
        async with self._uow(scope) as work:
            row = await _found(work, scope, number, lock=True)
            given = body.model_dump(mode="json", exclude_none=True)
            if "name" in given:
                await _check_name(work, scope, given["name"], but=number)
            if "run" in given:
                given["request"] = given.pop("run")
                given["agent"] = given["request"]["agent"]
            given |= {"end_at": body.end_at} if "end_at" in body.model_fields_set else {}
            if "metadata" in given:
                given["schedule_metadata"] = given.pop("metadata")
            for name, value in given.items():
                setattr(row, name, value)
            _require_one_kind_of_thread(row)
            return await _changed(work, row)

    async def enable(self, scope: OrgScope, number: UUID, *, enabled: bool) -> ScheduleOut:
        """Pause a schedule, or let it go on from now: what it would have done meanwhile is not made up for."""
        async with self._uow(scope) as work:
            row = await _found(work, scope, number, lock=True)
            if row.enabled != enabled:
                row.enabled = enabled
                return await _changed(work, row)
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
            row = await _found(work, scope, number)
            request, is_new = RunIn.model_validate(row.request), row.new_threads
            await repository.take(work, scope.org_id, number, moment, manual=True)
        try:
            run = await self._start(scope, number, moment, request, new_thread=is_new)
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
            come, next_at = come_of(row, seen)
            request = RunIn.model_validate(row.request)
            work.session.expunge(row)
        is_done = all([await self._fire(seen, moment, request, row) for moment in come])
        if is_done:
            async with self._uow(seen.scope) as work:
                await repository.advance(work, seen, next_at)

    async def _fire(self, seen: Due, moment: datetime, request: RunIn, row: Schedule) -> bool:
        """Fire one moment, if it is this process's turn. False while another process is about to."""
        org_id = seen.scope.org_id
        async with self._uow(seen.scope) as work:
            if not await repository.take(work, org_id, seen.id, moment):
                return await repository.is_settled(work, org_id, seen.id, moment)
            is_under_way = row.overlap == "skip" and await repository.is_under_way(work, org_id, seen.id)
        if is_under_way:
            await self._settle(seen.scope, seen.id, moment, "skipped")
            return True
        try:
            # The key makes one run of it even if a process vanishes between this and the next line.
            key = f"schedule:{seen.id}:{moment.isoformat()}"
            run = await self._start(seen.scope, seen.id, moment, request, new_thread=row.new_threads, key=key)
        except (QueueFull, Unavailable):
            raise
        except GirihError as fault:
            await self._settle(seen.scope, seen.id, moment, "failed", error=fault.message)
            return True
        await self._settle(seen.scope, seen.id, moment, "started", run=run)
        return True

    async def _start(
        self,
        scope: OrgScope,
        number: UUID,
        moment: datetime,
        request: RunIn,
        *,
        new_thread: bool,
        key: str | None = None,
    ) -> RunOut:
        if new_thread:
            # The same one however often the moment is tried.
            thread = ThreadIn(id=uuid5(number, moment.isoformat()), if_exists="do_nothing")
            made = await self._runs.threads.create(scope, thread)
            request = request.model_copy(update={"thread_id": UUID(made.id)})
        return await self._runs.create(scope, request, key)

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


async def _changed(work: Work, row: Schedule) -> ScheduleOut:
    """The schedule after a change, from which it goes on."""
    row.updated_at = datetime.now(UTC)
    row.next_at = next_of(row, row.updated_at) if row.enabled else None
    await work.session.flush()
    return repository.out(row)


def _require_storable(metadata: JsonObject) -> None:
    if not is_storable(metadata):
        raise InvalidInput("a schedule's metadata can hold no NUL and no half of a character: it could not be searched")


def _require_one_kind_of_thread(row: Schedule) -> None:
    if row.new_threads and row.request.get("thread_id") is not None:
        raise InvalidInput("the runs have either threads of their own, or the one that `run` names")


async def _check_name(work: Work, scope: OrgScope, name: str, *, but: UUID | None = None) -> None:
    if await repository.is_named(work, scope, name, but=but):
        raise Conflict(f"a schedule is named '{name}' already", help="choose another name, or change that one")


async def _found(work: Work, scope: OrgScope, number: UUID, *, lock: bool = False) -> Schedule:
    row = await repository.schedule(work, scope, number, lock=lock)
    if row is None:
        raise NotFound(f"there is no schedule {number}", help="list the project's schedules to see which there are")
    return row
