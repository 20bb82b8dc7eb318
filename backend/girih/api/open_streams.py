"""The streams that are open in this process: what breaks their silences, and what ends them before their time."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import Protocol, TypeAlias

import structlog

from girih.api.credentials import Held
from girih.errors import Forbidden, InvalidInput, NotFound, Unauthorized
from girih.wiring.server import Girih

log = structlog.get_logger("girih.api")

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that proxies keep the connection."""

LOOK = 1.0
"""Seconds between two looks whether callers may still have what is open."""

AT_ONCE = 100
"""So many streams say something before others have their turn."""


class Speaking(Protocol):
    """A stream that says something of itself when it was silent for long."""

    spoke: float
    """When something was last sent, by the loop's clock."""

    def ping(self) -> None:
        """Break the silence."""
        ...

    def cancel(self) -> object:
        """End it between two frames, without a terminal event."""
        ...


Open: TypeAlias = Speaking | asyncio.Task[None]
"""A stream that is open; the server itself keeps the connections alive that a task serves."""


class Streams:
    """The streams that are open in this process: one clock breaks their silences, and a shutdown ends them all.

    A stream ends as well once what it was opened with no longer holds, or lets its caller do something else.
    """

    def __init__(self, girih: Girih) -> None:
        self._girih = girih
        self._open: dict[Open, Held | None] = {}
        self._of: dict[Held, dict[Open, None]] = {}
        """The streams of each caller: ten thousand of one are looked at as one."""
        self._clock: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._closing = False

    def __len__(self) -> int:
        return len(self._open)

    def close(self) -> None:
        """End every open stream between two frames, without a terminal event; new ones end at once."""
        self._closing = True
        for stream in list(self._open):
            stream.cancel()

    def add(self, stream: Open, held: Held | None) -> None:
        """Count a stream as open until `remove`; `held` is what it was opened with, if that took anything."""
        self._open[stream] = held
        if held is not None:
            self._of.setdefault(held, {})[stream] = None
        if self._clock is None:
            self._clock = asyncio.create_task(self._tick(), name="heartbeats of streams", context=Context())
            self._watch = asyncio.create_task(self._look(), name="callers of streams", context=Context())
        if self._closing:
            stream.cancel()

    def remove(self, stream: Open) -> None:
        """It is over."""
        held = self._open.pop(stream, None)
        if held is not None and self._of[held].pop(stream, True) is None and not self._of[held]:
            del self._of[held]
        if not self._open and self._clock is not None and self._watch is not None:
            self._clock.cancel()
            self._watch.cancel()
            self._clock = self._watch = None

    async def _tick(self) -> None:
        """Let each stream that was silent too long say something; a few at a time, so that others have their turn."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(HEARTBEAT / 15)
            for number, stream in enumerate(list(self._open)):
                if not isinstance(stream, asyncio.Task) and stream.spoke <= loop.time() - HEARTBEAT:
                    stream.ping()
                if number % AT_ONCE == AT_ONCE - 1:
                    await asyncio.sleep(0)

    async def _look(self) -> None:
        """End the streams whose callers may no longer have them."""
        while True:
            await asyncio.sleep(LOOK)
            for held in list(self._of):
                if not await self._holds(held):
                    for stream in list(self._of.get(held, ())):
                        stream.cancel()

    async def _holds(self, held: Held) -> bool:
        try:
            return await held.still_holds(self._girih)
        except (Unauthorized, Forbidden, NotFound, InvalidInput):
            return False
        except Exception as fault:  # noqa: BLE001 - the database may be away; that takes nobody's stream
            log.warning("cannot ask whether callers of streams still hold", error=type(fault).__name__)
            return True
