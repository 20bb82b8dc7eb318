"""Other master keys and other data keys, while everything goes on reading and writing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.services.audit.service import record
from girih.services.secrets import columns, key_repository
from girih.services.secrets.columns import SealedColumn
from girih.services.secrets.keyring import KeyRing, bound
from girih.services.secrets.sealing import DataKey, Place, version_of
from girih.services.secrets.tables import DataKeyRow

BATCH = 100
GRACE = timedelta(hours=1)
"""How long a retired key stays at least: somebody may have read what it encrypted just before."""


@dataclass(frozen=True)
class Rotated:
    """What a rotation of data keys did: in how many organizations, and how many texts were encrypted again."""

    organizations: int
    texts: int


class Rotation:
    """Rotates the keys of all organizations. `sealed` are the columns that hold sealed texts."""

    def __init__(self, uow: UnitOfWork, ring: KeyRing, sealed: Sequence[SealedColumn]) -> None:
        self._uow = uow
        self._ring = ring
        self._sealed = sealed

    async def master(self) -> int:
        """Wrap every data key with the present master key; returns how many were wrapped by another.

        Values are not touched, and keys that are read meanwhile can be: both master keys are known to all processes.
        Raises `Unavailable`.
        """
        current, moved = self._ring.masters().current, 0
        for org_id in await self._organizations():
            scope = _whole(org_id)
            async with self._uow(scope) as work:
                rows = [row for row in await key_repository.all_of(work, org_id) if row.master != current.id]
                for row in rows:
                    work.session.expunge(row)
            for row in rows:
                moved += await self._rewrap(scope, row)
        return moved

    async def data(self) -> Rotated:
        """Give every organization a new data key, and encrypt with it what the ones before have encrypted.

        These stay for an hour at least, and go with a later rotation. Raises `Unavailable`.
        """
        organizations = await self._organizations()
        texts = 0
        for org_id in organizations:
            texts += await self._renew(_whole(org_id))
        return Rotated(len(organizations), texts)

    async def _organizations(self) -> Sequence[UUID]:
        async with self._uow.reading_for("keys") as work:
            return await key_repository.organizations(work)

    async def _rewrap(self, scope: OrgScope, row: DataKeyRow) -> bool:
        masters, context = self._ring.masters(), bound(row.org_id, row.version)
        key = await masters.unwrap(row.master, row.wrapped, context)
        wrapped = await masters.current.wrap(key, context)
        async with self._uow(scope) as work:
            master = masters.current.id
            moved = await key_repository.rewrap(work, row.org_id, row.version, row.wrapped, wrapped, master)
            if moved:
                await record(work, "data_key.rewrapped", f"data_key:{row.version}", org_wide=True, master=master)
            return moved

    async def _renew(self, scope: OrgScope) -> int:
        await self._drop_old(scope)
        before = await self._ring.current(scope)
        async with self._uow(scope) as work:
            newest = max(row.version for row in await key_repository.all_of(work, scope.org_id))
        key, wrapped, master = await self._ring.wrapped(scope.org_id, newest + 1)
        async with self._uow(scope) as work:
            if not await self._take_over(work, before, key, wrapped, master):
                return 0  # somebody else rotates
        async with self._uow(scope) as work:
            rows = await key_repository.all_of(work, scope.org_id)
            for row in rows:
                work.session.expunge(row)
        known = {row.version: await self._ring.unwrapped(row) for row in rows}
        return sum([await self._again(scope, column, key, known) for column in self._sealed])

    async def _take_over(self, work: Work, before: DataKey, key: DataKey, wrapped: bytes, master: str) -> bool:
        current = await key_repository.current(work, key.org_id, lock=True)
        if current is None or current.version != before.version:
            return False
        # Whoever holds the key before writes with it first; whoever comes later finds it retired.
        await key_repository.retire(work, key.org_id, before.version)
        await key_repository.add(work, key.org_id, key.version, wrapped, master)
        await record(work, "data_key.rotated", f"data_key:{key.version}", org_wide=True)
        return True

    async def _again(self, scope: OrgScope, column: SealedColumn, key: DataKey, known: dict[int, DataKey]) -> int:
        """Encrypt what is not yet under the key, in batches; returns how much."""
        done = 0
        while True:
            async with self._uow(scope) as work:
                batch = await columns.of_other_keys(work, column, key.version, limit=BATCH)
                for row, sealed in batch:
                    place = Place(scope.org_id, column.table, column.column, row)
                    text = known[version_of(sealed)].open(place, sealed)
                    await columns.write(work, column, row, key.seal(place, text))
            done += len(batch)
            if not batch:
                return done

    async def _drop_old(self, scope: OrgScope) -> None:
        async with self._uow(scope) as work:
            for version in await key_repository.retired(work, scope.org_id, since=GRACE):
                if not [column for column in self._sealed if await columns.uses(work, column, version)]:
                    await key_repository.drop(work, scope.org_id, version)


def _whole(org_id: UUID) -> OrgScope:
    """An organization without a project: its keys are of all of them."""
    return OrgScope(org_id, UUID(int=0), actor="operator")
