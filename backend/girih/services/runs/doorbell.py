"""The doorbell between processes: which runs have news, which are to stop, where agents changed.

Ids only, and nothing depends on it. That agents changed, the database rings itself, when what did it is committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Literal, Protocol
from uuid import UUID

import structlog

from girih.errors import Unavailable

log = structlog.get_logger("girih.runs")

Kind = Literal["news", "stop", "agents"]

GAP = 0.01
"""Seconds between two rings: what happens in between is told in one. The first one goes at once."""
MOST_IDS = 200
"""Ids in one ring; a channel's texts are short."""
RETRY = 1.0
"""Seconds until a channel that broke is tried again."""


class Channel(Protocol):
    """A way to all processes; see `girih.db.listening`."""

    async def listen(self, heard: Callable[[str], None], ready: Callable[[], None]) -> None:
        """Call `heard` with each text until the connection ends."""
        ...

    async def say(self, text: str) -> None:
        """Tell everybody."""
        ...


class Listener(Protocol):
    """Who acts on the doorbell. All of it is a hint: the rows say what is true."""

    def has_news(self, run_id: UUID) -> None:
        """The run has new events."""
        ...

    def is_to_stop(self, run_id: UUID) -> None:
        """Somebody asked the run to stop."""
        ...

    def has_moved(self, project_id: UUID) -> None:
        """References to agents of the project may mean something else."""
        ...

    def may_have_missed(self) -> None:
        """Rings may have been lost: look at everything."""
        ...


class Doorbell:
    """Rings for the runs of this process and hears of those of others, over one connection.

    Without a channel it is silent, and everybody looks at the rows now and then.
    """

    def __init__(self, channel: Channel | None = None) -> None:
        self._channel = channel
        self._waiting: dict[tuple[Kind, UUID], None] = {}
        self._kick = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.hears = False
        """Whether rings arrive here right now."""

    def news(self, run_id: UUID) -> None:
        """The run has new, committed events."""
        self._ring("news", run_id)

    def stop(self, run_id: UUID) -> None:
        """The run's row asks whoever holds it to stop."""
        self._ring("stop", run_id)

    def start(self, listener: Listener) -> None:
        """Begin to listen and to ring."""
        if self._channel is not None and not self._tasks:
            self._tasks = [
                asyncio.create_task(self._listen(self._channel, listener), name="doorbell: listen"),
                asyncio.create_task(self._say(self._channel), name="doorbell: ring"),
            ]

    async def close(self) -> None:
        """Send what waits, then be silent."""
        if self._channel is not None and self._waiting:
            with suppress(Unavailable):
                await self._send(self._channel)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ring(self, kind: Kind, run_id: UUID) -> None:
        if self._tasks:
            self._waiting[kind, run_id] = None
            self._kick.set()

    async def _say(self, channel: Channel) -> None:
        while True:
            await self._kick.wait()
            self._kick.clear()
            with suppress(Unavailable):  # who reads looks at the rows sooner or later
                await self._send(channel)
            await asyncio.sleep(GAP)

    async def _send(self, channel: Channel) -> None:
        waiting, self._waiting = list(self._waiting), {}
        for first in range(0, len(waiting), MOST_IDS):
            part = waiting[first : first + MOST_IDS]
            await channel.say("".join(f"{kind[0]}{run_id.hex}" for kind, run_id in part))

    async def _listen(self, channel: Channel, listener: Listener) -> None:
        def ready() -> None:
            self.hears = True
            listener.may_have_missed()

        while True:
            try:
                await channel.listen(lambda text: _act(text, listener), ready)
            except Unavailable as fault:
                if self.hears:
                    log.warning("the doorbell is silent; readers look by themselves meanwhile", reason=fault.message)
            except Exception:  # a fault of this process's own must not silence it for good
                log.exception("the doorbell broke")
            finally:
                self.hears = False
            await asyncio.sleep(RETRY)


_KINDS: Mapping[str, Kind] = {"s": "stop", "a": "agents"}


def _act(text: str, listener: Listener) -> None:
    for kind, number in _read(text):
        if kind == "stop":
            listener.is_to_stop(number)
        elif kind == "agents":
            listener.has_moved(number)
        else:
            listener.has_news(number)


def _read(text: str) -> Iterator[tuple[Kind, UUID]]:
    """What a ring says. Whatever is no ring is no news."""
    for start in range(0, len(text), 33):
        word = text[start : start + 33]
        with suppress(ValueError):
            yield _KINDS.get(word[0], "news"), UUID(hex=word[1:])
