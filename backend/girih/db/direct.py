"""The short way to the database for what runs write all the time: one function, one round trip, one commit."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from girih.db.collisions import collisions_named
from girih.db.patience import in_time
from girih.db.refusals import refusals_named
from girih.db.tenancy import AGENTS, APP_ROLE, OrgScope
from girih.errors import DatabaseUnavailable

GONE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
"""How it looks when the server went away, is starting, or has no room. A server's parting word that comes while nothing
is asked puts the driver into a state of its own, in which the next question is an `InternalClientError`."""

_NAME = re.compile(r"[a-z_]+")


class DirectPool:
    """Calls database functions that are whole transactions. Give it few connections: each is held for one call only.

    Such a function takes the organization first and begins with `speak_for(organization)`, which holds to the end of
    its transaction: the same guarantee as `UnitOfWork`, in one round trip instead of four.
    """

    def __init__(self, url: str, *, size: int = 8) -> None:
        self._url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._size = size
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()
        self._statements: dict[tuple[str, int, bool], str] = {}

    async def call(self, scope: OrgScope, function: str, *arguments: object) -> Any:
        """The function's answer. Raises `DatabaseUnavailable`; then it may or may not have been done.

        Raises `Conflict` for what another transaction has just written.
        """
        given = (scope.org_id, *arguments, scope.agents_pattern) if scope.agents else (scope.org_id, *arguments)
        statement = self._statement(function, len(arguments) + 1, limited=bool(scope.agents))
        with refusals_named(scope), collisions_named():
            return await self._fetch(statement, given)

    async def _fetch(self, statement: str, given: tuple[object, ...]) -> Any:
        try:
            pool = self._pool or await self._open()
            async with in_time():
                connection = await pool.acquire(timeout=10)
            try:
                return await connection.fetchval(statement, *given, timeout=30)
            except asyncpg.InternalClientError:
                connection.terminate()  # the pool would give it to the next one
                raise
            finally:
                await pool.release(connection)
        except GONE as fault:
            raise DatabaseUnavailable("the database does not answer", help="try again in a moment") from fault

    async def close(self) -> None:
        """Give the connections back; a later call opens new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    def _statement(self, function: str, arguments: int, *, limited: bool) -> str:
        """What calls the function; `limited`: with the pattern of the scope's agents as one more argument."""
        statement = self._statements.get((function, arguments, limited))
        if statement is None:
            if not _NAME.fullmatch(function):
                raise ValueError(f"not the name of a function: {function!r}")
            marks = ", ".join(f"${n}" for n in range(1, arguments + 1))
            statement = f"SELECT {function}({marks})"
            if limited:  # set before the function is called, and for its transaction only
                setting = f"SELECT set_config('{AGENTS}', ${arguments + 1}, true) AS agents"
                statement = f"WITH told AS MATERIALIZED ({setting}) {statement} FROM told WHERE agents <> ''"
            self._statements[function, arguments, limited] = statement
        return statement

    async def _open(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=self._size,
                    timeout=10,
                    # Nothing is left to reset: each call is its own transaction and no setting outlives it.
                    reset=_leave_as_it_is,
                    server_settings={"application_name": "girih", "role": APP_ROLE},
                )
            return self._pool


async def _leave_as_it_is(connection: asyncpg.Connection) -> None:
    del connection
