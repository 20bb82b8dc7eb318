"""What tidies storage in the background: uploads whose time is over, files that were given up and are still there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

_log = logging.getLogger(__name__)


class Housekeeping:
    """Does its chores every `every` seconds, and at once again while there is more. Any number of processes may."""

    def __init__(self, *chores: Callable[[], Awaitable[int]], every: float) -> None:
        self._chores = chores
        self._every = every
        self._background: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._background = asyncio.create_task(self._run(), name="housekeeping")

    async def stop(self) -> None:
        """End. What is not done is for the next one."""
        task, self._background = self._background, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def tidy(self) -> int:
        """Do each chore once; gives how many things were seen to."""
        return sum([await chore() for chore in self._chores])

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.tidy()
            except Exception as fault:  # noqa: BLE001 - database or storage is away: the next round may find it again
                _log.warning("cannot tidy storage: %s", fault)
