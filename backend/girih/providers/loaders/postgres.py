"""Queries of PostgreSQL: a read-only snapshot, its rows fetched as they are needed."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg

from girih.providers.loaders.base import PAGE, SourceFault
from girih.providers.loaders.records import Record

_CONNECT_SECONDS = 10


class Postgres:
    """A database at an address that the operator bound. `timeout` (seconds) bounds each fetch."""

    quote = '"'

    def __init__(self, url: str, user: str, password: str, timeout: float) -> None:
        self._url = url
        self._login = {"user": user, "password": password}
        self._timeout = timeout

    def place(self, number: int) -> str:
        """See `Database`."""
        return f"${number}"

    async def rows(self, query: str, values: Sequence[Any]) -> AsyncIterator[Record]:
        """See `Database`."""
        connection = await self._connected()
        try:
            async with connection.transaction(readonly=True, isolation="repeatable_read"):
                async for row in connection.cursor(query, *values, prefetch=PAGE):
                    yield dict(row)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as fault:
            raise SourceFault(f"the query fails: {_said(fault)}", help="try it with the same user in psql") from fault
        except (OSError, TimeoutError) as fault:
            raise SourceFault("the database did not answer in time", can_pass=True) from fault
        finally:
            connection.terminate()

    async def _connected(self) -> Any:
        limits = {
            "default_transaction_read_only": "on",
            "statement_timeout": str(int(self._timeout * 1000)),
            "application_name": "girih",
        }
        try:
            return await asyncpg.connect(
                self._url,
                **self._login,
                timeout=_CONNECT_SECONDS,
                command_timeout=self._timeout + 5,
                server_settings=limits,
            )
        except (OSError, TimeoutError) as fault:
            is_tls = isinstance(fault, ssl.SSLError)
            said = "the database's certificate is not accepted" if is_tls else "the database does not answer"
            raise SourceFault(said, can_pass=not is_tls) from fault
        except asyncpg.InvalidPasswordError as fault:
            raise SourceFault("the database refuses the user or its password") from fault
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as fault:
            raise SourceFault(f"the database refuses the connection ({type(fault).__name__})") from fault


def _said(fault: Exception) -> str:
    """The server's own sentence about the author's statement; of the library's faults the kind alone."""
    if isinstance(fault, asyncpg.QueryCanceledError):
        return "it takes longer than `timeout` allows"
    return str(fault.args[0])[:300] if isinstance(fault, asyncpg.PostgresError) else type(fault).__name__
