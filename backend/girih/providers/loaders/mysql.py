"""Queries of MySQL and MariaDB: a read-only snapshot, its rows fetched as they are needed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from girih.providers.loaders.base import PAGE, SourceFault
from girih.providers.loaders.extras import extra
from girih.providers.loaders.records import Record

_CONNECT_SECONDS = 10
_SETTINGS = (
    "SET SESSION max_execution_time = {ms}",
    "SET SESSION max_statement_time = {seconds}",
    "SET SESSION net_write_timeout = 3600",
)
"""How MySQL and MariaDB bound a statement, each knows one; and that we may be slow to take its rows."""
_PLACE = "\x00value\x00"
_DENIED = (1044, 1045)
_MULTI_STATEMENTS = 1 << 16


class MySql:
    """A database at an address that the operator bound. `timeout` (seconds) bounds the statement and each fetch."""

    quote = "`"

    def __init__(self, url: str, user: str, password: str, timeout: float) -> None:
        self._parts = urlsplit(url)
        self._login = {"user": user, "password": password}
        self._timeout = timeout
        self._driver = extra("aiomysql", "sql with MySQL")

    def place(self, number: int) -> str:
        """See `Database`; values are bound in their order."""
        del number
        return _PLACE

    async def rows(self, query: str, values: Sequence[Any]) -> AsyncIterator[Record]:
        """See `Database`."""
        connection = await self._connected()
        try:
            async with connection.cursor(self._driver.SSDictCursor) as cursor:
                await self._bound(cursor)
                # The driver reads `%` as a place, also in the statement's own text.
                query = query.replace("%", "%%").replace(_PLACE, "%s")
                await cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
                async with asyncio.timeout(self._timeout + 5):
                    await cursor.execute(query, tuple(values))
                while rows := await asyncio.wait_for(cursor.fetchmany(PAGE), self._timeout + 5):
                    for row in rows:
                        yield row
        except self._driver.MySQLError as fault:
            raise SourceFault(f"the query fails: {_said(fault)}", help="try it with the same user in mysql") from fault
        except (OSError, TimeoutError) as fault:
            raise SourceFault("the database did not answer in time", can_pass=True) from fault
        finally:
            connection.close()

    async def _bound(self, cursor: Any) -> None:
        for limit in _SETTINGS:
            with suppress(self._driver.MySQLError):
                await cursor.execute(limit.format(ms=int(self._timeout * 1000), seconds=self._timeout))

    async def _connected(self) -> Any:
        wants_tls = parse_qs(self._parts.query).get("ssl", ["false"])[0] in ("true", "1", "required")
        try:
            connection = self._driver.Connection(
                host=self._parts.hostname,
                port=self._parts.port or 3306,
                db=self._parts.path.strip("/") or None,
                **self._login,
                connect_timeout=_CONNECT_SECONDS,
                charset="utf8mb4",
                ssl=ssl.create_default_context() if wants_tls else None,
            )
            # The driver asks for it on its own: a second statement could leave the read-only transaction.
            connection.client_flag &= ~_MULTI_STATEMENTS
            await connection._connect()
            return connection
        except self._driver.MySQLError as fault:
            number = fault.args[0] if fault.args else 0
            if number in _DENIED:
                raise SourceFault("the database refuses the user or its password") from fault
            raise SourceFault("the database does not answer", can_pass=True) from fault
        except (OSError, TimeoutError) as fault:
            raise SourceFault("the database does not answer", can_pass=True) from fault


def _said(fault: Exception) -> str:
    """The server's own sentence about the author's statement."""
    return str(fault.args[1])[:300] if len(fault.args) > 1 else type(fault).__name__
