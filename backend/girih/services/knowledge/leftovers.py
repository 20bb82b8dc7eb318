"""What nobody needs on outside stores any more is removed there, however often a store was away in between."""

from __future__ import annotations

import logging

from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, Unavailable
from girih.providers.stores.base import VectorStores
from girih.services.knowledge import loose_points
from girih.services.knowledge.loose_points import Leftover

_log = logging.getLogger(__name__)

_LOOKED_AT = 200
_AT_ONCE = 1_000
"""Points that are removed in one transaction."""


class Leftovers:
    """Removes points without passages, and indexes that are gone. What one process leaves, any other finds."""

    def __init__(self, uow: UnitOfWork, stores: VectorStores) -> None:
        self._uow = uow
        self._stores = stores

    async def round(self) -> int:
        """Remove what is due, of all organizations; gives how many points were seen to."""
        async with self._uow.reading_for("reconcile") as work:
            found = await loose_points.due(work, _LOOKED_AT)
        seen = 0
        for leftover in found:
            try:
                seen += await self._see_to(leftover)
            except (Unavailable, Conflict) as fault:
                _log.warning("vectors that are not needed stay for now: %s", fault.message)
        return seen

    async def _see_to(self, leftover: Leftover) -> int:
        store = self._stores.get(leftover.type, leftover.endpoint)
        async with self._uow(leftover.scope) as work:
            taken = await loose_points.take(work, leftover, _AT_ONCE)
            if not taken:
                return 0
            # While they are held, and so inside of the transaction: nobody may count on a point that is about to go.
            if await loose_points.has_index(work, leftover):
                await store.remove(leftover.index_id, [one for one, is_needed in taken if not is_needed])
                await loose_points.forget(work, leftover, [one for one, _ in taken])
            else:
                await store.drop(leftover.index_id)
                await loose_points.forget_index(work, leftover)
        return len(taken)
