"""What OpenID Connect issuers say of themselves (discovery), and the keys they sign with, kept for a few minutes."""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from girih.errors import Unavailable
from girih.providers.oidc.tokens import Keys, PublicKey, TokenFault, header_of
from girih.providers.outbound import OutboundClient, OutboundError

LARGEST: Final = 256 * 1024
"""Bytes of a description or of a set of keys, at most."""

KEPT: Final = 300.0
"""Seconds after which an issuer is asked anew."""

STALE: Final = 3600.0
"""Seconds that what is known holds on while the issuer does not answer."""

PAUSE: Final = 30.0
"""Seconds between two requests for a key that is not known: whoever makes up names of keys causes no more."""

_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_OK: Final = 200
_MOST: Final = 512
"""Issuers that are kept."""


class Issuer(NamedTuple):
    """An issuer as its tokens name it, and where its description lies if that is not below this name."""

    name: str
    described_at: str = ""

    @property
    def configuration(self) -> str:
        """The address of its description."""
        return (self.described_at or self.name).rstrip("/") + _WELL_KNOWN


@dataclass(frozen=True)
class Description:
    """What an issuer says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    auth_methods: tuple[str, ...]


@dataclass
class _Known:
    description: Description | None = None
    keys: Keys | None = None
    fetched: float = float("-inf")
    tried: float = float("-inf")
    fault: Unavailable | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Issuers:
    """Asks issuers through the guarded `client`. `timeout` (seconds) bounds each request."""

    def __init__(self, client: OutboundClient, *, timeout: float = 5.0, pause: float = PAUSE) -> None:
        self._client = client
        self._timeout = timeout
        self._pause = pause
        self._known: OrderedDict[Issuer, _Known] = OrderedDict()

    async def description(self, issuer: Issuer) -> Description:
        """What it says of itself. Raises `Unavailable`, which says what is wrong with it."""
        known = await self._current(issuer)
        if known.description is None:
            raise known.fault or Unavailable(f"{issuer.name} cannot be asked now")
        return known.description

    async def key(self, issuer: Issuer, token: str) -> PublicKey:
        """The key that a token of this issuer has to be signed with. Raises `TokenFault` and `Unavailable`."""
        header = header_of(token)
        known = await self._current(issuer)
        found = known.keys.fitting(header) if known.keys else None
        if found is None:
            known = await self._current(issuer, unknown_since=time.monotonic())
            found = known.keys.fitting(header) if known.keys else None
        if found is None and known.keys is None and known.fault is not None:
            raise known.fault
        if found is None:
            raise TokenFault("it is signed with a key that its issuer does not show")
        return found

    async def _current(self, issuer: Issuer, unknown_since: float | None = None) -> _Known:
        """What is known of the issuer, asked anew where it is old, or where a key is missing in it."""
        known = self._known.setdefault(issuer, _Known())
        self._known.move_to_end(issuer)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        wanted_after = time.monotonic() - KEPT if unknown_since is None else unknown_since - self._pause
        if known.fetched >= wanted_after:
            return known
        async with known.lock:
            if known.fetched < wanted_after and known.tried < time.monotonic() - self._pause:
                await self._ask(issuer, known)
        if known.fetched < time.monotonic() - STALE:
            known.description = known.keys = None
        return known

    async def _ask(self, issuer: Issuer, known: _Known) -> None:
        try:
            description = _description(issuer, await self._document(issuer.configuration))
            keys = Keys(await self._document(description.jwks_uri))
            if not keys:
                raise Unavailable(f"{issuer.name} shows no key that tokens could be checked with")
        except Unavailable as fault:
            known.fault = fault
            return
        finally:
            known.tried = time.monotonic()
        known.description, known.keys, known.fault, known.fetched = description, keys, None, time.monotonic()

    async def _document(self, url: str) -> dict[str, Any]:
        try:
            answer = await self._client.request("GET", url, timeout=self._timeout)
        except OutboundError as fault:
            raise Unavailable(f"{_short(url)} cannot be read: {fault.message}", help=fault.help) from fault
        try:
            found = json.loads(answer.body) if answer.status == 200 else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Unavailable(f"{_short(url)} gives no JSON object (status {answer.status})")
        return found


def _description(issuer: Issuer, found: dict[str, Any]) -> Description:
    if found.get("issuer") != issuer.name:
        raise Unavailable(
            f"{_short(issuer.configuration)} describes another issuer than `{issuer.name}`",
            help="write the issuer exactly as its description does, also the slash at its end",
        )
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    urls = [found.get(name) for name in names]
    for name, url in zip(names, urls, strict=True):
        is_url = isinstance(url, str) and url.startswith(("https://", "http://"))
        if not is_url or (issuer.name.startswith("https://") and not str(url).startswith("https://")):
            raise Unavailable(f"{_short(issuer.configuration)} names no usable `{name}`")
    methods = found.get("token_endpoint_auth_methods_supported")
    known = tuple(str(method) for method in methods) if isinstance(methods, list) else ("client_secret_basic",)
    return Description(issuer.name, str(urls[0]), str(urls[1]), str(urls[2]), known)


def _short(url: str) -> str:
    return url.partition("?")[0][:200]
