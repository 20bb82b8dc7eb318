"""Following a thread: the events of its runs, one run after the other, as long as anybody wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.engine.events import RunEvent
from girih.services.runs import view_repository
from girih.services.runs.reader import Reader, Tail
from girih.services.runs.run_view import RunView

SOONEST, LATEST = 0.1, 1.0
"""Seconds between two looks for the next run of a thread: first, and after a while in which there was none."""


@dataclass(frozen=True)
class Turn:
    """A run of the thread, which of its runs it is (from 1), and what there is to know of it."""

    number: int
    view: RunView


class ThreadTail:
    """One reader's place in a thread. Runs on a thread come one after the other, so their events do as well.

    It begins with the run after number `after`; `meet` is called before the first event of each run is given out.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        reader: Reader,
        view: Callable[[OrgScope, UUID], Awaitable[RunView]],
        scope: OrgScope,
        thread_id: UUID,
        after: int,
        meet: Callable[[Turn], None],
    ) -> None:
        self._uow, self._reader, self._view = uow, reader, view
        self._scope, self._thread_id = scope, thread_id
        self._after = after
        self._meet = meet
        self._tail: Tail | None = None
        self._run: tuple[UUID, int] | None = None
        self._is_met = False
        self._timer: asyncio.TimerHandle | None = None
        self._pause = SOONEST
        self.ended = False

    async def take(self) -> Sequence[RunEvent]:
        """What has come since; nothing where the reader has to wait."""
        while not self.ended:
            if self._tail is None and not await self._next():
                return ()
            assert self._tail is not None and self._run is not None  # noqa: S101 - there is a next one
            events = await self._tail.take()
            if events and not self._is_met:
                self._meet(Turn(self._run[1], await self._view(self._scope, self._run[0])))
                self._is_met = True
            is_over = self._tail.ended
            if is_over:
                self._leave()
            if events or not is_over:
                return events
        return ()

    def wait(self, wake: Callable[[], None]) -> bool:
        """Call `wake` once there may be more."""
        if self.ended:
            return False
        if self._tail is not None:
            return self._tail.wait(wake)
        self._timer = asyncio.get_running_loop().call_later(self._pause, wake)
        self._pause = min(self._pause * 1.5, LATEST)
        return True

    def close(self) -> None:
        """Leave."""
        self.ended = True
        self._leave()
        if self._timer is not None:
            self._timer.cancel()

    async def _next(self) -> bool:
        async with self._uow(self._scope) as work:
            found = await view_repository.runs_of(work, self._scope, self._thread_id, after=self._after, limit=1)
        if not found:
            return False
        self._run, self._after = found[0], found[0][1]
        self._tail, self._is_met, self._pause = self._reader.tail(self._scope, found[0][0], 0), False, SOONEST
        return True

    def _leave(self) -> None:
        tail, self._tail = self._tail, None
        if tail is not None:
            tail.close()
