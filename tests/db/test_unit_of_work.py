"""Transactions: what they see, and when their jobs go."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from girih.db.base import new_id
from girih.db.engine import LONGEST_SILENCE, make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, Unavailable


async def names(work: Work) -> list[str]:
    return list(await work.session.scalars(text("SELECT name FROM projects ORDER BY name")))


async def add_project(work: Work, scope: OrgScope, name: str) -> None:
    await work.session.execute(
        text("INSERT INTO projects (id, org_id, name) VALUES (:id, :org_id, :name)"),
        {"id": new_id(), "org_id": scope.org_id, "name": name},
    )


async def test_a_transaction_sees_its_own_organization_only(
    uow: UnitOfWork, scope: OrgScope, other_scope: OrgScope
) -> None:
    async with uow(scope) as work:
        await add_project(work, scope, "secret")
    async with uow(other_scope) as work:
        assert await names(work) == ["main"]
    async with uow.reading_for("reconcile") as work:
        assert await names(work) == []


async def test_a_snapshot_is_of_one_moment_and_changes_nothing(
    uow: UnitOfWork, scope: OrgScope, other_scope: OrgScope
) -> None:
    async with uow.snapshot(scope) as still, uow(scope) as work:
        assert await names(still) == ["main"]
        await add_project(work, scope, "new")
        await work.session.commit()
        assert await names(still) == ["main"]
        with pytest.raises(DBAPIError, match="read-only"):
            await add_project(still, scope, "other")
        still.discard()
    async with uow(scope) as work:
        assert await names(work) == ["main", "new"]
        await add_project(work, scope, "newer")
    async with uow.snapshot(other_scope) as still:
        assert await names(still) == ["main"]


async def test_what_another_has_just_written_is_a_conflict(uow: UnitOfWork, scope: OrgScope) -> None:
    async with uow(scope) as work:
        await add_project(work, scope, "wanted")
    with pytest.raises(Conflict, match="just written"):
        async with uow(scope) as work:
            await add_project(work, scope, "unwanted")
            await add_project(work, scope, "wanted")
    async with uow(scope) as work:
        assert await names(work) == ["main", "wanted"]


async def test_of_two_that_wait_for_each_other_one_may_try_again(uow: UnitOfWork, scope: OrgScope) -> None:
    for name in ("one", "other"):
        async with uow(scope) as work:
            await add_project(work, scope, name)
    both = asyncio.Barrier(2)

    async def touch(*in_turn: str) -> None:
        async with uow(scope) as work:
            for name in in_turn:
                renamed = text("UPDATE projects SET created_at = now() WHERE name = :name")
                await work.session.execute(renamed, {"name": name})
                if name == in_turn[0]:
                    await both.wait()

    found = await asyncio.gather(touch("one", "other"), touch("other", "one"), return_exceptions=True)
    (refused,) = [one for one in found if one is not None]
    assert isinstance(refused, Unavailable)
    assert "try again" in str(refused.help)


async def test_a_transaction_cannot_write_into_another_organization(
    uow: UnitOfWork, scope: OrgScope, other_scope: OrgScope
) -> None:
    with pytest.raises(Exception, match="row-level security"):
        async with uow(scope) as work:
            await add_project(work, other_scope, "intruder")


async def test_nothing_of_a_transaction_is_left_to_the_next_user_of_its_connection(
    uow: UnitOfWork, scope: OrgScope
) -> None:
    async with uow(scope) as work:
        connection = await work.session.connection()
        raw = (await connection.get_raw_connection()).driver_connection
    seen = await raw.fetchval("SELECT coalesce(current_setting('app.org_id', true), '')")
    assert seen == ""


async def test_jobs_go_after_the_commit(uow: UnitOfWork, scope: OrgScope, dispatched: list[tuple[str, str]]) -> None:
    async with uow(scope) as work:
        work.after_commit("job", 1)
        assert dispatched == []
    assert dispatched == [("job", "1")]


async def test_a_failed_transaction_leaves_nothing_and_rings_for_nothing(
    uow: UnitOfWork, scope: OrgScope, dispatched: list[tuple[str, str]]
) -> None:
    with pytest.raises(LookupError):
        async with uow(scope) as work:
            await add_project(work, scope, "lost")
            work.after_commit("job", 1)
            raise LookupError
    async with uow(scope) as work:
        assert await names(work) == ["main"]
    assert dispatched == []


async def test_a_discarded_transaction_leaves_nothing_and_rings_for_nothing(
    uow: UnitOfWork, scope: OrgScope, dispatched: list[tuple[str, str]]
) -> None:
    async with uow(scope) as work:
        await add_project(work, scope, "tried")
        work.after_commit("job", 1)
        assert await names(work) == ["main", "tried"]
        work.discard()
    async with uow(scope) as work:
        assert await names(work) == ["main"]
    assert dispatched == []


async def test_a_storm_of_cancelled_requests_mixes_nothing_up_and_leaves_nothing_open(
    database_url: str, scope: OrgScope, other_scope: OrgScope
) -> None:
    engine = make_engine(database_url, pool_size=4, overflow=0)
    uow = UnitOfWork(make_sessions(engine), lambda *_: None)
    chance = random.Random(7)

    async def request(who: OrgScope, pause: float) -> set[UUID]:
        async with uow(who) as work:
            await work.session.execute(text("SELECT pg_sleep(:pause)"), {"pause": pause})
            return set(await work.session.scalars(text("SELECT org_id FROM projects")))

    async def cancelled(who: OrgScope) -> set[UUID]:
        task = asyncio.create_task(request(who, chance.random() / 100))
        await asyncio.sleep(chance.random() / 50)
        task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            return set()

    for _ in range(10):
        seen = await asyncio.gather(*(cancelled(who) for who in (scope, other_scope) for _ in range(10)))
        assert all(orgs <= {scope.org_id} for orgs in seen[:10])
        assert all(orgs <= {other_scope.org_id} for orgs in seen[10:])
    assert await request(scope, 0) == {scope.org_id}
    async with engine.connect() as connection:
        idle = (
            "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"
        )
        assert (await connection.execute(text(idle))).scalar_one() == 0
    assert engine.pool.checkedout() == 0
    await engine.dispose()


async def test_a_pool_without_a_free_connection_says_so(database_url: str, scope: OrgScope) -> None:
    engine = make_engine(database_url, pool_size=1, overflow=0)
    engine.pool._timeout = 0.05
    uow = UnitOfWork(make_sessions(engine), lambda *_: None)
    async with uow(scope):
        with pytest.raises(Unavailable, match="busy"):
            async with uow(scope):
                pass
    async with uow(scope) as work:
        assert await names(work) == ["main"]
    await engine.dispose()


async def test_a_transaction_whose_process_was_frozen_lets_go_of_its_rows(
    uow: UnitOfWork, scope: OrgScope, database_url: str
) -> None:
    async with uow(scope) as work:
        assert await work.session.scalar(text("SHOW idle_in_transaction_session_timeout")) == f"{LONGEST_SILENCE}s"
    with pytest.raises(Unavailable):
        async with uow(scope) as frozen:
            await frozen.session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 50"))
            await frozen.session.execute(text("UPDATE projects SET name = 'mine'"))
            # It says nothing, and another transaction gets the row all the same.
            async with uow(scope) as other:
                await other.session.execute(text("UPDATE projects SET name = 'theirs'"))
            await frozen.session.execute(text("SELECT 1"))
    async with uow(scope) as work:
        assert await names(work) == ["theirs"]
