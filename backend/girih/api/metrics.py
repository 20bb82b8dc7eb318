"""What every request leaves behind: its numbers, its span, and the trace it belongs to, for the runs it starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from girih.providers.telemetry.context import TRACEPARENT, TraceContext, read_traceparent
from girih.providers.telemetry.spans import TracedSpan
from girih.wiring.watching import Telemetry

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNKNOWN = "unmatched"
"""The route of a request that has none: paths that strangers make up are no labels."""


class Measured:
    """Around every request: continues its caller's trace, and tells how it went where the operator wants to know."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry, routes: Sequence[BaseRoute]) -> None:
        self.app = app
        self.paths = {id(one.original_route): str(one.path) for one in iter_route_contexts(routes)}
        self.telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        caller = read_traceparent(Headers(scope=scope).get("traceparent"))
        place = self._place(caller)
        before = TRACEPARENT.set(place.header() if place else None)
        answer = _Answer(send)
        began, started = time.perf_counter(), datetime.now(UTC)
        try:
            await self.app(scope, receive, answer.send)
        finally:
            TRACEPARENT.reset(before)
            if scope["type"] == "http":
                self._tell(scope, answer.status or 499, time.perf_counter() - began, started, place, caller)

    def _place(self, caller: TraceContext | None) -> TraceContext | None:
        """The request's own place where its span is told; else what comes from it belongs to its caller."""
        if self.telemetry.spans is None:
            return caller
        sampled = caller.is_sampled if caller else True
        return TraceContext(caller.trace_id if caller else token_hex(16), token_hex(8), sampled)

    def _tell(
        self,
        scope: Scope,
        status: int,
        took: float,
        started: datetime,
        place: TraceContext | None,
        caller: TraceContext | None,
    ) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        route = self.paths.get(id(scope.get("route")), _UNKNOWN)
        if self.telemetry.metrics is not None:
            self.telemetry.metrics.requests.labels(method, route, str(status)).inc()
            self.telemetry.metrics.request_seconds.labels(method, route).observe(took)
        if self.telemetry.spans is not None and place is not None:
            known: dict[str, Any] = {"http.request.method": method, "http.response.status_code": status}
            known |= {"http.route": route} if route != _UNKNOWN else {}
            span = TracedSpan(
                place=place,
                parent_id=caller.span_id if caller else None,
                name=f"{method} {route}" if route != _UNKNOWN else method,
                kind="server",
                started_at=started,
                ended_at=started + timedelta(seconds=took),
                attributes=known,
                error=str(status) if status >= 500 else None,
            )
            self.telemetry.spans.tell(span)


class _Answer:
    """The answer on its way out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)
