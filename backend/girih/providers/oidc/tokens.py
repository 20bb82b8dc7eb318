"""Tokens that others have signed: their signature, and what they claim, checked before anything is believed."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from girih.errors import GirihError

PublicKey: TypeAlias = RSAKey | ECKey | OKPKey

ALGORITHMS: Final = frozenset({"RS256", "PS256", "ES256", "EdDSA", "Ed25519"})
"""What a token may be signed with: never `none`, and nothing whose key both sides have."""

SKEW: Final = 60
"""Seconds that the clocks of two machines may differ by."""

LONGEST_TOKEN: Final = 16_384
"""Characters of a token, at most."""

LONGEST_CLAIM: Final = 255
"""Characters of a name in a token, at most (OpenID Connect allows a subject as many)."""

_KINDS: Final = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP", "Ed25519": "OKP"}
_SMALLEST_RSA: Final = 2048
_SAME: Final = {"EdDSA": "Ed25519"}
"""Two names for one algorithm (RFC 9864)."""
_PARTS: Final = 3
_LAST: Final = 1 << 40
"""Later than any moment that is meant; infinity and what is no number are not below it."""


class TokenFault(GirihError):
    """A token that is not believed; its message says why, and repeats nothing of it."""

    code = "token"


class _Registry(JWSRegistry):
    """Takes what is on the list; headers that mean nothing to it, as some issuers send them, do no harm."""

    max_header_length: int = 4096

    def get_alg(self, name: str) -> Any:
        """The algorithm of that name."""
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


_REGISTRY: Final = _Registry(algorithms=sorted(ALGORITHMS), strict_check_header=False)


@dataclass(frozen=True)
class Expected:
    """What a token has to claim: its issuer, and that it is for `audience`, said in the claim `audience_claim`."""

    issuer: str
    audience: str
    audience_claim: str = "aud"
    longest: int = 24 * 3600
    """Seconds that a token may still hold."""


class Keys:
    """The public keys that an issuer shows. Keys of other kinds, and those that are no keys, are left out."""

    def __init__(self, shown: object) -> None:
        found = shown.get("keys") if isinstance(shown, dict) else None
        parsed = [_key(one) for one in found] if isinstance(found, list) else []
        self._keys = [key for key in parsed if key is not None]

    def __len__(self) -> int:
        return len(self._keys)

    def fitting(self, header: Mapping[str, Any]) -> PublicKey | None:
        """The one key that the header means; where it names none, there must be just one of the kind."""
        algorithm, kid = str(header.get("alg")), header.get("kid")
        fitting = [key for key in self._keys if _suits(key, algorithm)]
        if kid is not None:
            fitting = [key for key in fitting if key.get("kid") == kid]
        return fitting[0] if len(fitting) == 1 else None


def header_of(token: str) -> dict[str, Any]:
    """The header, which nobody has vouched for yet. Raises `TokenFault` for what no key could make good."""
    header = _decoded(token, 0)
    if header.get("alg") not in ALGORITHMS:
        raise TokenFault(
            "it is signed in a way that is not accepted", help=f"accepted: {', '.join(sorted(ALGORITHMS))}"
        )
    if "crit" in header:
        raise TokenFault("it asks for something that is not known here")
    return header


def claimed_issuer(token: str) -> str | None:
    """Who the token says has issued it, which nobody has vouched for yet; `None` where it says nothing usable."""
    try:
        return name_in(_decoded(token, 1), "iss")
    except TokenFault:
        return None


def claims_of(token: str, key: PublicKey) -> dict[str, Any]:
    """What the token claims, once its signature is right. Raises `TokenFault`."""
    try:
        return jwt.decode(token, key, registry=_REGISTRY).claims
    except (JoseError, ValueError, TypeError, AttributeError, KeyError):
        raise TokenFault("its signature is not right") from None


def check_claims(claims: Mapping[str, Any], expected: Expected, *, since_ended: int = 0) -> None:
    """Raises `TokenFault` for a token that is not from there, not for us, not yet good or no longer.

    `since_ended`: seconds ago that it may have run out.
    """
    now = time.time()
    if claims.get("iss") != expected.issuer:
        raise TokenFault("it is from another issuer")
    if expected.audience not in _audiences(claims, expected.audience_claim):
        raise TokenFault("it is for another audience")
    ends, issued, begins = _moment(claims, "exp"), _moment(claims, "iat"), claims.get("nbf")
    if ends <= now - SKEW - since_ended:
        raise TokenFault("it has expired")
    if ends > now + expected.longest + SKEW:
        raise TokenFault("it holds for too long", help=f"let it hold for {expected.longest // 3600} h at most")
    if issued > now + SKEW or (begins is not None and _moment(claims, "nbf") > now + SKEW):
        raise TokenFault("it is from the future")


def check_id_token(claims: Mapping[str, Any], client_id: str, nonce: str) -> None:
    """Raises `TokenFault` for an ID token that was not made for this client and this sign-in."""
    party = claims.get("azp")
    if party != client_id if party is not None else len(_audiences(claims, "aud")) > 1:
        raise TokenFault("it was made for another client")
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise TokenFault("it was made for another sign-in")


def name_in(claims: Mapping[str, Any], claim: str) -> str | None:
    """The name that a claim holds: 1 to `LONGEST_CLAIM` printable characters without spaces, else `None`."""
    value = claims.get(claim)
    is_name = isinstance(value, str) and 0 < len(value) <= LONGEST_CLAIM and value.isprintable() and " " not in value
    return value if is_name and isinstance(value, str) else None


def _key(shown: object) -> PublicKey | None:
    if not isinstance(shown, dict) or shown.get("use", "sig") != "sig" or shown.get("kty") not in _KINDS.values():
        return None
    try:
        key = JWKRegistry.import_key({name: value for name, value in shown.items() if name not in ("d", "key_ops")})
    except (JoseError, ValueError, TypeError, AttributeError, KeyError):
        return None
    if isinstance(key, RSAKey):
        return key if key.raw_value.key_size >= _SMALLEST_RSA else None
    return key if isinstance(key, ECKey | OKPKey) else None


def _suits(key: PublicKey, algorithm: str) -> bool:
    bound = key.get("alg")
    is_same = bound is None or _SAME.get(str(bound), bound) == _SAME.get(algorithm, algorithm)
    return is_same and key.key_type == _KINDS.get(algorithm)


def _audiences(claims: Mapping[str, Any], claim: str) -> list[object]:
    value = claims.get(claim)
    return value if isinstance(value, list) else [value]


def _moment(claims: Mapping[str, Any], claim: str) -> float:
    value = claims.get(claim)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LAST:
        raise TokenFault(f"it does not say `{claim}`")
    return float(value)


def _decoded(token: str, part: int) -> dict[str, Any]:
    parts = token.split(".") if len(token) <= LONGEST_TOKEN and token.isascii() else []
    try:
        text = parts[part] if len(parts) == _PARTS else ""
        found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise TokenFault("it is no JSON Web Token")
    return found
