"""Connections that lie unused: reused while they are alive, replaced when the server has let go of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from girih.db import engine as module
from girih.db.engine import make_engine


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(database_url, pool_size=1, overflow=0)
    yield engine
    await engine.dispose()


async def server_process(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())


async def end(pid: int, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SELECT pg_terminate_backend($1)", pid)
        while await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid):
            await asyncio.sleep(0.01)
    finally:
        await connection.close()


async def test_a_connection_is_used_again(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await server_process(engine)
    assert await server_process(engine) == first
    monkeypatch.setattr(module, "TRUSTED", 0.0)
    assert await server_process(engine) == first


async def test_one_that_the_server_has_closed_is_replaced(engine: AsyncEngine, database_url: str) -> None:
    first = await server_process(engine)
    await end(first, database_url)
    assert await server_process(engine) != first


# It is dropped while it still passes for open, which asyncpg would complain of.
@pytest.mark.filterwarnings("ignore:unclosed connection:ResourceWarning")
async def test_one_that_went_without_a_word_is_found_out_after_a_while(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await server_process(engine)
    await end(first, database_url)
    monkeypatch.setattr(asyncpg.Connection, "is_closed", lambda _: False)
    monkeypatch.setattr(module, "TRUSTED", 0.0)
    assert await server_process(engine) != first
