"""Following a run: the same events in the same order for every reader, whenever it joins and in whatever process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.engine.events import TERMINAL, RunEvent
from girih.errors import InvalidInput, NotFound
from girih.services.runs import repository
from girih.services.runs.feed import Feed, Hub
from girih.services.runs.schemas import ENDED

PAGE = 200
"""How many events a reader takes from the table at once."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5
"""How long (seconds) a reader waits before it looks at the table again for a run of another process."""


def no_such_run(run_id: object) -> NotFound:
    """A run that is not there, or not the caller's."""
    return NotFound(f"there is no run {run_id}", help="list the project's runs to see which there are")


class Reader:
    """Reads feeds: from memory what this process has just written, from the table everything else.

    Nothing is held for a reader between two events but its cursor: no queue and no connection.
    """

    def __init__(self, uow: UnitOfWork, hub: Hub) -> None:
        self._uow = uow
        self._hub = hub

    async def check(self, scope: OrgScope, run_id: UUID, after: int) -> bool:
        """Whether there is more to come after event number `after`.

        Raises `NotFound` for a run the scope does not have, `InvalidInput` for a number the run has not reached.
        """
        feed = self._hub.feed(scope, run_id)
        if feed is not None and 0 <= after <= feed.last:
            return after < feed.last or not feed.ended
        async with self._uow(scope) as work:
            row = await repository.run(work, scope, run_id)
            if row is None:
                raise no_such_run(run_id)
            last = await repository.last_seq(work, scope.org_id, run_id)
        if not 0 <= after <= last:
            raise InvalidInput(
                f"the run has no event {after} to go on after; its last one is {last}",
                help="send the number of the last event that arrived, or 0 to begin with the first one",
                last=last,
            )
        return row.status not in ENDED or after < last

    async def follow(self, scope: OrgScope, run_id: UUID, after: int) -> AsyncIterator[RunEvent]:
        """The run's events after number `after`, as they are committed, up to the one that ends it."""
        if not await self.check(scope, run_id, after):
            return
        feed: Feed | None = None
        pause = FIRST_PAUSE
        while True:
            feed = self._hub.feed(scope, run_id) or feed
            events = await self._events(scope, run_id, feed, after)
            for event in events:
                yield event
                if event.event.type in TERMINAL:
                    return
                after = event.seq
            if events:
                pause = FIRST_PAUSE
            elif feed is not None and not feed.closed:
                await feed.changed(after)
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _events(self, scope: OrgScope, run_id: UUID, feed: Feed | None, after: int) -> list[RunEvent]:
        kept = feed.since(after) if feed is not None else None
        if kept or (kept is not None and feed is not None and not feed.closed):
            return kept
        async with self._uow(scope) as work:
            return await repository.events(work, scope.org_id, run_id, after=after, limit=PAGE)
