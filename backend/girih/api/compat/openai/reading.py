"""Reading a run's events for an answer that is given whole."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from girih.engine.events import RunEvent


async def read(events: AsyncGenerator[RunEvent], take: Callable[[RunEvent], bool]) -> None:
    """Give each event to `take` until that says True."""
    async with aclosing(events):
        async for event in events:
            if take(event):
                return
