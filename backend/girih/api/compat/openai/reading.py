"""Reading a run's events for an answer that is given whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from girih.engine.events import RunEvent
from girih.services.runs.reader import Tail


async def read(tail: Tail, take: Callable[[RunEvent], bool], *, waits: bool) -> None:
    """Give each event to `take` until that says True. `waits`: also those to come, else what is recorded by now."""
    news, seen = asyncio.Event(), 0
    try:
        standing = await tail.open()
        while not tail.ended and (waits or seen < standing.last):
            news.clear()
            for event in await tail.take():
                seen = event.seq
                if take(event):
                    return
            if (waits or seen < standing.last) and tail.wait(news.set):
                await news.wait()
    finally:
        tail.close()
