"""Cached results live as long as they shall, for one project, within bounds, and never stop a run."""

from __future__ import annotations

import asyncio

import pytest

from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.results.service import MAX_RESULT, ResultService


@pytest.fixture
def results(uow: UnitOfWork) -> ResultService:
    return ResultService(uow)


async def test_a_result_comes_back_as_it_was(results: ResultService, scope: OrgScope) -> None:
    cache = results.of(scope)
    assert await cache.get("k") is None
    data = {"text": "ü\0\ud800", "n": 10**30, "x": 0.1, "list": [None, True]}
    await cache.put("k", data, 60)
    assert await cache.get("k") == data
    await cache.put("k", {"n": 2}, 60)
    assert await cache.get("k") == {"n": 2}
    assert await cache.get("K") is None


async def test_it_is_gone_when_its_time_is_over(results: ResultService, scope: OrgScope) -> None:
    cache = results.of(scope)
    await cache.put("k", {}, 0.01)
    await asyncio.sleep(0.05)
    assert await cache.get("k") is None


async def test_nobody_else_sees_it(results: ResultService, scope: OrgScope, other_scope: OrgScope) -> None:
    await results.of(scope).put("k", {"mine": 1}, 60)
    assert await results.of(other_scope).get("k") is None
    await results.of(other_scope).put("k", {"theirs": 1}, 60)
    assert await results.of(scope).get("k") == {"mine": 1}


async def test_a_large_result_is_not_kept(results: ResultService, scope: OrgScope) -> None:
    await results.of(scope).put("k", {"x": "y" * MAX_RESULT}, 60)
    assert await results.of(scope).get("k") is None


async def test_the_oldest_make_room(uow: UnitOfWork, scope: OrgScope) -> None:
    cache = ResultService(uow, max_entries=3, sweep_every=1).of(scope)
    await cache.put("short", {}, 0.01)
    for n in range(5):
        await cache.put(str(n), {"n": n}, 60)
    assert [await cache.get(str(n)) for n in range(5)] == [None, None, {"n": 2}, {"n": 3}, {"n": 4}]


async def test_without_a_database_there_is_no_result_and_no_failure(scope: OrgScope) -> None:
    engine = make_engine("postgresql://girih:secret@127.0.0.1:1/girih")
    cache = ResultService(UnitOfWork(make_sessions(engine), lambda *_: None)).of(scope)
    await cache.put("k", {}, 60)
    assert await cache.get("k") is None
    await engine.dispose()
