"""Who signed in a moment ago: spares the database a look-up per request, for at most five seconds."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from girih.db.tenancy import OrgScope

SECONDS = 4.0
"""How long a revoked key may still hold in another process; streams are looked at a second later."""


@dataclass(frozen=True)
class _SignIn:
    key_id: UUID
    scope: OrgScope
    until: float
    expires_at: datetime | None


class SignIns:
    """The latest sign-ins by the hash of their key; the oldest go when there are more than `size`."""

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._by_hash: OrderedDict[bytes, _SignIn] = OrderedDict()

    def find(self, hash: bytes) -> OrgScope | None:
        """Whom the key stands for, if that was asked of the database within the last five seconds."""
        found = self._by_hash.get(hash)
        if found is None:
            return None
        if time.monotonic() >= found.until or expired(found.expires_at):
            del self._by_hash[hash]
            return None
        return found.scope

    def keep(self, hash: bytes, key_id: UUID, scope: OrgScope, *, asked: float, expires_at: datetime | None) -> None:
        """Remember a sign-in; `asked` is the `time.monotonic()` from before the database was asked."""
        self._by_hash[hash] = _SignIn(key_id, scope, asked + SECONDS, expires_at)
        self._by_hash.move_to_end(hash)
        while len(self._by_hash) > self._size:
            self._by_hash.popitem(last=False)

    def forget(self, key_id: UUID) -> None:
        """Drop a key that was revoked here; other processes see it within five seconds."""
        for gone in [hashed for hashed, sign_in in self._by_hash.items() if sign_in.key_id == key_id]:
            del self._by_hash[gone]


def expired(expires_at: datetime | None) -> bool:
    """Whether a key's time is over."""
    return expires_at is not None and datetime.now(UTC) >= expires_at
