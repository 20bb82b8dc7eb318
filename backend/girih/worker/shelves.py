"""Has large indexes shelved while a worker runs: their HNSW index is built beside what is searched and written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from girih.services.knowledge.shelving import Shelving

_log = structlog.get_logger(__name__)

EVERY_SECONDS = 15.0


@asynccontextmanager
async def shelves_kept(shelving: Shelving, every: float = EVERY_SECONDS) -> AsyncIterator[None]:
    """Look for large indexes again and again while the context is open; what is half built then leaves nothing."""
    task = asyncio.create_task(_look(shelving, every), name="shelving of indexes")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _look(shelving: Shelving, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            shelved = await shelving.round()
        except Exception as fault:  # noqa: BLE001 - the database is away, or short of something: the next round comes
            _log.warning("could not shelve large indexes", reason=str(fault))
        else:
            if shelved:
                _log.info("indexes shelved", count=shelved)
