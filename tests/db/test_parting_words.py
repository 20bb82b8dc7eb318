"""A server that says goodbye while nobody asks it anything: what is asked next finds a database that is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from sqlalchemy.engine import make_url

from girih.db.direct import DirectPool
from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import DatabaseUnavailable

SHUTS_DOWN = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
"""The fields of PostgreSQL's last message before it closes a connection."""


class Between:
    """Stands between a client and the server, and says the server's last word while the connection is still open."""

    def __init__(self, url: str) -> None:
        self._server = make_url(url)
        self._clients: list[asyncio.StreamWriter] = []
        self._copying: set[asyncio.Task[None]] = set()
        self.url = ""

    async def listen(self) -> asyncio.Server:
        listening = await asyncio.start_server(self._between, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        self.url = self._server.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        return listening

    async def say_goodbye(self) -> None:
        for client in self._clients:
            client.write(b"E" + (len(SHUTS_DOWN) + 4).to_bytes(4, "big") + SHUTS_DOWN)
            await client.drain()
        self._clients.clear()
        await asyncio.sleep(0.1)  # the client's loop has read it

    async def _between(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._server.host, self._server.port)
        self._clients.append(writer)
        with suppress(ConnectionError):
            await asyncio.gather(self._copy(reader, back), self._copy(there, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while part := await reader.read(65536):
                writer.write(part)
                await writer.drain()
        finally:
            writer.close()


@pytest.fixture
async def between(database_url: str) -> AsyncIterator[Between]:
    made = Between(database_url)
    async with await made.listen():
        yield made


async def test_a_direct_call_finds_the_database_away_and_the_next_one_finds_it_again(
    between: Between, scope: OrgScope
) -> None:
    pool = DirectPool(between.url, size=1)
    try:
        await pool.call(scope, "speak_for")
        await between.say_goodbye()
        with pytest.raises(DatabaseUnavailable):
            await pool.call(scope, "speak_for")
        await pool.call(scope, "speak_for")
    finally:
        await pool.close()


async def test_a_transaction_finds_the_database_away_and_the_next_one_finds_it_again(
    between: Between, scope: OrgScope
) -> None:
    engine = make_engine(between.url, pool_size=1, overflow=0)
    uow = UnitOfWork(make_sessions(engine), lambda *_: None)
    try:
        async with uow(scope):
            pass
        await between.say_goodbye()
        with pytest.raises(DatabaseUnavailable):
            async with uow(scope):
                pass
        async with uow(scope):
            pass
    finally:
        await engine.dispose()
