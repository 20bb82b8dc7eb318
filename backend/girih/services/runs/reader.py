"""Following a run: the same events in the same order for every reader, whenever it joins and in whatever process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.engine.events import TERMINAL, NewEvent, RunEvent
from girih.errors import BadCursor, NotFound
from girih.services.runs import repository
from girih.services.runs.feed import Feed, Hub
from girih.services.runs.mirror import PAGE, Mirrors
from girih.services.runs.schemas import ENDED

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
        feed = self._hub.feed(scope, run_id)
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

    async def follow(self, scope: OrgScope, run_id: UUID, after: int) -> AsyncIterator[RunEvent]:
        """The run's events after number `after`, as they are committed, up to the one that ends it.

        Where the oldest of them are no longer kept, an event `stream.gap` comes first, with the run as it stands.
        """
        standing = await self.check(scope, run_id, after)
        if not standing.has_more(after):
            return
        feed: Feed | None = None
        with ExitStack() as reading:
            while True:
                feed = self._hub.feed(scope, run_id) or feed
                if not standing.ended and (feed is None or (feed.closed and not feed.ended)):
                    known = max(after, standing.last - PAGE)
                    feed = reading.enter_context(self._mirrors.reading(scope, run_id, known))
                events = await self._events(scope, run_id, feed, after)
                for event in events:
                    yield event
                    if event.event.type in TERMINAL:
                        return
                    after = event.seq
                if events:
                    continue
                if feed is None:  # what has ended grows no more, even if its end was removed
                    return
                await feed.changed(after)

    async def _events(self, scope: OrgScope, run_id: UUID, feed: Feed | None, after: int) -> Sequence[RunEvent]:
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
        run = repository.out(row).model_dump(mode="json") if row is not None else None
        data = {"from": after + 1, "to": first.seq - 1, "run": run}
        return RunEvent(first.run_id, first.seq - 1, first.attempt, NewEvent(GAP, data, datetime.now(UTC)))
