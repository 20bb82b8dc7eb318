"""A transaction that is limited to certain agents: every table that knows of agents holds it to them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.db.test_row_security import rows

from girih.db.engine import make_engine
from girih.db.tenancy import OrgScope, pattern_of
from girih.services.identity.key_limits import KeyLimits, covers

SAYS_OF_AGENTS = {"agent", "agent_id", "run_id", "thread_id", "schedule_id", "version_id"}
"""Columns by which a row belongs to an agent."""

_ID = UUID(int=1)


@pytest.fixture
async def connection(owner_database_url: str) -> AsyncIterator[AsyncConnection]:
    engine = make_engine(owner_database_url, role=None, pool_size=1)
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


async def test_every_table_that_knows_of_agents_is_limited(connection: AsyncConnection) -> None:
    named = ", ".join(f"'{name}'" for name in sorted(SAYS_OF_AGENTS))
    found = await rows(
        connection,
        "SELECT DISTINCT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') "
        f"AND NOT a.attisdropped AND a.attname IN ({named})",
    )
    policies = await rows(
        connection, "SELECT tablename, permissive, cmd, qual FROM pg_policies WHERE policyname LIKE '%\\_agents'"
    )
    limited = {str(one["tablename"]) for one in policies}
    assert {str(one["relname"]) for one in found} - limited == set()
    assert {"agents", "runs", "threads", "spec_texts"} <= limited
    for one in policies:
        assert (one["permissive"], one["cmd"]) == ("RESTRICTIVE", "ALL"), one
        assert "app.agents" in str(one["qual"]), one


names = st.from_regex(r"[a-z][a-z0-9.-]{0,6}", fullmatch=True)
patterns = st.builds(lambda name, star: name + star, names, st.sampled_from(("", "*")))


@given(st.lists(patterns, min_size=1, max_size=4), names)
def test_a_name_fits_as_it_reads(agents: list[str], name: str) -> None:
    scope = OrgScope(_ID, _ID, agents=tuple(agents))
    reads = any(name.startswith(one[:-1]) if one.endswith("*") else name == one for one in agents)
    assert scope.reaches(name) == reads == (re.search(pattern_of(agents), name) is not None)


@given(st.lists(patterns, max_size=3), st.lists(patterns, min_size=1, max_size=3), names)
def test_who_is_covered_reaches_nothing_more(maker: list[str], wanted: list[str], name: str) -> None:
    one, other = (KeyLimits(agents=tuple(agents)) for agents in (maker, wanted))
    if covers(one, other) and OrgScope(_ID, _ID, agents=other.agents).reaches(name):
        assert OrgScope(_ID, _ID, agents=one.agents).reaches(name)
