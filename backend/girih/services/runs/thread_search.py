"""Threads found by what they hold, each with its values and what it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput, NotFound
from girih.language.spec.tree import JsonObject
from girih.services.runs import thread_search_repository as repository
from girih.services.runs.plain import is_storable
from girih.services.runs.snapshot_schemas import Snapshot
from girih.services.runs.snapshots import Snapshots
from girih.services.runs.thread_schemas import ThreadOut
from girih.services.runs.thread_search_repository import ThreadSearch
from girih.services.runs.threads import Threads


@dataclass(frozen=True)
class ThreadView:
    """A thread, what it holds, and where a run on it stands, if one is."""

    thread: ThreadOut
    state: JsonObject = field(default_factory=dict)
    outputs: JsonObject | None = None
    standing: Snapshot | None = None


class ThreadViews:
    """Looks at threads with what they hold."""

    def __init__(self, uow: UnitOfWork, threads: Threads, snapshots: Snapshots) -> None:
        self._uow = uow
        self._threads = threads
        self._snapshots = snapshots

    async def view(self, scope: OrgScope, thread_id: UUID) -> ThreadView:
        """One thread as it stands. Raises `NotFound`."""
        return await self._standing(scope, await self._threads.thread(scope, thread_id))

    async def search(self, scope: OrgScope, wanted: ThreadSearch, *, with_values: bool = True) -> list[ThreadView]:
        """The threads that fit, in order; without what they hold where that is not asked for."""
        _require_searchable(wanted)
        async with self._uow(scope) as work:
            found = await repository.page(work, scope, wanted)
            if not with_values:
                return [ThreadView(thread) for thread in found]
            still = [thread for thread in found if thread.status == "idle"]
            states = await repository.states(work, scope.org_id, [UUID(t.state_id) for t in still if t.state_id])
            outputs = await repository.outputs(work, scope.org_id, [UUID(thread.id) for thread in still])
        return [
            ThreadView(thread, states[number].state if number in states else {}, outputs.get(number))
            if thread.status == "idle"
            else await self._standing(scope, thread)
            for thread in found
            for number in (UUID(thread.id),)
        ]

    async def count(self, scope: OrgScope, wanted: ThreadSearch) -> int:
        """How many threads fit."""
        _require_searchable(wanted)
        async with self._uow(scope) as work:
            return await repository.count(work, scope, wanted)

    async def delete(self, scope: OrgScope, thread_ids: Sequence[UUID]) -> int:
        """Delete those of the threads that are there, with all that belongs to them; gives how many."""
        gone = await asyncio.gather(*(self._gone(scope, number) for number in dict.fromkeys(thread_ids)))
        return sum(gone)

    async def _gone(self, scope: OrgScope, thread_id: UUID) -> bool:
        try:
            await self._threads.delete(scope, thread_id)
        except NotFound:
            return False
        return True

    async def _standing(self, scope: OrgScope, thread: ThreadOut) -> ThreadView:
        found = await self._snapshots.newest(scope, UUID(thread.id))
        return ThreadView(thread, found.state, found.outputs, found)


def _require_searchable(wanted: ThreadSearch) -> None:
    """Raise `InvalidInput` for text that no thread can be found by."""
    named = {key: value for key, (value, _) in wanted.named.items()}
    if not is_storable({"metadata": wanted.metadata, "values": wanted.values, "named": named}):
        raise InvalidInput("nothing is found by a NUL or half of a character", help="take it out of the search")
