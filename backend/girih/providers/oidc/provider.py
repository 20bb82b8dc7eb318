"""A provider that people sign in at: where they are sent, what they come back with, and who that says they are."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from girih.errors import Unavailable
from girih.providers.oidc.issuers import Description, Issuer, Issuers
from girih.providers.oidc.tokens import (
    Expected,
    TokenFault,
    check_claims,
    check_id_token,
    claims_of,
    name_in,
)
from girih.providers.outbound import OutboundClient, OutboundError

TENANT: Final = "{tenantid}"
"""What stands in an issuer for the tenant of whoever signs in, as with Microsoft Entra for several tenants."""

_OK: Final = 200
_LONGEST_NAME: Final = 100


@dataclass(frozen=True)
class Registration:
    """What an operator has agreed with a provider. `emails_verified`: it vouches for addresses without saying so."""

    name: str
    title: str
    issuer: Issuer
    client_id: str
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    email_domains: tuple[str, ...] = ()
    emails_verified: bool = False
    tenants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identity:
    """Whom a provider says somebody is; `email` is there only if it is verified."""

    issuer: str
    subject: str
    email: str | None
    name: str


@dataclass(frozen=True)
class Request:
    """What one sign-in is known by: all of it secret but `state`, which comes back through the browser."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class Provider:
    """One provider, asked through the guarded `client`. `callback` is the address that it sends people back to."""

    def __init__(self, registration: Registration, client: OutboundClient, issuers: Issuers, callback: str) -> None:
        self.registration = registration
        self._client = client
        self._issuers = issuers
        self._callback = callback

    async def address(self, request: Request) -> str:
        """Where the browser goes to sign in. Raises `Unavailable`."""
        description = await self._issuers.description(self.registration.issuer)
        asked = {
            "response_type": "code",
            "client_id": self.registration.client_id,
            "redirect_uri": self._callback,
            "scope": " ".join(self.registration.scopes),
            "state": request.state,
            "nonce": request.nonce,
            "code_challenge": challenge_of(request.verifier),
            "code_challenge_method": "S256",
        }
        endpoint = description.authorization_endpoint
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"

    async def identity(self, code: str, request: Request) -> Identity:
        """Who comes back with this code. Raises `TokenFault` and `Unavailable`."""
        issuer = self.registration.issuer
        token = await self._exchange(await self._issuers.description(issuer), code, request)
        claims = claims_of(token, await self._issuers.key(issuer, token))
        expected = Expected(self._issuer_of(claims), self.registration.client_id)
        check_claims(claims, expected)
        check_id_token(claims, self.registration.client_id, request.nonce)
        subject = name_in(claims, "sub")
        if subject is None:
            raise TokenFault("it does not say whom it is about")
        return Identity(expected.issuer, subject, self._email(claims), _name(claims))

    def _issuer_of(self, claims: Mapping[str, Any]) -> str:
        """The issuer that the token has to name. One with a place for the tenant is good for the listed ones only."""
        name, tenant = self.registration.issuer.name, claims.get("tid")
        if TENANT not in name:
            return name
        if tenant not in self.registration.tenants:
            raise TokenFault("it is of a tenant that is not allowed here")
        return name.replace(TENANT, str(tenant))

    def _email(self, claims: Mapping[str, Any]) -> str | None:
        email = name_in(claims, "email")
        is_verified = claims.get("email_verified") is True or self.registration.emails_verified
        email = email.lower() if email and is_verified else None
        domains = self.registration.email_domains
        if domains and (email is None or email.rpartition("@")[2] not in domains):
            raise TokenFault("its e-mail address is none of those that may sign in here")
        return email

    async def _exchange(self, description: Description, code: str, request: Request) -> str:
        """The ID token for a code."""
        one = self.registration
        body = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "code_verifier": request.verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if one.client_secret and "client_secret_basic" in description.auth_methods:
            pair = f"{quote(one.client_id, safe='')}:{quote(one.client_secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            body |= {"client_id": one.client_id} | ({"client_secret": one.client_secret} if one.client_secret else {})
        try:
            answer = await self._client.request(
                "POST", description.token_endpoint, timeout=10, headers=headers, content=urlencode(body).encode()
            )
            found = json.loads(answer.body)
        except OutboundError as fault:
            raise Unavailable(f"{one.title} does not answer: {fault.message}", help=fault.help) from fault
        except (ValueError, RecursionError):
            found = None
        token = found.get("id_token") if isinstance(found, dict) and answer.status == _OK else None
        if not isinstance(token, str):
            raise TokenFault(f"no token was given for the code (status {answer.status})")
        return token


def challenge_of(verifier: str) -> str:
    """The challenge of a verifier (RFC 7636, `S256`)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _name(claims: Mapping[str, Any]) -> str:
    """The person's name as it may be shown; never empty."""
    for claim in ("name", "preferred_username", "email"):
        value = claims.get(claim)
        plain = " ".join(value.split()) if isinstance(value, str) else ""
        if plain and plain.isprintable():
            return plain[:_LONGEST_NAME]
    return "Somebody"
