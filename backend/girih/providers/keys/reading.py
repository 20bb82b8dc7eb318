"""A master key as an operator writes it: 32 random bytes in base64."""

from __future__ import annotations

import base64
import binascii

from girih.errors import InvalidInput

KEY_BYTES = 32
_MAKE_ONE = "make one with `openssl rand -base64 32`"


def read_key(text: str, variable: str) -> bytes:
    """The bytes of a key in base64. Raises `InvalidInput` that names the variable, for what is none or too short."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(f"{variable} is not base64", help=_MAKE_ONE) from None
    if len(key) != KEY_BYTES:
        raise InvalidInput(f"{variable} holds {len(key)} bytes, and a master key has {KEY_BYTES}", help=_MAKE_ONE)
    if len(set(key)) < KEY_BYTES // 4:
        raise InvalidInput(f"{variable} is not random", help=_MAKE_ONE)
    return key
