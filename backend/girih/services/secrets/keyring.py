"""The data keys of organizations: made when first needed, unwrapped, and kept for a while in this process alone."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, Unavailable
from girih.providers.keys.base import MasterKeys, WrongKey
from girih.services.secrets import key_repository
from girih.services.secrets.sealing import KEY_BYTES, DataKey, Place, is_sealed, version_of
from girih.services.secrets.short_memory import ShortMemory
from girih.services.secrets.tables import DataKeyRow

T = TypeVar("T")

_KEPT = 300.0
"""Seconds that an unwrapped key is kept: asking a key service for each secret would be slow, and would cost."""
_CURRENT = 60.0
"""Seconds that is remembered which key encrypts. Who writes makes sure of it."""
_TRIES = 5


class KeyRing:
    """Seals and opens texts. Without master keys it opens nothing that is sealed, and seals nothing.

    To unwrap a key may take a network: no method may be called inside a transaction.
    """

    def __init__(self, uow: UnitOfWork, masters: MasterKeys | None) -> None:
        self._uow = uow
        self._masters = masters
        self._keys: ShortMemory[tuple[UUID, int], DataKey] = ShortMemory(_KEPT, 1024)
        self._current: ShortMemory[UUID, DataKey] = ShortMemory(_CURRENT, 1024)

    @property
    def can_seal(self) -> bool:
        """Whether there is a master key."""
        return self._masters is not None

    def masters(self) -> MasterKeys:
        """The master keys. Raises `Unavailable` where there are none."""
        if self._masters is None:
            raise Unavailable(
                "secrets can be neither stored nor read here: this server has no master key",
                help="set GIRIH_MASTER_KEY to the output of `openssl rand -base64 32`, the same for every process",
            )
        return self._masters

    async def writing(self, scope: OrgScope, write: Callable[[Work, DataKey], Awaitable[T]]) -> T:
        """What `write` gives in a transaction of its own, in which the key it is handed is the one that encrypts.

        Raises `Unavailable`, and `Conflict` where keys are rotated again and again meanwhile.
        """
        for _ in range(_TRIES):
            key = await self.current(scope)
            async with self._uow(scope) as work:
                if await key_repository.hold(work, scope.org_id, key.version):
                    return await write(work, key)
            self._current.forget(scope.org_id)
        raise Conflict("the organization's keys are being rotated", help="try again")

    async def current(self, scope: OrgScope) -> DataKey:
        """The key that encrypts for the organization, made if it has none. Raises `Unavailable`."""
        known = self._current.get(scope.org_id)
        if known is not None:
            return known
        async with self._uow(scope) as work:
            row = await key_repository.current(work, scope.org_id)
        if row is None:
            row = await self._first(scope)
        key = await self.unwrapped(row)
        self._current.keep(scope.org_id, key)
        return key

    async def open(self, scope: OrgScope, place: Place, text: str) -> str:
        """The text that was sealed for that place; one that was never sealed as it is. Raises `Unavailable`."""
        if not is_sealed(text):
            return text
        return (await self._key(scope, version_of(text))).open(place, text)

    async def wrapped(self, org_id: UUID, version: int) -> tuple[DataKey, bytes, str]:
        """A new key: itself, and how it is kept, under which master key. Raises `Unavailable`."""
        master, key = self.masters().current, secrets.token_bytes(KEY_BYTES)
        return DataKey(org_id, version, key), await master.wrap(key, bound(org_id, version)), master.id

    async def unwrapped(self, row: DataKeyRow) -> DataKey:
        """The key of a row. Raises `Unavailable`."""
        known = self._keys.get((row.org_id, row.version))
        if known is not None:
            return known
        raw = await self.masters().unwrap(row.master, row.wrapped, bound(row.org_id, row.version))
        key = DataKey(row.org_id, row.version, raw)
        self._keys.keep((row.org_id, row.version), key)
        return key

    async def _first(self, scope: OrgScope) -> DataKeyRow:
        _, wrapped, master = await self.wrapped(scope.org_id, 1)
        async with self._uow(scope) as work:
            await key_repository.add(work, scope.org_id, 1, wrapped, master)
            row = await key_repository.current(work, scope.org_id)
        assert row is not None  # noqa: S101 - it was put there just now, or before
        return row

    async def _key(self, scope: OrgScope, version: int) -> DataKey:
        known = self._keys.get((scope.org_id, version))
        if known is not None:
            return known
        async with self._uow(scope) as work:
            row = await key_repository.of_version(work, scope.org_id, version)
        if row is None:
            raise WrongKey("the key that a secret was encrypted with is not there any more", help="set it once more")
        return await self.unwrapped(row)


def bound(org_id: UUID, version: int) -> dict[str, str]:
    """What the wrapped key of that version is bound to."""
    return {"girih:organization": str(org_id), "girih:version": str(version)}
