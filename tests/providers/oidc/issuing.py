"""A real OpenID Connect provider on a free port: discovery, sign-in, codes with PKCE, keys that rotate, and every lie."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit
from uuid import uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from tests.providers.servers import Asked, serving

from girih.providers.oidc.issuers import Description, Issuer, _Known
from girih.providers.oidc.tokens import Keys
from girih.wiring.server import Girih

CLIENT, SECRET = "girih-here", "s3cret: with/signs"


class _Lax(JWSRegistry):
    """Signs whatever it is told to."""

    def get_alg(self, name: str) -> Any:
        """Any algorithm there is."""
        return self.algorithms[name]


_LAX = _Lax(strict_check_header=False)


@cache
def rsa_key(number: int = 0) -> RSAKey:
    """A key that takes a while to make, the same all through."""
    return RSAKey.generate_key(2048, {"kid": f"rsa-{number}"})


@dataclass
class Issuing:
    """A provider: whoever is sent here is `user` at once. What is set below is how it lies."""

    url: str = ""
    keys: list[Any] = field(default_factory=lambda: [rsa_key()])
    algorithm: str = "RS256"
    user: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    """Claims that tokens have instead of the right ones; `None` leaves one out."""
    header: dict[str, Any] = field(default_factory=dict)
    description: dict[str, Any] = field(default_factory=dict)
    signer: Any = None
    token: str | None = None
    """What is given in place of an ID token."""
    padding: int = 0
    """Bytes that the set of keys is made larger by."""
    moved: str = ""
    """Where the description is said to be instead."""
    silence: float = 0
    denies: str = ""
    """The error that people come back with."""
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        """One request."""
        url = urlsplit(asked.path)
        self.asked.append(url.path)
        await asyncio.sleep(self.silence)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/.well-known/openid-configuration" and self.moved:
            _say(writer, 302, {}, location=self.moved)
        elif url.path == "/.well-known/openid-configuration":
            _say(writer, 200, self.described())
        elif url.path == "/keys":
            _say(writer, 200, {"keys": [key.as_dict(private=False) for key in self.keys], "more": "x" * self.padding})
        elif url.path == "/authorize":
            _say(writer, 302, {}, location=self.authorized(query))
        elif url.path == "/token":
            form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
            _say(writer, *self.exchanged(form, asked.headers.get("authorization", "")))
        else:
            _say(writer, 404, {})

    def described(self) -> dict[str, Any]:
        """What it says of itself."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.algorithm],
            "code_challenge_methods_supported": ["S256"],
            **self.description,
        }

    def authorized(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        assert query["response_type"] == "code" and query["code_challenge_method"] == "S256"
        assert query["client_id"] == CLIENT and "openid" in query["scope"].split()
        if self.denies:
            return f"{query['redirect_uri']}?{urlencode({'error': self.denies, 'state': query['state']})}"
        code = uuid4().hex
        self.codes[code] = query
        back = {"code": code, "state": query["state"], "session_state": "x", "iss": self.url}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def exchanged(self, form: dict[str, str], login: str) -> tuple[int, dict[str, Any]]:
        """A code for a token, once, for the client that shows its secret and the verifier of its challenge."""
        given = self.codes.pop(form.get("code", ""), None)
        name, _, secret = base64.b64decode(login.removeprefix("Basic ")).decode().partition(":")
        if (unquote(name), unquote(secret)) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        hashed = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
        if given is None or given["code_challenge"] != challenge or given["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        claims = {"nonce": given["nonce"], **self.user}
        return 200, {"token_type": "Bearer", "access_token": "x", "id_token": self.token or self.issue(**claims)}

    def issue(self, **claims: Any) -> str:
        """A token, signed with the first key unless it lies."""
        now = int(time.time())
        whole = {"iss": self.url, "aud": CLIENT, "sub": "u1", "iat": now, "exp": now + 300, **claims, **self.claims}
        key = self.signer or self.keys[0]
        header = {"alg": self.algorithm, "kid": self.keys[0].get("kid"), "typ": "JWT", **self.header}
        told = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode({n: v for n, v in header.items() if v is not None}, told, key, registry=_LAX)

    def rotate(self, number: int) -> None:
        """Sign with another key from now on, and show that one alone."""
        self.keys = [rsa_key(number)]


def unsigned(claims: dict[str, Any], **header: Any) -> str:
    """A token that says it needs no signature."""
    parts = ({"alg": "none", "typ": "JWT", **header}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts) + "."


def confused(claims: dict[str, Any], key: RSAKey) -> str:
    """A token signed with the public key, as if it were a shared secret."""
    said = unsigned(claims, alg="HS256", kid=key.get("kid")).rstrip(".")
    signed = hmac.new(key.as_pem(private=False), said.encode(), hashlib.sha256).digest()
    return f"{said}.{base64.urlsafe_b64encode(signed).rstrip(b'=').decode()}"


def keys_of_all_kinds() -> dict[str, Any]:
    """A key for each algorithm that is accepted."""
    curve, edwards = ECKey.generate_key("P-256", {"kid": "ec"}), OKPKey.generate_key("Ed25519", {"kid": "ed"})
    return {"RS256": rsa_key(), "PS256": rsa_key(), "ES256": curve, "EdDSA": edwards, "Ed25519": edwards}


def known_already(client: httpx.AsyncClient, issuer: str) -> None:
    """Let the app behind a client know an issuer as if it had just been asked."""
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    girih: Girih = transport.app.state.girih  # type: ignore[attr-defined] - it is a FastAPI
    keys, now = Keys({"keys": [rsa_key().as_dict(private=False)]}), time.monotonic()
    description = Description(issuer, f"{issuer}/authorize", f"{issuer}/token", f"{issuer}/keys", ())
    girih.people.issuers._issuers._known[Issuer(issuer)] = _Known(description, keys, now, now)


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuing]:
    """A provider that answers."""
    provider = Issuing()
    async with serving(provider.answer) as server:
        provider.url = server.url
        yield provider


def _say(writer: asyncio.StreamWriter, status: int, body: dict[str, Any], **headers: str) -> None:
    data = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(data)}", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "connection: close", "", ""]).encode() + data)
