"""What was published stays as it was: for the database's role of the application, and for the owner of the tables."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.services.agents.workspaces import BOOK, HELLO

from girih.db.engine import make_engine
from girih.db.tenancy import APP_ROLE, OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.agents.service import AgentService

TABLES = ("agent_versions", "pipeline_versions", "agent_moves")
PIPELINE = "kind: pipeline/v1\nname: careful\nembedder: hashing\n"
WORKSPACE = {
    "hello.yaml": HELLO,
    "careful.yaml": PIPELINE,
    "book.yaml": BOOK.replace("embedder: hashing\n", "pipeline: pipeline://careful\n"),
}


@pytest.fixture
async def owner(owner_database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(owner_database_url, role=None, pool_size=1)
    yield engine
    await engine.dispose()


async def kept(uow: UnitOfWork, scope: OrgScope) -> list[object]:
    """All that is kept of what was published."""
    found: list[object] = []
    async with uow(scope) as work:
        for table in (*TABLES, "agents", "pipelines"):
            rows = await work.session.execute(text(f"SELECT to_jsonb(t) FROM {table} t ORDER BY id"))
            found += rows.scalars().all()
    return found


async def refused_to_the_application(uow: UnitOfWork, scope: OrgScope, statement: str) -> None:
    with pytest.raises(DBAPIError, match=r"permission denied|never change|must be owner"):
        async with uow(scope) as work:
            await work.session.execute(text(statement))


async def test_no_column_of_a_published_row_can_be_changed(
    agents: AgentService, scope: OrgScope, uow: UnitOfWork, owner: AsyncEngine
) -> None:
    await agents.apply(scope, WORKSPACE)
    before = await kept(uow, scope)
    async with owner.connect() as connection:
        columns = (
            await connection.execute(
                text(
                    "SELECT table_name, column_name FROM information_schema.columns "
                    "WHERE table_schema = 'public' AND table_name = ANY(:tables)"
                ),
                {"tables": list(TABLES)},
            )
        ).all()
        assert ("agent_versions", "lock") in columns
        assert ("pipeline_versions", "commit") in columns
        granted = await connection.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.column_privileges WHERE grantee = :role "
                "AND privilege_type = 'UPDATE' AND table_name = ANY(:tables)"
            ),
            {"tables": list(TABLES), "role": APP_ROLE},
        )
        assert granted.all() == []
    for table, column in columns:
        async with owner.connect() as connection:
            await connection.execute(text("SELECT set_config('app.org_id', :org, true)"), {"org": str(scope.org_id)})
            with pytest.raises(DBAPIError, match="never change"):
                await connection.execute(text(f'UPDATE {table} SET "{column}" = "{column}"'))
    assert await kept(uow, scope) == before


@pytest.mark.parametrize("table", TABLES)
async def test_the_application_can_neither_change_nor_remove_nor_empty(
    agents: AgentService, scope: OrgScope, uow: UnitOfWork, table: str
) -> None:
    await agents.apply(scope, WORKSPACE)
    before = await kept(uow, scope)
    for statement in (
        f"UPDATE {table} SET created_at = now()",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"TRUNCATE {table} CASCADE",
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"DROP TRIGGER {table}_immutable ON {table}",
        f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT (id) DO UPDATE SET created_at = now()",
        "DELETE FROM agents",
        "DELETE FROM pipelines",
    ):
        await refused_to_the_application(uow, scope, statement)
    assert await kept(uow, scope) == before


@pytest.mark.parametrize("table", TABLES)
async def test_the_owner_of_the_tables_is_refused_too(
    agents: AgentService, scope: OrgScope, owner: AsyncEngine, table: str
) -> None:
    await agents.apply(scope, WORKSPACE)
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        async with owner.connect() as connection:
            await connection.execute(text("SELECT set_config('app.org_id', :org, true)"), {"org": str(scope.org_id)})
            with pytest.raises(DBAPIError, match="never change"):
                await connection.execute(text(statement))
