"""The background of runs: renews what this process holds, stops what it was asked to stop, takes over what is due."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from girih.db.unit_of_work import UnitOfWork, Work
from girih.engine.events import NewEvent
from girih.services.organizations import repository as organizations
from girih.services.runs import repository
from girih.services.runs.crash import CrashPoints
from girih.services.runs.deadlines import Deadlines
from girih.services.runs.executor import failure
from girih.services.runs.feed import Hub
from girih.services.runs.held import Held
from girih.services.runs.repository import MAX_CRASHES, Due
from girih.services.runs.roster import Roster

log = structlog.get_logger("girih.runs")

TAKEN_OVER = "another process has taken this run over"


@dataclass(frozen=True)
class Timing:
    """How long a lease lasts, how often it is renewed, how often the background looks around. In seconds."""

    lease: float = 30.0
    renewal: float = 10.0
    look: float = 2.0

    @classmethod
    def of_lease(cls, lease: float) -> Timing:
        """The times that go with a lease of so many seconds."""
        return cls(lease, renewal=lease / 3, look=min(2.0, lease / 5))

    @property
    def lease_time(self) -> timedelta:
        """The lease as the database counts it."""
        return timedelta(seconds=self.lease)


class Reconciler:
    """Brings every accepted run on its way, whoever accepted it: nothing but its row is needed.

    Runs for workers are taken over once they have waited for `background_after` seconds, or when rung for. Those that
    are not to be kept are removed `removal_after` seconds after their end.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        hub: Hub,
        roster: Roster,
        *,
        worker: str,
        timing: Timing,
        crash: CrashPoints,
        deadlines: Deadlines,
        background_after: float = 0.0,
        removal_after: float = 60.0,
    ) -> None:
        self._uow = uow
        self._hub = hub
        self._roster = roster
        self._worker = worker
        self._timing = timing
        self._crash = crash
        self._deadlines = deadlines
        self._looked = self._renewed = -math.inf
        self._ended = False
        self._removal_after = removal_after
        self._background_after = timedelta(seconds=background_after)
        self._is_asked = False
        """Whether a run that is held here may be asked to stop."""
        self._taking: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Look around until told to end, and at once when a slot that something may wait for becomes free."""
        freed = self._roster.freed
        while not self._ended:
            is_rung = freed.is_set() and self._now() < self._looked + self._timing.look
            freed.clear()
            try:
                await (self._hurry() if is_rung else self.look())
            except Exception as fault:  # noqa: BLE001 - the database may be away; the next look may find it again
                log.warning("cannot look after runs", error=type(fault).__name__, reason=str(fault)[:300])
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timing.look):
                    await freed.wait()

    def end(self) -> None:
        """Let `run` return after the look that is under way, so that no run is left claimed and not started."""
        self._ended = True
        self._roster.freed.set()

    async def take(self, run_id: UUID) -> None:
        """Begin a run that was rung for, if it still waits and a slot is free. Goes on to its end when cancelled."""
        task = asyncio.create_task(self._take(run_id))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)
        await asyncio.shield(task)

    def is_to_stop(self, run_id: UUID) -> None:
        """Look at once whether the run is asked to stop, if it is held here."""
        if self._roster.find(run_id) is not None:
            self.may_be_asked()

    def may_be_asked(self) -> None:
        """Look at once which of the runs that are held here are asked to stop."""
        self._is_asked = True
        self._roster.freed.set()

    async def settle(self) -> None:
        """Wait until what is being taken has been."""
        if self._taking:
            await asyncio.wait(self._taking)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def look(self) -> None:
        """Do once what is to be done now."""
        self._looked = self._now()
        if self._looked >= self._renewed + self._timing.renewal:
            await self._renew()
            self._renewed = self._looked
            await self._deadlines.forget_threads()
            await self._deadlines.remind()
            await self._deadlines.remove_unwanted(self._removal_after)
        await self._stop_asked()
        await self._deadlines.pass_due()
        await self._take_over()

    async def _hurry(self) -> None:
        if self._is_asked:
            self._is_asked = False
            await self._stop_asked()
        await self._take_over()

    async def _take(self, run_id: UUID) -> None:
        if not self._roster.reserve():
            return
        started = False
        try:
            async with self._uow.reading_for("reconcile") as work:
                due = await repository.due_run(work, run_id)
            started = due is not None and await self._try(due)
        finally:
            if not started:
                self._roster.give_back()

    async def _renew(self) -> None:
        by_org: dict[UUID, list[Held]] = defaultdict(list)
        for held in self._roster.held:
            by_org[held.claim.scope.org_id].append(held)
        for group in by_org.values():
            pairs = [(held.claim.run_id, held.claim.fence) for held in group]
            async with self._uow(group[0].claim.scope) as work:
                kept = await repository.renew(work, pairs, lease=self._timing.lease_time)
            for held in group:
                if held.claim.run_id not in kept and held.reason is None:
                    log.warning("run given up here", run_id=str(held.claim.run_id), reason=TAKEN_OVER)
                    held.stop("lost")
                elif kept.get(held.claim.run_id):
                    held.stop("cancel")

    async def _stop_asked(self) -> None:
        if not self._roster.held:
            return
        async with self._uow.reading_for("reconcile") as work:
            asked = await repository.asked_to_stop(work, self._worker)
            halted = await organizations.halted(work)
        for run_id in asked:
            held = self._roster.find(run_id)
            if held is not None:
                held.stop("cancel")
        for held in self._roster.held:
            if held.claim.scope.org_id in halted:
                held.stop("release")  # it waits until its organization may go on

    async def _take_over(self) -> None:
        free, expected = self._roster.free, self._roster.expected
        if free <= 0:
            self._roster.expect()
            return
        async with self._uow.reading_for("reconcile") as work:
            due = await repository.due_runs(work, limit=free + 1, background_after=self._background_after)
        if len(due) > free:
            self._roster.some_left()
        for one in due:
            if not self._roster.reserve():
                self._roster.some_left()
                return
            try:
                started = await self._try(one)
            except BaseException:
                self._roster.give_back()
                raise
            if not started:
                self._roster.give_back()
        if len(due) <= free:
            self._roster.all_served(expected)

    async def _try(self, due: Due) -> bool:
        """Claim the run and start it; or end it, if it has taken too many processes with it."""
        self._crash.here("run.found")
        async with self._uow(due.scope) as work:
            claim = await repository.claim(work, due, worker=self._worker, lease=self._timing.lease_time)
            if claim is None:
                await self._give_up(work, due)
                return False
        self._crash.here("run.claimed")
        self._roster.start(claim, self._hub.open(claim.scope, claim.run_id, claim.last_seq))
        return True

    async def _give_up(self, work: Work, due: Due) -> None:
        row = await repository.hopeless(work, due)
        if row is None:
            return
        error = failure(
            f"the run was given up: {MAX_CRASHES} processes in a row ended while they executed it",
            help="look in the server's log for what ended them, then start a new run",
        )
        usage = {"input_tokens": 0, "output_tokens": 0}
        now = datetime.now(UTC)
        duration = round((now - (row.started_at or now)).total_seconds() * 1000)
        last = NewEvent("run.failed", {"error": error, "usage": usage, "duration_ms": max(0, duration)}, now)
        await repository.end_unheld(work, row, last, status="failed", error=error)
        self._hub.told(row.id)
