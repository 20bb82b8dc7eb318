"""Queries of an SQLite file, opened for reading: nothing but SELECT is carried out, and not for ever."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from girih.providers.loaders.base import PAGE, SourceFault
from girih.providers.loaders.records import Record

_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
_STEPS = 10_000


class Sqlite:
    """A file. `timeout` (seconds) bounds the time that SQLite itself works on the query."""

    quote = '"'

    def __init__(self, file: Path, timeout: float) -> None:
        self._file = file
        self._timeout = timeout

    def place(self, number: int) -> str:
        """See `Database`."""
        return f"?{number}"

    async def rows(self, query: str, values: Sequence[Any]) -> AsyncIterator[Record]:
        """See `Database`."""
        if not await asyncio.to_thread(self._file.is_file):
            raise SourceFault(f"there is no file {self._file}")
        clock = _Clock(self._timeout)
        connection = await asyncio.to_thread(self._connected, clock)
        try:
            cursor = await asyncio.to_thread(clock.timed, connection.execute, query, tuple(values))
            names = [column[0] for column in cursor.description or ()]
            while rows := await asyncio.to_thread(clock.timed, cursor.fetchmany, PAGE):
                for row in rows:
                    yield dict(zip(names, row, strict=True))
        except (sqlite3.Error, OverflowError) as fault:
            said = "it takes longer than `timeout` allows" if clock.is_over() else str(fault)[:300]
            raise SourceFault(f"the query fails: {said}") from fault
        finally:
            await asyncio.to_thread(connection.close)

    def _connected(self, clock: _Clock) -> sqlite3.Connection:
        address = f"file:{quote(str(self._file))}?mode=ro"
        # One thread at a time uses it, though not always the same one.
        connection = sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA query_only = ON")
        connection.set_authorizer(_may)
        connection.set_progress_handler(clock.is_over, _STEPS)
        return connection


class _Clock:
    """How long a query has worked, the pauses between its rows left out."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._since: float | None = None

    def timed(self, work: Any, *given: Any) -> Any:
        """Do something while the clock runs."""
        self._since = time.monotonic()
        try:
            return work(*given)
        finally:
            self._left -= time.monotonic() - self._since
            self._since = None

    def is_over(self) -> bool:
        """Whether the time is over."""
        return (time.monotonic() - self._since if self._since is not None else 0.0) > self._left


def _may(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """What a statement may do: read, and call functions that touch nothing but their arguments."""
    del first
    if action in _ALLOWED:
        return sqlite3.SQLITE_OK
    is_function = action == sqlite3.SQLITE_FUNCTION and second not in ("load_extension", "readfile", "writefile")
    return sqlite3.SQLITE_OK if is_function else sqlite3.SQLITE_DENY
