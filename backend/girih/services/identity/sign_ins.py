"""Who signed in a moment ago: spares the database a look-up per request, for at most five seconds."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from girih.db.tenancy import OrgScope

SECONDS = 4.0
"""How long a revoked key may still hold in another process; streams are looked at a second later."""


class Signed(NamedTuple):
    """Whom a key stands for, and where it may come from."""

    scope: OrgScope
    networks: tuple[str, ...]


@dataclass(frozen=True)
class _SignIn:
    key_id: UUID
    scope: OrgScope
    until: float
    expires_at: datetime | None
    networks: tuple[str, ...]


class SignIns:
    """The latest sign-ins by the hash of their key and the project they named; beyond `size` the oldest go."""

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._by_hash: OrderedDict[tuple[bytes, str | None], _SignIn] = OrderedDict()

    def find(self, hash: bytes, project: str | None = None) -> Signed | None:
        """Whom the key stands for in that project, if the database was asked for it within the last five seconds."""
        found = self._by_hash.get((hash, project))
        if found is None:
            return None
        if time.monotonic() >= found.until or expired(found.expires_at):
            del self._by_hash[hash, project]
            return None
        return Signed(found.scope, found.networks)

    def keep(
        self,
        hash: bytes,
        key_id: UUID,
        signed: Signed,
        *,
        asked: float,
        expires_at: datetime | None,
        project: str | None = None,
    ) -> None:
        """Remember a sign-in; `asked` is the `time.monotonic()` from before the database was asked."""
        one = _SignIn(key_id, signed.scope, asked + SECONDS, expires_at, signed.networks)
        self._by_hash[hash, project] = one
        self._by_hash.move_to_end((hash, project))
        while len(self._by_hash) > self._size:
            self._by_hash.popitem(last=False)

    def forget(self, key_id: UUID) -> None:
        """Drop a key that was revoked here; other processes see it within five seconds."""
        for gone in [place for place, sign_in in self._by_hash.items() if sign_in.key_id == key_id]:
            del self._by_hash[gone]


def expired(expires_at: datetime | None) -> bool:
    """Whether a key's time is over."""
    return expires_at is not None and datetime.now(UTC) >= expires_at
