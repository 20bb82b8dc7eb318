"""The form of an API key, `girih_<env>_<id>_<secret><checksum>`: how one is made, read and hashed."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from girih.db.base import new_id

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID: Final = 22
"""Characters of a UUID in base 62."""
_SECRET: Final = 43
"""Characters of 32 random bytes (256 bits) in base 62."""
_CHECKSUM: Final = 6
"""Characters of a CRC-32 in base 62."""
_FORM: Final = re.compile(
    rf"girih_(?P<env>[a-z]{{2,8}})_(?P<id>[0-9A-Za-z]{{{_ID}}})_[0-9A-Za-z]{{{_SECRET}}}(?P<sum>[0-9A-Za-z]{{{_CHECKSUM}}})"
)


@dataclass(frozen=True)
class Key:
    """A key in hand. Its text is a secret: it shows in no `repr`, and is kept nowhere but with its owner."""

    id: UUID
    text: str = field(repr=False)

    @property
    def hash(self) -> bytes:
        """What is stored of it. The secret has 256 bits of its own, so a fast hash needs no salt."""
        return hashlib.sha256(self.text.encode()).digest()


def make_key(env: str, id: UUID | None = None, secret: int | None = None) -> Key:
    """A fresh key; `env` (2–8 lower-case letters) tells its reader, and secret scanners, where it is from.

    `id` is that of the row it belongs to, where there is one already; `secret` (256 bits) is given where it can be
    worked out anew.
    """
    key_id = id or new_id()
    bits = secrets.randbits(256) if secret is None else secret
    body = f"girih_{env}_{_base62(key_id.int, _ID)}_{_base62(bits, _SECRET)}"
    return Key(key_id, body + _checksum(body))


def read_key(text: str) -> Key | None:
    """The key that `text` is, or `None` for anything that was never made here (a typing error, garbage)."""
    form = _FORM.fullmatch(text)
    if form is None or _checksum(text[:-_CHECKSUM]) != form["sum"]:
        return None
    number = 0
    for character in form["id"]:
        number = number * len(_ALPHABET) + _ALPHABET.index(character)
    return Key(UUID(int=number), text) if number < 1 << 128 else None


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM)


def _base62(number: int, width: int) -> str:
    digits: list[str] = []
    while number:
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits)).rjust(width, _ALPHABET[0])
