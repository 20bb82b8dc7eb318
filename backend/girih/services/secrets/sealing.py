"""How a text is encrypted for one place in the database: it opens there, and nowhere else."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from girih.providers.keys.base import WrongKey

PREFIX = "sealed:1:"
KEY_BYTES = 32
_NONCE_BYTES = 12


@dataclass(frozen=True)
class Place:
    """Where a sealed text stands: its organization, table, column and row."""

    org_id: UUID
    table: str
    column: str
    row: UUID

    def bound(self, version: int) -> bytes:
        """What a text of this place is bound to, with the version of the key."""
        parts = [PREFIX, str(self.org_id), self.table, self.column, str(self.row), version]
        return json.dumps(parts).encode()


@dataclass(frozen=True)
class DataKey:
    """A key of an organization, unwrapped. It shows in no `repr`."""

    org_id: UUID
    version: int
    _key: bytes = field(repr=False)

    def seal(self, place: Place, text: str) -> str:
        """The text as it is kept: `sealed:1:VERSION:BASE64`, by AES-256-GCM under a nonce of its own."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        hidden = AESGCM(self._key).encrypt(nonce, text.encode(), place.bound(self.version))
        return f"{PREFIX}{self.version}:{base64.b64encode(nonce + hidden).decode()}"

    def open(self, place: Place, sealed: str) -> str:
        """The text again. Raises `WrongKey` for one of another place, key or version, and for one that was changed."""
        try:
            raw = base64.b64decode(sealed.removeprefix(PREFIX).partition(":")[2], validate=True)
            bound = place.bound(version_of(sealed))
            return AESGCM(self._key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound).decode()
        except (InvalidTag, binascii.Error, ValueError) as fault:
            raise WrongKey(
                f"what `{place.table}` keeps of a secret cannot be decrypted",
                help="it was changed, or stood somewhere else; set the secret once more",
            ) from fault


def is_sealed(text: str) -> bool:
    """Whether the text is encrypted."""
    return text.startswith(PREFIX)


def version_of(sealed: str) -> int:
    """The version of the key that a sealed text opens with. Raises `WrongKey` for what is none."""
    number = sealed.removeprefix(PREFIX).partition(":")[0]
    if not is_sealed(sealed) or not number.isdecimal():
        raise WrongKey("what was to be decrypted is not encrypted")
    return int(number)
