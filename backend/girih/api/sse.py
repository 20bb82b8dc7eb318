"""Server-sent events: a run's feed as frames, resumable at each, with heartbeats and an end clients can trust."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Annotated

import structlog
from fastapi import Header, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from girih.engine.events import RunEvent
from girih.errors import BadCursor, GirihError
from girih.services.runs.plain import dump

log = structlog.get_logger("girih.api")

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that proxies keep the connection."""

RETRY = b"retry: 1000\n\n"
PING = b": ping\n\n"
_LINE_ENDS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))
"""Characters at which many clients, against the standard, end a line."""
_CURSOR = re.compile(r"[0-9]{1,15}")
_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store, no-transform",
    # Nginx and its kin would collect the frames and hand them over in lumps.
    "x-accel-buffering": "no",
}


def frame(event: RunEvent) -> bytes:
    """One event as it goes over the wire; `id` is what a client resumes after."""
    data = dump(event.as_dict()).encode()
    for character, escape in _LINE_ENDS:
        data = data.replace(character, escape)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, event.event.type.encode(), data)


async def resume_after(
    last_event_id: Annotated[
        str | None, Header(description="The id of the last event that arrived; the stream goes on after it.")
    ] = None,
    from_: Annotated[
        str | None, Query(alias="from", description="As `Last-Event-ID`, for clients that cannot set headers.")
    ] = None,
) -> int:
    """The `seq` to go on after, 0 for the beginning. The header wins: browsers reconnect to the first address."""
    cursor = last_event_id if last_event_id is not None else from_
    if cursor is None or cursor == "":
        return 0
    if not _CURSOR.fullmatch(cursor):
        raise BadCursor(
            "the event id to resume after is not one of this run's ids",
            help="send the number of the last `id:` that arrived, or nothing to begin with the first event",
        )
    return int(cursor)


class Streams:
    """The streams that are open in this process, so that a shutdown can end them in a way clients resume from."""

    def __init__(self) -> None:
        self._open: set[asyncio.Task[None]] = set()
        self._closing = False

    def __len__(self) -> int:
        return len(self._open)

    def close(self) -> None:
        """End every open stream between two frames, without a terminal event; new ones end at once."""
        self._closing = True
        for pump in self._open:
            pump.cancel()

    @contextlib.contextmanager
    def holding(self, pump: asyncio.Task[None]) -> Iterator[None]:
        """Count a stream as open while it is sent."""
        self._open.add(pump)
        if self._closing:
            pump.cancel()
        try:
            yield
        finally:
            self._open.discard(pump)


class EventStream(Response):
    """Sends a feed as it grows. It ends after the feed's last event, when the client leaves, or at a shutdown.

    The run is not touched by any of these: it goes on without readers.
    """

    def __init__(
        self, request: Request, events: AsyncIterator[RunEvent], headers: Mapping[str, str] | None = None
    ) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers({**_HEADERS, **(headers or {})})
        self._events = events
        self._streams: Streams = request.app.state.streams
        self._spoke = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's shape
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        pump = asyncio.create_task(self._pump(send))
        watch = asyncio.create_task(self._watch(receive, send))
        with self._streams.holding(pump):
            try:
                await asyncio.wait({pump, watch}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _stop(watch, pump)
        if not pump.cancelled() and (error := pump.exception()):
            # The head is long sent: the client sees a stream without a terminal event and resumes.
            self._complain(error)
        if watch.cancelled():
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        """Hand every event on, and close the feed whatever happens."""
        try:
            await self._say(send, RETRY)
            async for event in self._events:
                await self._say(send, frame(event))
        finally:
            close = getattr(self._events, "aclose", None)
            if close is not None:
                await close()

    async def _watch(self, receive: Receive, send: Send) -> None:
        """Wait for the client to leave, and break every long silence. Ends only when it has left."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout_at(max(loop.time(), self._spoke) + HEARTBEAT):
                    while (await receive())["type"] != "http.disconnect":
                        continue
                    return
            except TimeoutError:
                if loop.time() - self._spoke >= HEARTBEAT:
                    await self._say(send, PING)

    async def _say(self, send: Send, body: bytes) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        self._spoke = asyncio.get_running_loop().time()

    def _complain(self, error: BaseException) -> None:
        if isinstance(error, GirihError):
            log.warning("stream ended early", error=error.code, message=error.message)
        else:
            log.error("stream failed", error=type(error).__name__, exc_info=error)


async def _stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
