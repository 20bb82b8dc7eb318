"""Following a run: the same events in the same order for every reader, whenever it joins and in whatever process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.engine.events import TERMINAL, NewEvent, RunEvent
from girih.errors import BadCursor, NotFound
from girih.services.runs import repository
from girih.services.runs.feed import Feed, Hub, Wake
from girih.services.runs.mirror import PAGE, Mirror, Mirrors
from girih.services.runs.schemas import ENDED
from girih.services.runs.shown import out

GAP = "stream.gap"
"""An event of the stream, not of the run: those after number `after` up to its own `seq` are no longer kept."""


def no_such_run(run_id: object) -> NotFound:
    """A run that is not there, or not the caller's."""
    return NotFound(f"there is no run {run_id}", help="list the project's runs to see which there are")


@dataclass(frozen=True)
class Standing:
    """How far a run is: its newest event, and whether that one ends it."""

    last: int
    ended: bool

    def has_more(self, after: int) -> bool:
        """Whether there is more to come after event number `after`."""
        return not self.ended or after < self.last


class Reader:
    """Reads feeds: from memory what was written just now, here or elsewhere, from the table everything else.

    Nothing is held for a reader between two events but its cursor: no queue and no connection. One that is too slow
    for what is kept in memory reads the table.
    """

    def __init__(self, uow: UnitOfWork, hub: Hub, mirrors: Mirrors) -> None:
        self._uow = uow
        self._hub = hub
        self._mirrors = mirrors

    async def check(self, scope: OrgScope, run_id: UUID, after: int) -> Standing:
        """How far the run is.

        Raises `NotFound` for a run the scope does not have, `BadCursor` for a number the run has not reached.
        """
        feed = self._hub.feed(scope, run_id) or self._mirrors.feed(scope, run_id)
        if scope.agents:  # what is in memory does not say whose run it is
            feed = None
        if feed is not None and 0 <= after <= feed.last:
            return Standing(feed.last, feed.ended)
        async with self._uow(scope) as work:
            row = await repository.run(work, scope, run_id)
            if row is None:
                raise no_such_run(run_id)
            last = await repository.last_seq(work, scope.org_id, run_id)
        if not 0 <= after <= last:
            raise BadCursor(
                f"the run has no event {after} to go on after; its last one is {last}",
                help="send the number of the last event that arrived, or 0 to begin with the first one",
                last=last,
            )
        return Standing(last, row.status in ENDED)

    def tail(self, scope: OrgScope, run_id: UUID, after: int) -> Tail:
        """A place in the run's events, after number `after`."""
        return Tail(self, scope, run_id, after)

    async def follow(
        self, scope: OrgScope, run_id: UUID, after: int, *, to_come: bool = True
    ) -> AsyncGenerator[RunEvent]:
        """The run's events after number `after`, as they are committed, up to the one that ends it.

        Without those `to_come` it ends behind what is recorded by now, however long reading that takes. Where the
        oldest are no longer kept, an event `stream.gap` comes first, with the run as it stands.
        """
        news, tail, seen = asyncio.Event(), self.tail(scope, run_id, after), after
        try:
            standing = await tail.open()
            while not tail.ended and (to_come or seen < standing.last):
                news.clear()
                for event in await tail.take():
                    seen = event.seq
                    yield event
                if (to_come or seen < standing.last) and tail.wait(news.set):
                    await news.wait()
        finally:
            tail.close()

    async def is_whole(self, scope: OrgScope, run_id: UUID) -> bool:
        """Whether the run's events are kept from the first on. Of one that has ended long ago only the last is."""
        async with self._uow(scope) as work:
            first = await repository.events(work, scope.org_id, run_id, after=0, limit=1)
        return not first or first[0].seq == 1

    def local(self, scope: OrgScope, run_id: UUID) -> Feed | None:
        """The feed of a run that this process executes."""
        return self._hub.feed(scope, run_id)

    def join(self, scope: OrgScope, run_id: UUID, last: int) -> Mirror:
        """Have the run's events read here, as long as somebody waits for them."""
        return self._mirrors.join(scope, run_id, last)

    def leave(self, mirror: Mirror) -> None:
        """Wait for them no longer."""
        self._mirrors.leave(mirror)

    async def events(self, scope: OrgScope, run_id: UUID, feed: Feed | None, after: int) -> Sequence[RunEvent]:
        """What there is after number `after` now, from the feed or from the table; at most so much as is kept."""
        kept = feed.since(after) if feed is not None else None
        if kept or (kept is not None and feed is not None and not feed.ended):
            return kept
        async with self._uow(scope) as work:
            events = await repository.events(work, scope.org_id, run_id, after=after, limit=PAGE)
            if events and events[0].seq > after + 1:
                events.insert(0, await self._gap(work, scope, events[0], after))
        return events

    async def _gap(self, work: Work, scope: OrgScope, first: RunEvent, after: int) -> RunEvent:
        row = await repository.run(work, scope, UUID(first.run_id))
        run = out(row).model_dump(mode="json") if row is not None else None
        data = {"from": after + 1, "to": first.seq - 1, "run": run}
        return RunEvent(first.run_id, first.seq - 1, first.attempt, NewEvent(GAP, data, datetime.now(UTC)))


class Tail:
    """One reader's place in a run's events. While it waits it is a cursor and an entry in a feed's list, no more."""

    __slots__ = ("_after", "_feed", "_mirror", "_reader", "_run_id", "_scope", "_standing", "_wake", "ended")

    def __init__(self, reader: Reader, scope: OrgScope, run_id: UUID, after: int) -> None:
        self._reader = reader
        self._scope = scope
        self._run_id = run_id
        self._after = after
        self._standing: Standing | None = None
        self._feed: Feed | None = None
        self._mirror: Mirror | None = None
        self._wake: Wake | None = None
        self.ended = False
        """Whether nothing more will come."""

    async def open(self) -> Standing:
        """Look whether there is such a run and place, for doors that answer before they stream; raises as `check`."""
        if self._standing is None:
            self._standing = await self._reader.check(self._scope, self._run_id, self._after)
            self.ended = not self._standing.has_more(self._after)
        return self._standing

    async def take(self) -> Sequence[RunEvent]:
        """The events that have come since; none where the reader has to wait. Raises as `Reader.check` does."""
        standing = await self.open()
        if self.ended:
            return ()
        feed = self._find_feed(standing)
        events = await self._reader.events(self._scope, self._run_id, feed, self._after)
        for number, event in enumerate(events, 1):
            if event.event.type in TERMINAL:
                self.ended, events = True, events[:number]
                break
        if events:
            self._after = events[-1].seq
        elif feed is None:  # what has ended grows no more, even if its end was removed
            self.ended = True
        return events

    def wait(self, wake: Wake) -> bool:
        """Call `wake` once there may be more to take. False where it will not be called: nothing more will come."""
        if self.ended or self._feed is None:
            return not self.ended and self._soon(wake)
        self._wake = wake
        self._feed.wait(self._after, wake)
        return True

    def close(self) -> None:
        """Leave."""
        if self._feed is not None and self._wake is not None:
            self._feed.leave(self._wake)
        mirror, self._mirror = self._mirror, None
        self._feed = self._wake = None
        self.ended = True
        if mirror is not None:
            self._reader.leave(mirror)

    @staticmethod
    def _soon(wake: Wake) -> bool:
        asyncio.get_running_loop().call_soon(wake)
        return True

    def _find_feed(self, standing: Standing) -> Feed | None:
        feed = self._reader.local(self._scope, self._run_id) or self._feed
        if not standing.ended and (feed is None or (feed.closed and not feed.ended)):
            if self._mirror is None:
                self._mirror = self._reader.join(self._scope, self._run_id, max(self._after, standing.last - PAGE))
            feed = self._mirror.feed
        if self._feed is not None and self._feed is not feed and self._wake is not None:
            self._feed.leave(self._wake)
        self._feed = feed
        return feed
