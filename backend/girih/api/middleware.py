"""What surrounds every request: its id, one log line, and an answer to faults nobody foresaw."""

from __future__ import annotations

import re
import time
from secrets import token_hex

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from girih.api.errors import BEGAN, unexpected
from girih.api.rates import rate_headers
from girih.api.sse import LATER, Flow
from girih.db.patience import patient

log = structlog.get_logger("girih.api")

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_KEPT = ("type", "method", "path", "raw_path", "state")
_QUIET = frozenset({"/healthz", "/readyz"})


class Envelope:
    """The layer around all routes. A fault inside becomes a bare 500 with an id; the log has the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        with structlog.contextvars.bound_contextvars(request_id=exchange.id):
            try:
                with patient():
                    await self.app(scope, receive, exchange.send)
                if exchange.later:
                    exchange.let_go()
                for flow in exchange.later:
                    await flow(receive, exchange.send)
            except ClientDisconnect:
                exchange.status = exchange.status or 499
            except Exception as error:  # noqa: BLE001 - nothing may leave here but an id; the cause goes to the log
                await exchange.fail(error, receive)
            exchange.log()


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, send: Send) -> None:
        given = Headers(scope=scope).get("x-request-id", "")
        self.id = given if _SAFE_ID.fullmatch(given) else token_hex(8)
        self.scope = scope
        self.status = 0
        self._send = send
        self._began = time.perf_counter()
        self.later: list[Flow] = []
        """What a stream still has to send: for the hours it takes nothing else is kept of the request."""
        scope.setdefault("state", {}).update({"request_id": self.id, BEGAN: self._began, LATER: self.later})

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self.id
            for name, value in rate_headers(self.scope).items():
                headers.setdefault(name, value)
        await self._send(message)

    def let_go(self) -> None:
        """Keep of the request only what its end, and the line in the log, need: streams are open for hours."""
        kept = {name: self.scope[name] for name in _KEPT if name in self.scope}
        self.scope.clear()
        self.scope.update(kept)

    async def fail(self, error: Exception, receive: Receive) -> None:
        log.error("request failed", error=type(error).__name__, path=_path(self.scope), exc_info=error)
        if not self.status:
            await unexpected(Request(self.scope))(self.scope, receive, self.send)

    def log(self) -> None:
        write = log.debug if self.scope["path"] in _QUIET else log.info
        took = round((time.perf_counter() - self._began) * 1000, 1)
        caller = self.scope["state"].get("caller")
        whom = {"org_id": str(caller.org_id), "actor": caller.actor} if caller is not None else {}
        write(
            "request", **whom, method=self.scope["method"], path=_path(self.scope), status=self.status, duration_ms=took
        )


def _path(scope: Scope) -> str:
    """The path as it was sent, still percent-encoded: safe for every log, and without the query's contents."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.split(b"?")[0].decode("ascii", "backslashreplace")[:500]
