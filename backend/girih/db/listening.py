"""A channel between processes on PostgreSQL's LISTEN and NOTIFY: one connection per process, no promise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg
from sqlalchemy.engine import make_url

from girih.db.direct import GONE
from girih.db.tenancy import APP_ROLE
from girih.errors import Unavailable

LONGEST_TEXT = 7900
"""Bytes; PostgreSQL takes 7999."""


class Channel:
    """What one process says every listening one hears, itself included. What is said while nobody listens is lost."""

    def __init__(self, url: str, name: str) -> None:
        self._url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._name = name
        self._connection: asyncpg.Connection | None = None
        self._speaking = asyncio.Lock()

    async def listen(self, heard: Callable[[str], None], ready: Callable[[], None]) -> None:
        """Connect, call `ready`, then `heard` with each text. Raises `Unavailable` when the connection ends."""
        ended = asyncio.Event()
        try:
            connection = await asyncpg.connect(
                self._url, timeout=10, server_settings={"application_name": "girih", "role": APP_ROLE}
            )
        except GONE as fault:
            raise Unavailable("the database does not answer") from fault
        try:
            connection.add_termination_listener(lambda _: ended.set())
            await connection.add_listener(self._name, lambda *told: heard(told[-1]))
            self._connection = connection
            ready()
            await ended.wait()
        except GONE as fault:
            raise Unavailable("the database does not answer") from fault
        finally:
            self._connection = None
            connection.terminate()
        raise Unavailable("the database ended the connection")

    async def say(self, text: str) -> None:
        """Tell everybody. Raises `Unavailable` when nobody can be told."""
        async with self._speaking:
            if self._connection is None:
                raise Unavailable("the database does not answer")
            try:
                await self._connection.execute("SELECT pg_notify($1, $2)", self._name, text, timeout=10)
            except GONE as fault:
                raise Unavailable("the database does not answer") from fault
