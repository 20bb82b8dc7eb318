"""A request waits for connections so long altogether; what it leaves behind waits as if nobody did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from girih.db.direct import DirectPool
from girih.db.engine import make_engine, make_sessions
from girih.db.patience import in_no_hurry, patient
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Unavailable

FOR_EVER = 600.0


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """A pool of one connection, for which it would wait very long."""
    engine = make_engine(database_url, pool_size=1, overflow=0)
    engine.pool._timeout = FOR_EVER
    yield engine
    await engine.dispose()


@pytest.fixture
def uow(engine: AsyncEngine) -> UnitOfWork:
    return UnitOfWork(make_sessions(engine), lambda *_: None)


async def hold(uow: UnitOfWork, scope: OrgScope, let_go: asyncio.Event) -> asyncio.Task[None]:
    """Somebody else has the connection until he is told."""
    has_it = asyncio.Event()

    async def other() -> None:
        async with uow(scope):
            has_it.set()
            await let_go.wait()

    task = asyncio.create_task(other())
    await has_it.wait()
    return task


async def test_the_waits_of_one_request_add_up(uow: UnitOfWork, engine: AsyncEngine, scope: OrgScope) -> None:
    let_go = asyncio.Event()
    other = await hold(uow, scope, let_go)
    with patient(0.4):
        asyncio.get_running_loop().call_later(0.3, let_go.set)
        async with uow(scope):
            await other
        with pytest.raises(Unavailable, match="busy"):
            async with asyncio.timeout(FOR_EVER / 10), uow(scope), uow(scope):
                pass
        async with uow(scope):  # one that is free is used, although nothing is left
            assert engine.pool.checkedout() == 1
    assert engine.pool.checkedout() == 0


async def test_what_a_request_began_is_not_bound_to_it(uow: UnitOfWork, scope: OrgScope) -> None:
    let_go = asyncio.Event()
    other = await hold(uow, scope, let_go)

    async def lives_on() -> None:
        async with uow(scope):
            pass

    async def hands_over() -> None:
        in_no_hurry()
        await lives_on()

    with patient(0.05):
        own = asyncio.create_task(hands_over())
        with pytest.raises(Unavailable, match="busy"):
            await lives_on()
        late = asyncio.create_task(lives_on())
    await asyncio.sleep(0.4)
    let_go.set()
    await asyncio.gather(own, late, other)


async def test_functions_are_called_in_time_too(database_url: str, scope: OrgScope) -> None:
    pool = DirectPool(database_url, size=1)
    opened = await pool._open()
    async with opened.acquire():
        with patient(0.05), pytest.raises(Unavailable, match="busy"):
            await pool.call(scope, "speak_for")
    await pool.call(scope, "speak_for")
    await pool.close()
