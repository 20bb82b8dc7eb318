"""When workspaces are analysed while an editor goes on: soon after a change, one at a time, beside the answers."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from girih.language.editing.reading import Reading, Told
from girih.language.editing.room import Room

QUIET = 0.03
"""Seconds after the last change before what was typed is analysed."""

LOOK_AGAIN = 5.0
"""Seconds after which a folder is read again, for editors that do not say what changes on disk."""

IDLE = 1.0
"""Seconds without an analysis after which garbage is looked for."""

MOST_UNCOLLECTED = 24
"""Analyses after which garbage is looked for, however busy the editor is."""

_log = logging.getLogger(__name__)

W = TypeVar("W")

Tell = Callable[[Room, Mapping[str, tuple[Told, ...]]], None]
"""Takes what an editor is to be told of a workspace's files."""


class Desk:
    """Analyses in a thread of its own, so that completion never waits for it."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._thread = ThreadPoolExecutor(1, "analysis")
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()
        self._looked: dict[int, float] = {}
        self._uncollected = 0
        self._collecting: asyncio.TimerHandle | None = None
        # A collection looks at all that the session holds: it would take as long as an analysis, in the middle of one.
        gc.disable()

    def changed(self, room: Room, *, at_once: bool = False) -> None:
        """Analyse a workspace soon."""
        self._still(room)
        if at_once:
            self._begin(room)
        else:
            self._timers[id(room)] = asyncio.get_running_loop().call_later(QUIET, self._begin, room)

    async def current(self, room: Room) -> Reading | None:
        """The workspace as it stands now, analysed; the last one that there is if that cannot be had."""
        if room.reading is not None and room.reading.files == room.files():
            return room.reading
        self._still(room)
        await asyncio.shield(self._begin(room))
        return room.reading

    async def tried(self, work: Callable[[], W]) -> W:
        """Something else that takes as long as an analysis."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """End the thread, once it is done."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _still(self, room: Room) -> None:
        timer = self._timers.pop(id(room), None)
        if timer is not None:
            timer.cancel()

    def _begin(self, room: Room) -> asyncio.Task[None]:
        task = self._tasks.get(id(room))
        if task is not None and not task.done():
            self._again.add(id(room))
            return task
        task = self._tasks[id(room)] = asyncio.create_task(self._run(room))
        return task

    async def _run(self, room: Room) -> None:
        while True:
            self._again.discard(id(room))
            if time.monotonic() - self._looked.get(id(room), 0.0) > LOOK_AGAIN:
                self._looked[id(room)] = time.monotonic()
                room.look_again()
            try:
                reading = await asyncio.get_running_loop().run_in_executor(self._thread, room.analyse)
                self._tell(room, room.take(reading))
            except Exception:  # noqa: BLE001 - the last analysis stays, and the editor goes on
                _log.exception("a workspace could not be analysed")
            self._collect_later()
            if id(room) not in self._again:
                return

    def _collect_later(self) -> None:
        self._uncollected += 1
        if self._collecting is not None:
            self._collecting.cancel()
        if self._uncollected >= MOST_UNCOLLECTED:
            self._collect()
        else:
            self._collecting = asyncio.get_running_loop().call_later(IDLE, self._collect)

    def _collect(self) -> None:
        self._uncollected = 0
        gc.collect()
