"""The live side of the event log: committed events of the runs in this process, and a wake-up for who waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.engine.events import TERMINAL, RunEvent

KEPT_EVENTS = 512
KEPT_CHARACTERS = 1_000_000
"""How much of a run's tail stays in memory. Readers that are further behind read the table."""
WOKEN_AT_ONCE = 100
"""So many readers are woken before others have their turn."""

Wake = Callable[[], None]


def tell_nobody(run_id: UUID) -> None:
    """Keep news in this process."""
    del run_id


class Feed:
    """The newest committed events of one run. Any number of readers; none of them costs more than its own cursor."""

    def __init__(self, scope: OrgScope, run_id: UUID, last: int, told: Callable[[UUID], None] = tell_nobody) -> None:
        self._told = told
        self.scope = scope
        self.run_id = run_id
        self.last = last
        """The number of the newest committed event."""
        self.closed = False
        """Whether this process is done with the run (which need not have ended)."""
        self._events: list[RunEvent] = []
        self._sizes: list[int] = []
        self._size = 0
        self._waiting: dict[Wake, None] = {}

    def publish(self, events: Iterable[RunEvent], sizes: Iterable[int], *, is_new: bool = False) -> None:
        """Hand committed events to the readers. `sizes` are their characters.

        Of a run that `is_new` nobody elsewhere knows but who has looked just now: no other process is told.
        """
        self._events += events
        self._sizes += sizes
        self._size = sum(self._sizes)
        if self._events:
            self.last = self._events[-1].seq
        self._forget()
        self._ring()
        if not is_new:
            self._told(self.run_id)

    @property
    def ended(self) -> bool:
        """Whether the newest event is the run's last."""
        return bool(self._events) and self._events[-1].event.type in TERMINAL

    def since(self, after: int) -> list[RunEvent] | None:
        """The events after number `after`; `None` when the oldest of them are no longer kept."""
        if after >= self.last:
            return []
        start = after + 1 - (self._events[0].seq if self._events else self.last + 1)
        return self._events[start:] if start >= 0 else None

    def wait(self, after: int, wake: Wake) -> None:
        """Call `wake` once there is an event after number `after`, or nothing more to come from this process."""
        if self.last > after or self.closed:
            asyncio.get_running_loop().call_soon(wake)
        else:
            self._waiting[wake] = None

    def leave(self, wake: Wake) -> None:
        """Do not call it any more."""
        self._waiting.pop(wake, None)

    async def changed(self, after: int) -> None:
        """Wait for an event after number `after`, or for the end of the feed."""
        while self.last <= after and not self.closed:
            news = asyncio.Event()
            self.wait(after, news.set)
            try:
                await news.wait()
            finally:
                self.leave(news.set)

    def close(self) -> None:
        """Nothing more comes from this process."""
        self.closed = True
        self._ring()

    def _forget(self) -> None:
        gone = max(0, len(self._events) - KEPT_EVENTS)
        left = self._size - sum(self._sizes[:gone])
        while left > KEPT_CHARACTERS:
            left -= self._sizes[gone]
            gone += 1
        del self._events[:gone], self._sizes[:gone]
        self._size = left

    def _ring(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, {}
            _wake_some(waiting)


def _wake_some(waiting: dict[Wake, None]) -> None:
    for wake in list(islice(waiting, WOKEN_AT_ONCE)):
        del waiting[wake]
        wake()
    if waiting:
        asyncio.get_running_loop().call_soon(_wake_some, waiting)


class Hub:
    """The feeds of the runs in this process. `told` is called with the id of each run that has new events."""

    def __init__(self, told: Callable[[UUID], None] = tell_nobody) -> None:
        self.told = told
        self._feeds: dict[UUID, Feed] = {}

    def open(self, scope: OrgScope, run_id: UUID, last: int) -> Feed:
        """A feed for a run this process has just taken; `last` is its newest event so far."""
        feed = self._feeds[run_id] = Feed(scope, run_id, last, self.told)
        return feed

    def feed(self, scope: OrgScope, run_id: UUID) -> Feed | None:
        """The run's feed, if it is the scope's run and in this process."""
        feed = self._feeds.get(run_id)
        if feed is None or (feed.scope.org_id, feed.scope.project_id) != (scope.org_id, scope.project_id):
            return None
        return feed

    def close(self, feed: Feed) -> None:
        """End a feed. Its readers finish from what it keeps, or from the table."""
        if self._feeds.get(feed.run_id) is feed:
            del self._feeds[feed.run_id]
        feed.close()
