"""Runs: accepted in one commit, executed in this process or the next one, followed by anybody who may."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from uuid import UUID

from girih.db.base import new_id
from girih.db.direct import DirectPool
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.engine.events import RunEvent
from girih.errors import InvalidInput, NotFound
from girih.services.runs import repository, search_repository
from girih.services.runs.admission import Admission
from girih.services.runs.cancelling import cancel_row
from girih.services.runs.conditions import Conditions
from girih.services.runs.crash import CrashPoints
from girih.services.runs.deadlines import Deadlines
from girih.services.runs.delays import Delays
from girih.services.runs.doorbell import Doorbell
from girih.services.runs.ears import Ears
from girih.services.runs.executor import Executor
from girih.services.runs.feed import Hub
from girih.services.runs.interruption import Interruption
from girih.services.runs.interrupts import Interrupts
from girih.services.runs.links import Link
from girih.services.runs.mirror import Mirrors
from girih.services.runs.ports import (
    Agents,
    DomainEvents,
    Executing,
    Knowledge,
    MakeModels,
    ProjectModels,
    Registry,
    World,
)
from girih.services.runs.queue import Queue
from girih.services.runs.reader import Reader, Tail, no_such_run
from girih.services.runs.reconciler import Reconciler
from girih.services.runs.reminders import Reminders
from girih.services.runs.replay import Replays
from girih.services.runs.repository import Claim
from girih.services.runs.roster import Roster
from girih.services.runs.schemas import ResumeIn, RunIn, RunOut, RunPage
from girih.services.runs.search_repository import Wanted
from girih.services.runs.shown import out
from girih.services.runs.snapshots import Snapshots
from girih.services.runs.thread_schemas import ForkIn, ThreadOut
from girih.services.runs.thread_search import ThreadViews
from girih.services.runs.threads import Threads
from girih.services.runs.views import Views

MOST_RUNS = 200
"""Runs on one page of a list."""
ALONE = Conditions()
ANY = Wanted()


class RunService:
    """Accepts, executes, stops and shows runs.

    `conditions` say how this process takes part in that.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        pool: DirectPool,
        agents: Agents,
        registry: Registry,
        knowledge: Knowledge,
        engine: Executing,
        *,
        make_models: MakeModels,
        events: DomainEvents,
        world: World,
        conditions: Conditions = ALONE,
    ) -> None:
        self._uow, self._conditions = uow, conditions
        self._doorbell = conditions.doorbell or Doorbell()
        hub, crash = Hub(self._doorbell.news), CrashPoints(enabled=conditions.crash_points)
        self._mirrors = Mirrors(uow, lambda: self._doorbell.hears)
        self._reader = Reader(uow, hub, self._mirrors)
        executor = Executor(
            uow,
            pool,
            hub,
            engine=engine,
            agents=agents,
            models=ProjectModels(registry, make_models),
            knowledge=knowledge,
            events=events,
            world=world,
            crash=crash,
            watch=conditions.watch,
        )
        executor.on_waiting, executor.on_left = self._waiting, self._next_in_line
        self._roster = Roster(executor, conditions.slots)
        self._deadlines = Deadlines(uow, hub, self._ready, Reminders(uow, events, conditions.remind_after))
        self.interrupts = Interrupts(uow, self._ready, crash)
        self.threads = Threads(uow, pool, agents, self._superseded)
        events.subscribe(self.interrupts.take_event)
        self._background: asyncio.Task[None] | None = None
        self._take_part(pool, agents, hub, crash)

    def _take_part(self, pool: DirectPool, agents: Agents, hub: Hub, crash: CrashPoints) -> None:
        """Become one of the processes that execute runs, known to the others by a name."""
        worker = f"{socket.gethostname()}:{os.getpid()}:{new_id().hex[-8:]}"
        uow, roster, conditions = self._uow, self._roster, self._conditions
        self._queue = Queue(uow, conditions.dispatch, conditions.limits)
        self._reconciler = Reconciler(
            uow,
            hub,
            roster,
            worker=worker,
            timing=conditions.timing,
            crash=crash,
            deadlines=self._deadlines,
            background_after=conditions.background_after,
            removal_after=conditions.removal_after,
        )
        self._ears = Ears(self._mirrors, self._reconciler, agents)
        self._admission = Admission(
            uow,
            pool,
            agents,
            hub,
            roster,
            self._queue,
            worker=worker,
            timing=conditions.timing,
            crash=crash,
            watch=conditions.watch,
            check_url=conditions.check_url,
        )
        self._delays = Delays(self._ready)
        self._admission.on_stopped, self._admission.on_delayed = self._superseded, self._delays.expect
        self.replays = Replays(uow, agents, self._admission, self._reader, conditions.checkpoints_since)
        self.views = Views(uow, agents, self._reader, self.replays, self._roster.find)
        self.snapshots = Snapshots(uow, agents, self.threads, self.replays)
        self.thread_views = ThreadViews(uow, self.threads, self.snapshots)

    async def start(self) -> None:
        """Begin to look after runs in the background."""
        self._doorbell.start(self._ears)
        self._background = asyncio.create_task(self._reconciler.run(), name="runs in the background")

    async def stop(self) -> None:
        """Take no more runs, let those under way end within the grace, and hand on the rest for another process."""
        self._roster.close()
        self._deadlines.close()
        self._delays.close()
        await self._reconciler.settle()
        for run_id in await self._roster.drain(self._conditions.grace):
            self._queue.ring(run_id)
        if self._background is not None:
            self._reconciler.end()
            await self._background
            self._background = None
        await self._doorbell.close()
        await self._conditions.watch.close()

    async def take(self, run_id: UUID | str) -> None:
        """Begin a run that was rung for, if it still waits and a slot is free. Rings that are none are ignored."""
        with suppress(NotFound):
            await self._reconciler.take(_id(run_id))

    async def create(
        self, scope: OrgScope, body: RunIn, idempotency_key: str | None = None, *, makes_thread: bool = False
    ) -> RunOut:
        """Accept a run: its row is committed before this returns. It starts here if a slot is free, else it waits.

        The same key with the same body gives the same run, with another body `InvalidInput`. Inputs that do not fit
        the agent's contract are refused with every fault before there is a row. With `makes_thread` its thread is made
        along with it where there is none of that id.
        """
        link = Link(body.thread_id, body.multitask, makes_thread=True) if makes_thread else None
        return await self._admission.create(scope, body, idempotency_key, link)

    async def run(self, scope: OrgScope, run_id: UUID | str) -> RunOut:
        """One run as it stands."""
        async with self._uow(scope) as work:
            row = await repository.run(work, scope, _id(run_id))
            if row is None:
                raise no_such_run(run_id)
            return out(row)

    async def runs(
        self, scope: OrgScope, wanted: Wanted = ANY, *, cursor: str | None = None, limit: int = 50
    ) -> RunPage:
        """The project's runs, the newest first; `cursor` is the `next` of the page before."""
        if not 1 <= limit <= MOST_RUNS:
            raise InvalidInput(f"a page holds 1 to {MOST_RUNS} runs, not {limit}")
        before = _cursor(cursor)
        async with self._uow(scope) as work:
            rows = await search_repository.runs(work, scope, wanted, before=before, limit=limit + 1)
            items = [out(row) for row in rows[:limit]]
        return RunPage(items=items, next=items[-1].id if len(rows) > limit else None)

    async def cancel(self, scope: OrgScope, run_id: UUID | str, *, keeps_state: bool = False) -> RunOut:
        """Stop a run; one that has ended stays as it is. Answers within a second, maybe before the run has stopped.

        With `keeps_state` its thread keeps what it did so far.
        """
        number = _id(run_id)
        async with self._uow(scope) as work:
            row = await repository.run(work, scope, number, lock=True)
            if row is None:
                raise no_such_run(run_id)
            if await cancel_row(work, row, keeps_state=keeps_state):
                self._ready(number, row.background)
        self._doorbell.stop(number)
        self._doorbell.news(number)
        held = self._roster.find(number)
        if held is not None and held.task is not None:
            held.stop("cancel")
            await asyncio.wait({held.task}, timeout=1.0)
        return await self.run(scope, number)

    async def resume(self, scope: OrgScope, run_id: UUID | str, body: ResumeIn) -> RunOut:
        """Answer what the run waits for; see `Interrupts.resume`."""
        number = _id(run_id)
        await self.interrupts.resume(scope, number, body)
        return await self.run(scope, number)

    async def fork_thread(self, scope: OrgScope, thread_id: UUID, body: ForkIn) -> ThreadOut:
        """A thread that begins at a state of another, or with what a checkpoint of a run holds."""
        given = None
        if body.run_id is not None and body.checkpoint_id is not None:
            given = (await self.replays.at(scope, body.run_id, body.checkpoint_id)).state
        return await self.threads.fork(scope, thread_id, body, given)

    async def check_cursor(self, scope: OrgScope, run_id: UUID | str, after: int) -> None:
        """Raise as `events` would at its beginning, for doors that must answer before they stream."""
        await self._reader.check(scope, _id(run_id), after)

    def events(self, scope: OrgScope, run_id: UUID | str, after: int = 0) -> AsyncGenerator[RunEvent]:
        """The run's events after number `after`, to its end. Raises `NotFound`, or `BadCursor` for one not reached."""
        return self._reader.follow(scope, _id(run_id), after)

    def tail(self, scope: OrgScope, run_id: UUID | str, after: int = 0) -> Tail:
        """The same events for a door that takes them as they come: nothing runs for it between two of them."""
        return self._reader.tail(scope, _id(run_id), after)

    async def _next_in_line(self, claim: Claim) -> None:
        """The next run on a thread begins. Should this not come to pass, it is found by looking around."""
        assert claim.thread_id is not None  # noqa: S101 - only such runs leave a thread
        found = await self.threads.calls.next_in_line(claim.scope, claim.thread_id)
        if found is not None:
            self._ready(*found)

    def _superseded(self, run_ids: Iterable[UUID]) -> None:
        """Runs have been asked to stop, or have ended, for a newer one on their thread."""
        for run_id in run_ids:
            self._roster.expect()
            self._doorbell.stop(run_id)
            self._doorbell.news(run_id)
            if (held := self._roster.find(run_id)) is not None:
                # Not before its task has begun, or nobody would bring it to an end.
                asyncio.get_running_loop().call_soon(held.stop, "cancel")

    def _ready(self, run_id: UUID, background: bool) -> None:
        """A run that waited can go on: here if there is room, unless it is for workers."""
        if background:
            self._queue.ring(run_id)
        else:
            self._roster.expect()

    def _waiting(self, claim: Claim, interruption: Interruption, goes_on: bool) -> None:
        if goes_on:
            self._ready(claim.run_id, claim.background)
        elif (moment := interruption.next_deadline) is not None:
            self._deadlines.expect(moment)


def _id(text: UUID | str) -> UUID:
    if isinstance(text, UUID):
        return text
    try:
        return UUID(text)
    except ValueError:
        raise no_such_run(text[:100]) from None


def _cursor(text: str | None) -> UUID | None:
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput(
            "the cursor is not one of a page of runs", help="send the `next` of the page before"
        ) from None
