"""Has vectors seen to while a worker runs: large indexes are shelved, and what other stores keep in vain goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from girih.services.knowledge.leftovers import Leftovers
from girih.services.knowledge.shelving import Shelving

_log = structlog.get_logger(__name__)

EVERY_SECONDS = 15.0
OFTEN_SECONDS = 5.0


@asynccontextmanager
async def shelves_kept(shelving: Shelving, every: float = EVERY_SECONDS) -> AsyncIterator[None]:
    """Look for large indexes again and again while the context is open; what is half built then leaves nothing."""
    async with _rounds("shelving of indexes", shelving.round, every):
        yield


@asynccontextmanager
async def leftovers_removed(leftovers: Leftovers, every: float = OFTEN_SECONDS) -> AsyncIterator[None]:
    """Remove what outside stores keep in vain, again and again while the context is open."""
    async with _rounds("removal of vectors", leftovers.round, every):
        yield


@asynccontextmanager
async def _rounds(name: str, go: Callable[[], Awaitable[int]], every: float) -> AsyncIterator[None]:
    task = asyncio.create_task(_look(name, go, every), name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _look(name: str, go: Callable[[], Awaitable[int]], every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            count = await go()
        except Exception as fault:  # noqa: BLE001 - the database is away, or short of something: the next round comes
            _log.warning("a round failed", of=name, reason=str(fault))
        else:
            if count:
                _log.info("a round was of use", of=name, count=count)
