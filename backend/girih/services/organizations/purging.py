"""Removes organizations whose time is over: every row of every table, every file, a little in each transaction."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict
from girih.providers.storage.base import Storage
from girih.services.organizations import inventory_repository as inventory
from girih.services.organizations import repository
from girih.services.organizations.inventory_repository import Table
from girih.services.organizations.schemas import Purged

log = structlog.get_logger("girih.organizations")

ROWS_AT_ONCE: Final = 1000

SETTLED: Final = timedelta(seconds=60)
"""What was begun before the end is over by then, so that nothing is written behind the removal."""

FOLDERS: Final = ("blobs", "artefacts", "uploads", "exports")
"""Where files of organizations lie in storage, each below the organization's id."""

_AT_ONCE: Final = 10
_LOOSE: Final = "loose_points"
"""What is to be removed from outside stores: its rows go when that is done."""


class _Busy(Exception):
    """Another process removes organizations."""


class Purger:
    """Goes through the database's own list of tables, so that no table can be forgotten.

    Whatever stops it, the next one goes on from what is left; there is no way back once it has begun.
    """

    def __init__(
        self, uow: UnitOfWork, storage: Storage, *, rows_at_once: int = ROWS_AT_ONCE, settled: timedelta = SETTLED
    ) -> None:
        self._uow = uow
        self._storage = storage
        self._rows = rows_at_once
        self._settled = settled

    async def purge_due(self) -> int:
        """Remove what is due; gives how many organizations are gone."""
        async with self._uow.reading_for("purge") as work:
            due = await repository.due(work, self._settled, _AT_ONCE)
        return sum([await self.purge(org_id) is not None for org_id in due])

    async def purge(self, org_id: UUID) -> Purged | None:
        """Remove one organization; `None` while another process is at it, or an outside store has to be cleared first.

        Raises `Conflict` for one whose time is not over.
        """
        scope, gone = OrgScope(org_id, org_id, "operator"), Counter[str]()
        try:
            order = await self._begin(scope)
            while (removed := await self._pass(scope, order, gone)) and removed > 0:
                pass
        except _Busy:
            return None
        for folder in FOLDERS:
            await self._storage.delete_all(f"{folder}/{org_id}/")
        async with self._uow(scope) as work:
            if await inventory.has_loose_points(work):
                log.info("an outside store has to be cleared before the organization is gone", org_id=str(org_id))
                return None
            await inventory.end(work)
        log.info("organization removed", org_id=str(org_id), rows=gone.total())
        return Purged(dict(gone))

    async def _begin(self, scope: OrgScope) -> list[Table]:
        async with self._uow(scope) as work:
            if not await inventory.begin(work):
                raise Conflict("this organization is not to be removed, or not yet", help="delete it first")
            return [table for table in await inventory.removal_order(work) if table.name != _LOOSE]

    async def _pass(self, scope: OrgScope, order: list[Table], gone: Counter[str]) -> int:
        """Every table once; how many rows were removed. Raises `Conflict` where rows hold each other."""
        removed, held = 0, []
        for table in order:
            rows: int | None = self._rows
            while rows is not None and rows >= self._rows:
                async with self._uow(scope) as work:
                    if not await inventory.is_alone(work):
                        raise _Busy
                    rows = await inventory.remove(work, table, self._rows)
                removed += rows or 0
                gone[table.name] += rows or 0
            if rows is None:
                held.append(table.name)
        if held and not removed:
            raise Conflict(f"rows of {', '.join(held)} cannot be removed", help="this is a fault of girih: report it")
        return removed
