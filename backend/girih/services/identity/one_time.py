"""One-time tokens that can be worked out anew: only their SHA-256 is kept, and still they can be mailed later."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from uuid import UUID

from girih.db.base import new_id
from girih.services.identity.keys import Key, make_key


class OneTimeTokens:
    """Makes them of a secret and the row's id. The first secret makes; the others are former ones, whose tokens hold.

    Without a secret they are random: shown once, and never to be had again.
    """

    def __init__(self, secrets: Sequence[bytes] = ()) -> None:
        self._secrets = tuple(secrets)

    @property
    def can_repeat(self) -> bool:
        """Whether a token can be worked out when its row is all that is left."""
        return bool(self._secrets)

    def make(self, env: str) -> Key:
        """The token of a fresh row, whose id it brings; `env` says what it is for."""
        row = new_id()
        return _token(self._secrets[0], env, row) if self._secrets else make_key(env, row)

    def again(self, env: str, id: UUID, hash: bytes) -> Key | None:
        """The token of that row, of which the SHA-256 was kept; `None` where its secret is not here any more."""
        tokens = (_token(secret, env, id) for secret in self._secrets)
        return next((token for token in tokens if hmac.compare_digest(token.hash, hash)), None)


def _token(secret: bytes, env: str, id: UUID) -> Key:
    return make_key(env, id, int.from_bytes(hmac.digest(secret, f"{env}:{id}".encode(), hashlib.sha256)))
