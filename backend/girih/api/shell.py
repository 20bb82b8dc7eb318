"""The outermost layer: which hosts and origins a request may name, and the headers that every answer carries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import NamedTuple
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from girih.api.errors import problem

log = structlog.get_logger("girih.api")

SAFE_HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""What answers say to browsers, unless a route says it otherwise. Nothing here is a page, and nothing is to be kept."""
HSTS = "max-age=31536000"
"""For a year browsers come back over https alone. Other hosts of the domain are not ours to speak for."""
HEALTH = frozenset({"/healthz", "/readyz"})
"""Load balancers ask these by address; they tell the same whatever host is named."""

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9.])?)(?::[0-9]{1,5})?")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_STARTS = ("http.response.start", "websocket.http.response.start")


@dataclass(frozen=True)
class Site:
    """Under which names this server is reached. Without `hosts` under any."""

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    """Of pages that may call it, beside its own."""
    secure: bool = False
    """Whether people reach it over https."""


class Refusal(NamedTuple):
    """Why a request is not let in."""

    status: int
    code: str
    detail: str
    help: str


class Shell:
    """Refuses what was led here by somebody else's name or page, and dresses what leaves: errors and streams too."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app = app
        self._site = site
        more = {"strict-transport-security": HSTS} if site.secure else {}
        self._headers = {**SAFE_HEADERS, **more}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] in _STARTS:
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = _refused(scope, Headers(scope=scope), self._site)
        if refusal is None:
            await self.app(scope, receive, dressed)
            return
        scope.setdefault("state", {})["request_id"] = number = token_hex(8)
        log.info("request refused", request_id=number, reason=refusal.detail, status=refusal.status)
        headers = {"x-request-id": number, "connection": "close"}
        answer = problem(HTTPConnection(scope), *refusal[:3], headers=headers, help=refusal.help)
        await answer(scope, receive, dressed)


def _refused(scope: Scope, headers: Headers, site: Site) -> Refusal | None:
    lengths, hosts = headers.getlist("content-length"), headers.getlist("host")
    if len(lengths) > 1 or (lengths and "transfer-encoding" in headers):
        return Refusal(400, "invalid_input", "the request says its length in two ways", "send one `content-length`")
    if scope["path"] not in HEALTH and (refusal := _wrong_host(hosts, site)):
        return refusal
    is_socket = scope["type"] == "websocket"
    if not is_socket and (scope["method"] in _READING or "cookie" not in headers):
        return None
    if _is_own_page(headers, hosts[0].lower() if hosts else "", site):
        return None
    word = "connect" if is_socket else "send cookies here"
    return Refusal(403, "forbidden", f"pages of this origin may not {word}", "name it in GIRIH_CORS_ORIGINS")


def _wrong_host(hosts: list[str], site: Site) -> Refusal | None:
    if len(hosts) > 1 or (hosts and not _HOST.fullmatch(hosts[0].lower())):
        return Refusal(400, "invalid_input", "the request names no host, or several", "send one `host`")
    if not site.hosts or (hosts and any(_is_named(_name(hosts[0]), host) for host in site.hosts)):
        return None
    return Refusal(
        421, "misdirected", "this server is not reached under that name", "the operator names it in GIRIH_ALLOWED_HOSTS"
    )


def _name(host: str) -> str:
    """The host without its port."""
    return re.sub(r":[0-9]+$", "", host.lower())


def _is_named(name: str, host: str) -> bool:
    """Whether a name is a host that was set; `*.example.com` is any name below that one, and not that one."""
    return name.endswith(host[1:]) if host.startswith("*.") else name == host


def _is_own_page(headers: Headers, host: str, site: Site) -> bool:
    """Whether a page of this server or of a listed origin sent it. Programs send no origin, browsers always do."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    own = urlsplit(origin)
    return origin in site.origins or (bool(host) and own.netloc == host and (own.scheme == "https" or not site.secure))
