"""Access tokens: short-lived JSON Web Tokens that say who somebody is, signed with a key that others can check."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from girih.errors import InvalidInput, Unauthorized

LIFETIME: Final = 900
"""Seconds that an access token holds."""

_ALGORITHM: Final = "ES256"
_AUDIENCE: Final = "girih"
_DOTS: Final = 2
_LEEWAY: Final = 5
"""Seconds that the clocks of two machines may differ by."""

_CLAIMS: Final = jwt.JWTClaimsRegistry(
    leeway=_LEEWAY,
    iss={"essential": True},
    aud={"essential": True, "value": _AUDIENCE},
    sub={"essential": True},
    exp={"essential": True},
    iat={"essential": True},
    sid={"essential": True},
)


@dataclass(frozen=True)
class Holder:
    """Whom an access token names: the person, and the session it was given in."""

    account_id: UUID
    session_id: UUID


class AccessTokens:
    """Gives and reads access tokens. The first key signs; the others are former ones, whose tokens still hold."""

    def __init__(self, keys: Sequence[ECKey], issuer: str) -> None:
        self._keys = KeySet(list(keys))
        self._signer = keys[0]
        self._issuer = issuer

    def give(self, holder: Holder, *, now: float | None = None) -> str:
        """A token for that person in that session, good for `LIFETIME` seconds."""
        issued = int(time.time() if now is None else now)
        claims = {
            "iss": self._issuer,
            "aud": _AUDIENCE,
            "sub": str(holder.account_id),
            "sid": str(holder.session_id),
            "iat": issued,
            "exp": issued + LIFETIME,
        }
        return jwt.encode({"alg": _ALGORITHM, "kid": self._signer.kid}, claims, self._signer, algorithms=[_ALGORITHM])

    def read(self, token: str, *, even_old: bool = False) -> Holder:
        """Whom the token names. Raises `Unauthorized`, with the same words whatever is wrong with it.

        `even_old`: it may have run out since it was shown.
        """
        try:
            claims = jwt.decode(token, self._keys, algorithms=[_ALGORITHM]).claims
            _CLAIMS.validate({**claims, "exp": _CLAIMS.now} if even_old else claims)
            if claims["iss"] != self._issuer:
                raise refused()
            return Holder(UUID(claims["sub"]), UUID(claims["sid"]))
        except (JoseError, ValueError, TypeError, AttributeError, KeyError):
            raise refused() from None

    def public(self) -> dict[str, Any]:
        """The public keys as a JSON Web Key Set (RFC 7517)."""
        return {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": _ALGORITHM} for key in self._keys.keys]}


def is_token(text: str) -> bool:
    """Whether the text looks like an access token, as no API key does."""
    return text.count(".") == _DOTS


def token_key(pem: str) -> ECKey:
    """The P-256 key of a PEM text, known by its thumbprint (RFC 7638). Raises `InvalidInput` for anything else."""
    try:
        key = ECKey.import_key(pem)
        if key.is_private and key.as_dict(private=False).get("crv") == "P-256":
            key.ensure_kid()
            return key
    except (JoseError, ValueError, TypeError, AttributeError):
        pass
    raise InvalidInput(
        "a key for access tokens is no P-256 private key in PEM",
        help="make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
    )


def new_key_pem() -> str:
    """A fresh key, in PEM."""
    return ECKey.generate_key("P-256").as_pem(private=True).decode()


def refused() -> Unauthorized:
    """What is said to whoever shows a token that does not hold."""
    return Unauthorized("the access token does not hold, or no longer", help="refresh it, or sign in again")
