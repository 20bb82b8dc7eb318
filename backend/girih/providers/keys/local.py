"""A master key of 32 bytes that the process itself holds: from the environment or a file."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from girih.providers.keys.base import Context, WrongKey
from girih.providers.keys.reading import KEY_BYTES, read_key

_NONCE_BYTES = 12
_FINGERPRINT = b"girih master key"


class LocalWrapper:
    """Wraps with AES-256-GCM. Its `id` is a fingerprint: it tells one key from another, and nothing else of it."""

    kind = "a key that the process holds"

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self.id = "local:" + hmac.new(key, _FINGERPRINT, hashlib.sha256).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"LocalWrapper({self.id!r})"

    async def wrap(self, key: bytes, context: Context) -> bytes:
        """See `KeyWrapper`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, _bound(context))

    async def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        """See `KeyWrapper`."""
        try:
            return self._cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _bound(context))
        except (InvalidTag, ValueError) as fault:
            raise WrongKey("a data key does not open with its master key", help="it was changed, or swapped") from fault


def local_wrapper(text: str, variable: str) -> LocalWrapper:
    """The wrapper of a key in base64. Raises `InvalidInput` that names the variable, for what is none or too short."""
    return LocalWrapper(read_key(text, variable))


def new_master_key() -> str:
    """A master key as it is given: 256 random bits in base64."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _bound(context: Context) -> bytes:
    return json.dumps(dict(sorted(context.items()))).encode()
