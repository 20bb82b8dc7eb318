"""Ed25519 keys: the server's own, and the public ones that signatures are checked with (JWK, RFC 8037 and 7638)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from girih.errors import InvalidInput
from girih.language.bundles.statement import Signature
from girih.language.spec.canonical import canonical_json
from girih.language.spec.strict_json import loads
from girih.language.spec.tree import JsonObject, JsonValue

_RAW = 32
_SIGNATURE = 64


@dataclass(frozen=True)
class PublicKey:
    """A public key; `x` is its 32 bytes in base64url. Raises `InvalidInput` for what is none."""

    x: str

    def __post_init__(self) -> None:
        if len(decoded(self.x)) != _RAW or encoded(decoded(self.x)) != self.x:
            raise InvalidInput("this is not an Ed25519 public key", help="a JWK of one has `kty: OKP`, `crv` and `x`")

    @cached_property
    def kid(self) -> str:
        """The thumbprint (RFC 7638) that names it."""
        named = canonical_json({"crv": "Ed25519", "kty": "OKP", "x": self.x})
        return encoded(hashlib.sha256(named.encode()).digest())

    def jwk(self) -> JsonObject:
        """As a JSON Web Key."""
        return {"kty": "OKP", "crv": "Ed25519", "x": self.x, "kid": self.kid, "use": "sig", "alg": "EdDSA"}

    def holds(self, signature: Signature, message: bytes) -> bool:
        """Whether that key has signed that message."""
        value = decoded(signature.value)
        if signature.kid != self.kid or len(value) != _SIGNATURE or encoded(value) != signature.value:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(decoded(self.x)).verify(value, message)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """A private key. It is never shown, and nothing that is signed with it holds it."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(encoded(key.public_key().public_bytes_raw()))

    @classmethod
    def made(cls) -> SigningKey:
        """A new one."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, text: str) -> SigningKey:
        """From the text of a PEM file (PKCS #8, not encrypted). Raises `InvalidInput`, without a word of the key."""
        try:
            key = load_pem_private_key(text.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise _unusable() from None
        if not isinstance(key, Ed25519PrivateKey):
            raise _unusable()
        return cls(key)

    def pem(self) -> str:
        """As a PEM file holds it."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def sign(self, message: bytes) -> Signature:
        """The signature of a message."""
        return Signature(kid=self.public.kid, value=encoded(self._key.sign(message)))


class KeyRing:
    """Public keys by their thumbprint."""

    def __init__(self, keys: Iterable[PublicKey] = ()) -> None:
        self._keys = {key.kid: key for key in keys}

    def __contains__(self, kid: str) -> bool:
        return kid in self._keys

    def __or__(self, other: KeyRing) -> KeyRing:
        return KeyRing([*self._keys.values(), *other._keys.values()])

    def get(self, kid: str) -> PublicKey | None:
        """The key of that thumbprint."""
        return self._keys.get(kid)

    @classmethod
    def from_jwks(cls, value: JsonValue) -> KeyRing:
        """From a key set (JWKS), or a single key. Keys of other kinds are passed over. Raises `InvalidInput`."""
        listed = value.get("keys", [value]) if isinstance(value, Mapping) else None
        if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
            raise InvalidInput("this is not a key set", help='write { "keys": [ … ] }, as GET /v1/signing-keys answers')
        fitting = [one for one in listed if (one.get("kty"), one.get("crv")) == ("OKP", "Ed25519")]
        return cls(PublicKey(str(one.get("x", ""))) for one in fitting)

    @classmethod
    def from_text(cls, text: str) -> KeyRing:
        """From the text of a file. Raises `InvalidInput`."""
        try:
            value = loads(text)
        except (ValueError, RecursionError):
            raise InvalidInput("this key set is not JSON", help="girih signing-keys > keys.json writes one") from None
        return cls.from_jwks(value)


def encoded(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The bytes of such a text; none for what is not."""
    try:
        return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, UnicodeEncodeError, ValueError):
        return b""


def _unusable() -> InvalidInput:
    return InvalidInput(
        "GIRIH_SIGNING_KEY is not an Ed25519 key in PEM",
        help="make one: openssl genpkey -algorithm ed25519 -out signing-key.pem",
    )
