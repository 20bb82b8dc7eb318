"""The one writer of a run: all it records goes through here, in order, under its fence, and is committed first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import stamina

from girih.db.direct import DirectPool
from girih.engine.events import NewEvent, RunEvent
from girih.errors import LeaseLost, Unavailable
from girih.services.runs.backlog import Backlog, Covers, everything, nothing
from girih.services.runs.crash import CrashPoints
from girih.services.runs.feed import Feed
from girih.services.runs.plain import dump
from girih.services.runs.repository import Claim
from girih.services.runs.unstoppable import to_its_end
from girih.services.runs.usage import CALL, Tally
from girih.services.runs.watch import RunWatch
from girih.services.runs.withheld import withheld

BATCH = 10
"""So many events are written at once."""
PATIENCE = 0.015
"""Fewer wait at most so long (seconds)."""
GATHERED = 0.004
"""Even the first one after a silence, and a full batch, wait so long (seconds): what comes with them, often the run's
end, is written with them."""
LONGEST_PATIENCE = 0.1
"""Where a write takes long because many runs write, they wait longer and write more at once, up to this (seconds)."""
PERSISTENCE = 25.0
"""How long (seconds) a write is tried again while the database is away: less than a lease."""

APPEND = "append_run_events"
WITH_CHECKPOINT = "_with_checkpoint"
"""How the functions are called that end a run and keep its last checkpoint in the same commit."""

LOST, HELD, ASKED_TO_STOP, REFUSED, QUEUED = range(5)
"""The answers of the functions that write for a run. Two are those of `interrupt_run` only: `REFUSED`, nothing was
written because the run is asked to stop, and `QUEUED`, something it would wait for is there already."""


@dataclass
class Pace:
    """How long writes take in this process, as of late: the longer they take, the more is written at once."""

    took: float = 0.0

    def note(self, took: float) -> None:
        """A write took so long (seconds)."""
        self.took += (took - self.took) / 4

    @property
    def patience(self) -> float:
        """So long (seconds) events wait for others."""
        return min(max(2 * self.took, PATIENCE), LONGEST_PATIENCE)

    @property
    def gathered(self) -> float:
        """So long at least."""
        return min(max(self.took, GATHERED), 2 * PATIENCE)


class Journal:
    """Numbers a run's events and writes them in batches, alone or together with what must be true at the same moment.

    A checkpoint is committed with the events emitted before it, and a `node.finished` waits for the commit that keeps
    the node's result: a node whose result is recorded has its events, and one that has to run again has not finished.
    After `LeaseLost`, and when the database stays away, nothing more is written.
    """

    def __init__(
        self,
        pool: DirectPool,
        feed: Feed,
        claim: Claim,
        on_asked_to_stop: Callable[[], None],
        watch: RunWatch,
        pace: Pace | None = None,
    ) -> None:
        self._pool = pool
        self._feed = feed
        self._claim = claim
        self._on_asked_to_stop = on_asked_to_stop
        self.watch = watch
        self._next = feed.last + 1
        self._backlog = Backlog()
        self._lock = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._flushed = asyncio.get_running_loop().time()
        self._pace = pace or Pace()
        self.tally = Tally(claim.spent.usage, claim.models)
        """What all model calls so far have used, over all attempts."""
        self.redact: tuple[str, ...] = ()
        """What the run's graph wants left out of what is kept; whoever reads along here sees all."""
        self.crash = CrashPoints()
        """Where a test ends the process around a write of events alone, and behind one of what was put off."""
        self.fault: LeaseLost | Unavailable | None = None
        """Why nothing more can be written."""
        self._mishap: Exception | None = None
        """What went wrong while nobody waited for it."""
        self._put_off: tuple[str, tuple[object, ...], Covers] | None = None
        """The run's last checkpoint, while it waits for the run's end."""

    def emit(self, event: NewEvent) -> None:
        """Record an event soon; never blocks."""
        if self.fault is not None:
            return
        if event.type == CALL:
            self.tally.add(event.data)
        self._backlog.add(event)
        self._schedule()

    async def write(
        self,
        function: str,
        *arguments: object,
        covers: Covers = everything,
        last: NewEvent | None = None,
        committed: Callable[[], None] | None = None,
    ) -> int:
        """Commit what `function` writes, with the events emitted so far and then `last`; gives its answer.

        Where `covers` says that it does not keep what a node did, the news that the node has finished is left for the
        commit that does. `committed` is called before any reader sees these events. Raises `LeaseLost` or
        `Unavailable`. A caller that is cancelled meanwhile does not undo it: the numbers that were given out stay true.
        """
        return await to_its_end(self._write(function, arguments, covers, last, committed))

    async def put_off(self, function: str, *arguments: object, covers: Covers) -> None:
        """Leave the run's last checkpoint for the commit that ends the run, which takes it along.

        It is committed before anything else that is written, except events alone.
        """
        await self.catch_up()
        self._put_off = function, arguments, covers

    async def catch_up(self) -> None:
        """Commit what was put off, if anything was. Raises as `write` does."""
        if self._put_off is not None:
            await to_its_end(self._catch_up())

    async def end(self, function: str, *arguments: object, last: NewEvent, committed: Callable[[], None]) -> int:
        """As `write`, for a function that ends the run: in one commit with its last checkpoint, if that was put off."""
        if self._put_off is not None:
            (_, checkpoint, _), self._put_off = self._put_off, None
            function, arguments = f"{function}{WITH_CHECKPOINT}", (*arguments, *checkpoint)
        return await self.write(function, *arguments, last=last, committed=committed)

    def check(self) -> None:
        """Raise what went wrong in the background."""
        mishap, self._mishap = self._mishap, None
        if (fault := self.fault or mishap) is not None:
            raise fault

    async def settle(self) -> None:
        """Let a write that is under way end. What is still pending is dropped, and nothing more is taken."""
        self.close()
        async with self._lock:
            return

    def close(self) -> None:
        """Take nothing more."""
        self.fault = self.fault or LeaseLost("this run is over here")
        self._backlog.clear()
        self._put_off = None
        self._disarm()

    async def _catch_up(self) -> None:
        async with self._lock:
            put_off, self._put_off = self._put_off, None
            if put_off is not None:
                await self._write_now(*put_off)
                self.crash.here("checkpoint.caught_up")

    async def _write(
        self,
        function: str,
        arguments: Sequence[object],
        covers: Covers,
        last: NewEvent | None = None,
        committed: Callable[[], None] | None = None,
    ) -> int:
        if function != APPEND and self._put_off is not None:
            await self._catch_up()
        async with self._lock:
            if function == APPEND and not self._backlog.ready and last is None:
                self.check()
                self._disarm()
                return HELD
            return await self._write_now(
                function, arguments, nothing if function == APPEND else covers, last, committed
            )

    async def _write_now(
        self,
        function: str,
        arguments: Sequence[object],
        covers: Covers,
        last: NewEvent | None = None,
        committed: Callable[[], None] | None = None,
    ) -> int:
        self.check()
        self._disarm()
        taken = self._backlog.take(covers)
        events = [entry.event for entry in taken] + ([last] if last is not None else [])
        texts = [dump(withheld(event, self.redact)) for event in events]
        began = asyncio.get_running_loop().time()
        try:
            verdict = await self._commit(function, events, texts, arguments)
        except (LeaseLost, Unavailable) as fault:
            self.fault = fault
            raise
        if verdict == REFUSED:
            self._backlog.put_back(taken)
            return verdict
        if committed is not None:
            committed()
        self._pace.note(asyncio.get_running_loop().time() - began)
        self._publish(events, texts)
        return verdict

    async def _commit(
        self, function: str, events: Sequence[NewEvent], texts: Sequence[str], arguments: Sequence[object]
    ) -> int:
        columns = [event.at for event in events], [event.type for event in events], [event.node for event in events]
        claim = self._claim
        arguments = (claim.run_id, claim.fence, self._next, *columns, texts, *arguments)
        try:
            verdict: int = await self._pool.call(claim.scope, function, *arguments)
        except Unavailable:
            verdict = await self._call_again(function, arguments)
        if verdict == LOST:
            raise LeaseLost("another process has taken this run over")
        if verdict == ASKED_TO_STOP:
            self._on_asked_to_stop()
        return verdict

    @stamina.retry(on=Unavailable, attempts=None, timeout=PERSISTENCE, wait_initial=0.1, wait_max=2.0)
    async def _call_again(self, function: str, arguments: Sequence[object]) -> int:
        """Repeat a call. It writes the same rows under the same numbers: no harm if only the answer was lost."""
        verdict: int = await self._pool.call(self._claim.scope, function, *arguments)
        return verdict

    def _publish(self, events: Sequence[NewEvent], texts: Sequence[str]) -> None:
        run_id, first = str(self._claim.run_id), self._next
        self._next += len(events)
        self._flushed = asyncio.get_running_loop().time()
        self.watch.recorded(events)
        self._feed.publish(
            [RunEvent(run_id, first + n, self._claim.attempt, event) for n, event in enumerate(events)],
            [len(text) for text in texts],
        )

    def _schedule(self) -> None:
        if self._flushing is not None or not self._backlog.ready:
            return
        loop = asyncio.get_running_loop()
        patience = self._pace.patience
        is_full = self._backlog.ready >= BATCH and patience == PATIENCE
        soonest = loop.time() + self._pace.gathered
        due = soonest if is_full else max(self._flushed + patience, soonest)
        if self._timer is not None and self._timer.when() > due:
            self._disarm()
        if self._timer is None:
            self._timer = loop.call_at(due, self._flush)

    def _flush(self) -> None:
        self._disarm()
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_pending())

    async def _flush_pending(self) -> None:
        try:
            self.crash.here("events.before")
            await self._write(APPEND, (), nothing)
            self.crash.here("events.after")
        except (LeaseLost, Unavailable):
            return  # it is kept in `fault`
        except Exception as mishap:  # noqa: BLE001 - the next write raises it, and the run fails with it
            self._mishap = mishap
        finally:
            self._flushing = None
        self._schedule()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
