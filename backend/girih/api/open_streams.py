"""The streams that are open in this process: what breaks their silences, and what ends them before their time."""

from __future__ import annotations

import asyncio
from contextvars import Context
from secrets import token_hex
from typing import NamedTuple, Protocol, TypeAlias

import structlog

from girih.api.credentials import Held
from girih.errors import Forbidden, InvalidInput, NotFound, TooManyAtOnce, Unauthorized
from girih.wiring.server import Girih

log = structlog.get_logger("girih.api")

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that proxies keep the connection."""

LOOK = 1.0
"""Seconds between two looks whether callers may still have what is open."""

RENEWED = 10
"""So many looks later it is said anew what is open here, before it counts no more."""

WAIT = 5
"""Seconds after which it is worth asking again for a stream that was one too many."""

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


class Place(NamedTuple):
    """What an open stream takes of the number that its caller may have."""

    name: str
    holder: str


Open: TypeAlias = Speaking | asyncio.Task[None]
"""A stream that is open; the server itself keeps the connections alive that a task serves."""


class Streams:
    """The streams that are open in this process: one clock breaks their silences, and a shutdown ends them all.

    A stream ends as well once what it was opened with no longer holds, or lets its caller do something else.
    """

    def __init__(self, girih: Girih) -> None:
        self._girih = girih
        self._open: dict[Open, Held | None] = {}
        self._places: dict[Open, Place] = {}
        self._leaving: set[asyncio.Task[None]] = set()
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

    async def place(self, held: Held | None, *, required: bool) -> Place | None:
        """A place for one more stream of a caller, to be given to `add`; `None` where nothing is counted.

        Raises `TooManyAtOnce` where there is none. Where it is not `required` the stream is opened all the same, since
        it shows a run that its caller has just begun: runs at once have a bound of their own.
        """
        limits = self._girih.limits
        if held is None or not limits.streams_at_once:
            return None
        place = Place(f"streams:{held.scope.org_id}:{held.scope.actor}", token_hex(8))
        if await limits.tally.join(*place) > limits.streams_at_once and required:
            await limits.tally.leave(*place)
            raise TooManyAtOnce(
                f"you may have {limits.streams_at_once} streams open at once",
                help="close one of them first",
                limit=limits.streams_at_once,
                retry_after=WAIT,
            )
        return place

    def add(self, stream: Open, held: Held | None, place: Place | None = None) -> None:
        """Count a stream as open until `remove`; `held` is what it was opened with, if that took anything."""
        self._open[stream] = held
        if place is not None:
            self._places[stream] = place
        if held is not None:
            self._of.setdefault(held, {})[stream] = None
        if self._clock is None:
            self._clock = asyncio.create_task(self._tick(), name="heartbeats of streams", context=Context())
            self._watch = asyncio.create_task(self._look(), name="callers of streams", context=Context())
        if self._closing:
            stream.cancel()

    def remove(self, stream: Open) -> None:
        """It is over."""
        held, place = self._open.pop(stream, None), self._places.pop(stream, None)
        if place is not None:
            leaving = asyncio.create_task(self._girih.limits.tally.leave(*place), context=Context())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
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
        looks = 0
        while True:
            await asyncio.sleep(LOOK)
            looks += 1
            if looks % RENEWED == 0 and self._places:
                await self._girih.limits.tally.stay(self._taken())
            for held in list(self._of):
                if not await self._holds(held):
                    for stream in list(self._of.get(held, ())):
                        stream.cancel()

    def _taken(self) -> dict[str, list[str]]:
        taken: dict[str, list[str]] = {}
        for name, holder in self._places.values():
            taken.setdefault(name, []).append(holder)
        return taken

    async def _holds(self, held: Held) -> bool:
        try:
            return await held.still_holds(self._girih)
        except (Unauthorized, Forbidden, NotFound, InvalidInput):
            return False
        except Exception as fault:  # noqa: BLE001 - the database may be away; that takes nobody's stream
            log.warning("cannot ask whether callers of streams still hold", error=type(fault).__name__)
            return True
