"""Server-sent events: a run's feed as frames, resumable at each, with heartbeats and an end clients can trust."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextvars import copy_context
from typing import Annotated, Any, Protocol, TypeAlias

import structlog
from fastapi import Header, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from girih.api.credentials import Held
from girih.api.open_streams import Place, Streams
from girih.api.speakers import PLAIN, Speaker
from girih.engine.events import RunEvent
from girih.errors import BadCursor, GirihError

log = structlog.get_logger("girih.api")

LUMP = 16_384
"""Bytes after which frames that came together are written."""
LATER = "flows"
"""In a request's state: what is to be done once all that surrounds the request has let go of it."""

Flow: TypeAlias = Callable[[Receive, Send], Awaitable[None]]

OnLeave: TypeAlias = Callable[[], Awaitable[object]]
"""Awaited when a client has left a stream that was not over."""

_CURSOR = re.compile(r"[0-9]{1,15}")
_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store, no-transform",
    # Nginx and its kin would collect the frames and hand them over in lumps.
    "x-accel-buffering": "no",
}


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


class Source(Protocol):
    """Where a stream's events come from; see `girih.services.runs.reader.Tail`."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        ...

    async def take(self) -> Sequence[RunEvent]:
        """What has come since."""
        ...

    def wait(self, wake: Callable[[], None]) -> bool:
        """Call `wake` once there may be more; False where nothing more will come."""
        ...

    def close(self) -> None:
        """Need no more."""
        ...


class EventStream(Response):
    """Sends a feed as it grows. It ends after the feed's last event, when the client leaves, or at a shutdown.

    The run is not touched by any of these: it goes on without readers. Who wants otherwise names `on_leave`: it is
    awaited when the client leaves before the stream is over, and not when the server stops. Between two events a stream
    only waits for its client to leave. When something has come a task sends it and ends; a reader that is slow keeps
    that task waiting, and nothing else.
    """

    def __init__(
        self,
        request: Request,
        source: Source,
        headers: Mapping[str, str] | None = None,
        speaker: Speaker = PLAIN,
        on_leave: OnLeave | None = None,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers({**_HEADERS, **(headers or {})})
        self._source = source
        self._speaker = speaker
        self._on_leave = on_leave
        self._streams: Streams = request.app.state.streams
        self._held = Held.of(request)
        self.place: Place | None = None
        """What it takes of the number that its caller may have."""
        self._task: asyncio.Task[None] | None = None
        self._over = False
        self.spoke = 0.0
        """When something was last sent, by the loop's clock."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, and what follows once everything that surrounds the request has let go of it."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        self.raw_headers = []
        later: list[Flow] | None = scope.get("state", {}).get(LATER)
        if later is None:
            await self.flow(receive, send)
        else:
            later.append(self.flow)

    async def flow(self, receive: Receive, send: Send) -> None:
        """Send what comes until the client has left, or the stream is over: the server says that in the same way."""
        self._send, self._context = send, copy_context()
        self._streams.add(self, self._held, self.place)
        left = False
        try:
            if not self._over:
                self._start(self._pump(self._speaker.begin()))
            while (await receive())["type"] != "http.disconnect":
                continue
            left = not (self._over or self._speaker.over or self._source.ended)
        finally:
            self._streams.remove(self)
            self._source.close()
            await _stop(self._task)
        if left and self._on_leave is not None:
            await self._tell_of_leaving(self._on_leave)

    def discard(self) -> None:
        """Need nothing of what it would have sent: it is not begun."""
        self._source.close()

    def ping(self) -> None:
        """Break a silence, unless something is being sent already."""
        if self._task is None:
            self._start(self._pump(self._speaker.ping()))

    def cancel(self) -> None:
        """End it between two frames, without a terminal event; with the speaker's last words, where it has any."""
        if not self._over:
            self._over = True
            self._start(self._end(self._task, self._speaker.broken()))

    def _wake(self) -> None:
        if self._task is None and not self._over:
            self._start(self._pump())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        # Whoever wakes a stream does so in the midst of its own work, which the stream's has nothing to do with.
        self._task = asyncio.create_task(work, context=self._context)

    async def _pump(self, first: bytes = b"") -> None:
        """Send `first` and all there is; then wait for more, or end the stream."""
        try:
            if first:
                await self._say(first)
            while not self._speaker.over and (events := await self._source.take()):
                for lump in _lumps(self._speaker, events):
                    await self._say(lump)
        except Exception as error:  # noqa: BLE001 - the head is long sent: what is left is the speaker's last word
            self._complain(error)
            self._over = True
            if last := self._speaker.broken():
                await self._say(last)
        if self._over or self._source.ended or self._speaker.over:
            self._over = True
            await self._end()
        else:
            self._task = None
            self._source.wait(self._wake)

    async def _end(self, before: asyncio.Task[None] | None = None, last: bytes = b"") -> None:
        await _stop(before)
        if last:
            await self._say(last)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _say(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
        self.spoke = asyncio.get_running_loop().time()

    async def _tell_of_leaving(self, tell: OnLeave) -> None:
        try:
            await tell()
        except Exception as error:  # noqa: BLE001 - nobody is there to be told
            self._complain(error)

    def _complain(self, error: BaseException) -> None:
        if isinstance(error, GirihError):
            log.warning("stream ended early", error=error.code, message=error.message)
        else:
            log.error("stream failed", error=type(error).__name__, exc_info=error)


def _lumps(speaker: Speaker, events: Sequence[RunEvent]) -> Iterator[bytes]:
    """Frames that are written together. They stay small: a reader that reads nothing keeps some in memory."""
    lump: list[bytes] = []
    size = 0
    for event in events:
        lump.append(speaker.say(event))
        size += len(lump[-1])
        if speaker.over:
            break
        if size >= LUMP:
            yield b"".join(lump)
            lump, size = [], 0
    if size:
        yield b"".join(lump)


async def _stop(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is not None:
            log.debug("a stream's client was gone", error=type(task.exception()).__name__)
