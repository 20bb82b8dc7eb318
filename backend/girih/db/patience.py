"""How long a request waits for connections to the database: so long for all that it does, not anew each time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from girih.errors import DatabaseUnavailable

LONGEST_WAIT = 5.0
"""Seconds after which a request that finds no free connection is refused."""
AT_LEAST = 0.25
"""Seconds that it may take to get a connection all the same: one that is free is used, however late it is."""


@dataclass
class _Patience:
    left: float
    is_over: bool = False


_PATIENCE: ContextVar[_Patience | None] = ContextVar("patience", default=None)


@contextmanager
def patient(seconds: float = LONGEST_WAIT) -> Iterator[None]:
    """Let all that is done within wait for connections for so long altogether."""
    patience = _Patience(seconds)
    token = _PATIENCE.set(patience)
    try:
        yield
    finally:
        patience.is_over = True  # tasks that were begun within may live on
        _PATIENCE.reset(token)


def in_no_hurry() -> None:
    """Let the rest of this task wait as if nobody did: it was begun by a request, and is not a part of it."""
    _PATIENCE.set(None)


@asynccontextmanager
async def in_time() -> AsyncIterator[None]:
    """Get a connection within. Raises `DatabaseUnavailable` when the request that asks has waited long enough."""
    patience = _PATIENCE.get()
    if patience is None or patience.is_over:
        yield
        return
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(max(patience.left, AT_LEAST)):
            yield
    except TimeoutError as fault:
        raise busy() from fault
    finally:
        patience.left -= loop.time() - began


def busy() -> DatabaseUnavailable:
    """What a request is told that got no connection."""
    return DatabaseUnavailable("every database connection is busy", help="try again in a moment")
