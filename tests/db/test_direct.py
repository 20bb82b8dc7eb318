"""The short way to the database: what it says of calls that got in each other's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from girih.db.direct import DirectPool
from girih.db.engine import make_engine
from girih.db.tenancy import OrgScope
from girih.errors import Conflict, DatabaseUnavailable

IN_TURN = """\
CREATE FUNCTION locks_in_turn(org uuid, one text, other text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext(org::text || one));
    PERFORM pg_sleep(0.3);
    PERFORM pg_advisory_xact_lock(hashtext(org::text || other));
    RETURN 1;
END $$
"""
TWICE = """\
CREATE FUNCTION written_twice(org uuid, named text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    PERFORM speak_for(org);
    INSERT INTO projects (id, org_id, name) VALUES (gen_random_uuid(), org, named);
    RETURN 1;
END $$
"""


@pytest.fixture
async def pool(database_url: str, owner_database_url: str) -> AsyncIterator[DirectPool]:
    """The short way, with two functions to call that the database has for these tests only."""
    owner, pool = make_engine(owner_database_url, role=None, pool_size=1), DirectPool(database_url)
    async with owner.begin() as connection:
        await connection.execute(text(IN_TURN))
        await connection.execute(text(TWICE))
    yield pool
    await pool.close()
    async with owner.begin() as connection:
        await connection.execute(text("DROP FUNCTION locks_in_turn, written_twice"))
    await owner.dispose()


async def test_of_two_calls_that_wait_for_each_other_one_may_be_repeated(pool: DirectPool, scope: OrgScope) -> None:
    """A run's journal repeats what it was told of an outage: a deadlock must not end its run."""
    found = await asyncio.gather(
        pool.call(scope, "locks_in_turn", "one", "other"),
        pool.call(scope, "locks_in_turn", "other", "one"),
        return_exceptions=True,
    )
    assert [type(one) for one in found if one != 1] == [DatabaseUnavailable]
    assert found.count(1) == 1


async def test_what_another_has_just_written_is_a_conflict(pool: DirectPool, scope: OrgScope) -> None:
    with pytest.raises(Conflict, match="just written"):
        await pool.call(scope, "written_twice", "main")
