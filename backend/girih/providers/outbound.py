"""The one door for HTTP to the outside: guarded against reaching what it must not, for tools and providers alike."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

import httpx

from girih.errors import GirihError, Unavailable
from girih.language.spec.addresses import is_local_name, is_public
from girih.providers.unpacking import Unreadable, unpacked

Reason = Literal["invalid_url", "forbidden", "unreachable", "tls", "timeout", "too_large", "redirect", "unreadable"]

MAX_BYTES = 5_000_000
OPENAI_URL = "https://api.openai.com/v1"
"""Where a provider is when the operator gives a key and no address."""

_CLOSED = ("peer closed", "disconnected")
"""How httpx tells a connection that ended too early from an answer that is not HTTP."""


class OutboundError(GirihError):
    """A request that was not made, or whose answer was not taken; `reason` says which."""

    code = "outbound"

    def __init__(self, reason: Reason, message: str, *, help: str | None = None) -> None:
        super().__init__(message, help=help)
        self.reason: Reason = reason


@dataclass(frozen=True)
class OutboundResponse:
    """An answer, whole and decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class OutboundStream:
    """An answer whose decompressed bytes follow; `pieces` raises `OutboundError`."""

    status: int
    headers: Mapping[str, str]
    pieces: AsyncIterator[bytes]


class OutboundClient:
    """HTTP for addresses from specs.

    A host is resolved once, every address it has must be public, and the connection goes to exactly that address.
    Addresses below one of `allowed` (base URLs the operator set) may be private. Redirects are not followed, the
    environment's proxies are not used, and an answer ends at `max_bytes` decompressed bytes.
    """

    def __init__(self, allowed: Iterable[str] = (), *, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._allowed = tuple(allowed)
        self._client = _guarded(self._allowed)

    def check(self, url: str) -> None:
        """Raise `OutboundError` for a URL that is refused whatever its host's name means when it is looked up."""
        target = _parsed(url)
        if not any(_is_below(target, httpx.URL(base)) for base in self._allowed) and is_local_name(target.host):
            raise _not_public(target)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float,  # noqa: ASYNC109 - bounds the whole exchange, below
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        discard: bool = False,
    ) -> OutboundResponse:
        """Send one request. `timeout` (seconds) bounds it from the name's look-up to the last byte.

        With `discard` the body of the answer is not read. Raises `OutboundError`. Any HTTP status but a redirect is an
        answer.
        """
        target = _parsed(url)
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(method, target, dict(headers or {}), content, discard)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise OutboundError("timeout", f"{target.host} did not answer within {timeout:g} s") from error
        except (httpx.DecodingError, httpx.InvalidURL, httpx.TransportError, OSError) as error:
            raise _lost(target.host, error) from error

    @asynccontextmanager
    async def stream(self, url: str, headers: Mapping[str, str], max_bytes: int) -> AsyncIterator[OutboundStream]:
        """One GET whose answer is read as it comes; any status is an answer, a redirect too. Raises `OutboundError`."""
        target = _parsed(url)
        try:
            async with self._opened("GET", target, headers, None, 60) as response:
                yield OutboundStream(response.status_code, response.headers, _bounded(response, max_bytes))
        except httpx.TimeoutException as error:
            raise OutboundError("timeout", f"{target.host} was silent for 60 s") from error
        except (httpx.DecodingError, httpx.InvalidURL, httpx.TransportError) as error:
            raise _lost(target.host, error) from error

    async def _exchange(
        self, method: str, target: httpx.URL, headers: dict[str, str], content: bytes | None, discard: bool
    ) -> OutboundResponse:
        # The total time is bounded by `request`; httpx's own limits would only end it earlier.
        async with self._opened(method, target, headers, content, None) as response:
            if response.is_redirect:
                raise OutboundError(
                    "redirect", "the answer is a redirect, which is not followed", help="name the final URL"
                )
            body = b"" if discard else b"".join([piece async for piece in _bounded(response, self._max_bytes)])
        return OutboundResponse(response.status_code, dict(response.headers), body)

    @asynccontextmanager
    async def _opened(
        self, method: str, target: httpx.URL, headers: Mapping[str, str], content: bytes | None, silence: float | None
    ) -> AsyncIterator[httpx.Response]:
        headers = {**headers, "accept-encoding": "gzip, deflate"}
        sent = self._client.build_request(method, target, headers=headers, content=content, timeout=silence)
        response = await self._client.send(sent, stream=True)
        try:
            yield response
        finally:
            await response.aclose()


async def _bounded(response: httpx.Response, limit: int) -> AsyncIterator[bytes]:
    try:
        async for piece in unpacked(response.aiter_raw(), response.headers.get("content-encoding", ""), limit):
            yield piece
    except Unreadable as error:
        raise OutboundError("too_large" if error.is_too_large else "unreadable", f"the answer {error}") from error


def _lost(host: str, error: Exception) -> OutboundError:
    """What a broken exchange means: a certificate that no repetition mends, a lost connection, or no HTTP at all."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLError):
            return OutboundError(
                "tls",
                f"the certificate of {host} is not accepted, or it does not speak TLS",
                help="check the address and the certificate of the service",
            )
        found = found.__cause__ or found.__context__
    if isinstance(error, httpx.RemoteProtocolError) and any(word in str(error) for word in _CLOSED):
        return OutboundError("unreachable", f"{host} closed the connection before its answer was whole")
    if isinstance(error, httpx.DecodingError | httpx.InvalidURL | httpx.RemoteProtocolError):
        return OutboundError("unreadable", f"{host} sent an answer that is not HTTP")
    return OutboundError("unreachable", f"no connection to {host}")


class _Guard(httpx.AsyncBaseTransport):
    """Sends to addresses below `allowed` as they are, and to others only where they are public: looked up once, pinned.

    Whatever client it carries (also a provider's own), no request of it goes past this point.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = tuple(httpx.URL(base) for base in allowed)
        tls = ssl.create_default_context()
        self._trusted = httpx.AsyncHTTPTransport(verify=tls, trust_env=False)
        # Connections are pooled by address, so a public one is never kept: another name could share its address.
        alone = httpx.Limits(max_keepalive_connections=0)
        self._public = httpx.AsyncHTTPTransport(verify=tls, trust_env=False, limits=alone)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target = _parsed(str(request.url))
        if any(_is_below(target, base) for base in self._allowed):
            return await self._trusted.handle_async_request(request)
        # The request names its host as before; only the connection goes to the address that was looked up.
        request.headers["host"] = target.netloc.decode("ascii")
        request.extensions["sni_hostname"] = target.raw_host.decode("ascii")
        request.url = target.copy_with(host=await _public_address(target))
        return await self._public.handle_async_request(request)

    async def aclose(self) -> None:
        await self._public.aclose()
        await self._trusted.aclose()


class _Closed(httpx.BaseTransport):
    """No door at all."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise OutboundError("forbidden", f"{request.url.host} is asked without waiting, which this server never does")


@dataclass(frozen=True)
class ProviderClients:
    """What a provider's library sends with: `http` through the guard; `blocking` sends nothing, as nobody may block."""

    http: httpx.AsyncClient
    blocking: httpx.Client

    async def aclose(self) -> None:
        """Close all connections."""
        await self.http.aclose()
        self.blocking.close()


class CollectorClient:
    """Posts to the operator's one address for telemetry, from a thread of its own: no proxy, no redirect."""

    def __init__(self, url: str, *, timeout: float) -> None:
        self._url = url
        self._client = httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False)

    def post(self, content: bytes, headers: Mapping[str, str]) -> int:
        """The answer's status. Raises `Unavailable` when there is none."""
        try:
            return self._client.post(self._url, content=content, headers=dict(headers)).status_code
        except httpx.HTTPError as error:
            raise Unavailable(f"the collector does not answer ({type(error).__name__})") from error

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def provider_clients(base_url: str | None, timeout: float = 60.0) -> ProviderClients:
    """Clients for the provider at `base_url` (empty: OpenAI), which the operator chose: only it may be private.
    `None`: for whatever public host a request names.

    `timeout` (seconds) bounds the wait for the connection and for each piece of an answer, unless a request sets less.
    """
    closed = httpx.Client(transport=_Closed(), trust_env=False)
    allowed = () if base_url is None else (base_url or OPENAI_URL,)
    return ProviderClients(_guarded(allowed, timeout), closed)


def guarded_transport(base_url: str) -> httpx.AsyncBaseTransport:
    """What the library of a service at `base_url` sends through; the operator chose it, so only it may be private."""
    return _Guard((base_url,))


def _guarded(allowed: Iterable[str], timeout: float | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=_Guard(allowed), trust_env=False, follow_redirects=False, timeout=timeout)


def _parsed(url: str) -> httpx.URL:
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise OutboundError("invalid_url", "the URL cannot be read") from error
    if target.scheme not in ("http", "https") or not target.host or not 0 < _port(target) < 65536:
        raise OutboundError("invalid_url", "the URL must begin with http:// or https:// and name a host")
    if target.userinfo:
        raise OutboundError("invalid_url", "the URL must not carry a user name or a password")
    return target


def _is_below(target: httpx.URL, base: httpx.URL) -> bool:
    if (target.scheme, target.host, _port(target)) != (base.scheme, base.host, _port(base)):
        return False
    root = base.path.rstrip("/")
    inside = target.path == root or target.path.startswith(f"{root}/")
    return inside and ".." not in unquote(unquote(target.path)).replace("\\", "/").split("/")


def _port(url: httpx.URL) -> int:
    return url.port or {"http": 80, "https": 443}[url.scheme]


async def _public_address(target: httpx.URL) -> str:
    """The address to connect to. Raises `OutboundError` when the host has any address that is not public."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            target.raw_host.decode("ascii").strip("[]"), _port(target), type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError) as error:
        raise OutboundError("unreachable", f"the host {target.host} has no address") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise _not_public(target)
    return addresses[0]


def _not_public(target: httpx.URL) -> OutboundError:
    return OutboundError(
        "forbidden",
        f"the host {target.host} is not on the public network",
        help="ask the operator to bind it as an endpoint (GIRIH_ENDPOINTS)",
    )
