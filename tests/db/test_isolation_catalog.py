"""What keeps organizations apart besides the policies: what the application may make, keys, functions, and plans."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from tests.db.test_row_security import DEFINERS, PERSONAL, rows, tenant_tables

from girih.db.engine import make_engine
from girih.db.tenancy import APP_ROLE, OrgScope

SCHEMAS = {"public", "shelves"}
OURS = "n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"
OF_NO_EXTENSION = "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"

CURIOUS = """
CREATE FUNCTION public.tells_of(seen text, mine text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$
BEGIN
  IF position(mine IN seen) = 0 THEN RAISE EXCEPTION 'it was shown %', seen; END IF;
  RETURN true;
END $$
"""
"""What a caller would like to be asked about every row before the policy is: it costs nothing, and it tells."""


@pytest.fixture
async def connection(owner_database_url: str) -> AsyncIterator[AsyncConnection]:
    engine = make_engine(owner_database_url, role=None, pool_size=1)
    async with engine.connect() as connection:
        yield connection
        await connection.rollback()
    await engine.dispose()


async def test_tables_and_views_are_nowhere_else(connection: AsyncConnection) -> None:
    """The other tests look at two schemas: a table in a third one would be looked at by nobody."""
    found = await rows(
        connection,
        "SELECT DISTINCT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {OURS}",
    )
    assert {row["nspname"] for row in found} == SCHEMAS
    others = await rows(
        connection,
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
        f"(c.relkind IN ('m', 'f') OR c.relkind = 'v' AND n.nspname <> 'public') AND {OURS}",
    )
    assert others == [], "no policy holds for a materialized view or a foreign table"


async def test_the_application_can_make_nothing(connection: AsyncConnection) -> None:
    schemas = await rows(
        connection,
        f"SELECT nspname FROM pg_namespace n WHERE has_schema_privilege('{APP_ROLE}', oid, 'CREATE')",
    )
    assert schemas == []
    (database,) = await rows(
        connection,
        f"SELECT has_database_privilege('{APP_ROLE}', current_database(), 'CREATE') AS create, "
        f"has_database_privilege('{APP_ROLE}', current_database(), 'TEMP') AS temp",
    )
    assert set(database.values()) == {False}
    foreign = await rows(
        connection,
        f"SELECT fdwname AS name FROM pg_foreign_data_wrapper WHERE has_foreign_data_wrapper_privilege('{APP_ROLE}', oid, 'USAGE') "
        f"UNION ALL SELECT srvname FROM pg_foreign_server WHERE has_server_privilege('{APP_ROLE}', oid, 'USAGE') "
        f"UNION ALL SELECT lanname FROM pg_language WHERE NOT lanpltrusted AND lanname NOT IN ('internal', 'c')",
    )
    assert foreign == []


async def test_no_key_tells_of_a_row_of_others(connection: AsyncConnection) -> None:
    """A primary key without the organization is a random id: that it is taken tells nobody of a name."""
    keys = await rows(
        connection,
        """
        SELECT c.relname, array_agg(a.attname::text) AS columns, array_agg(t.typname::text) AS types
        FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid
        JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = ANY (con.conkey)
        JOIN pg_type t ON t.oid = a.atttypid
        WHERE con.contype = 'p' AND con.connamespace = 'public'::regnamespace GROUP BY c.relname
        """,
    )
    tenants = {row["relname"] for row in await tenant_tables(connection)}
    told = [
        row["relname"]
        for row in keys
        if row["relname"] in tenants and "org_id" not in row["columns"] and row["types"] != ["uuid"]
    ]
    assert told == []
    assert tenants <= {row["relname"] for row in keys} | await _partitions(connection)


async def _partitions(connection: AsyncConnection) -> set[object]:
    """Tables below another one or in the schema of partitions, whose keys are their parent's."""
    found = await rows(
        connection,
        "SELECT relname FROM pg_class WHERE relispartition OR relnamespace = 'shelves'::regnamespace",
    )
    return {row["relname"] for row in found}


async def test_functions_claim_no_more_than_they_hold(connection: AsyncConnection) -> None:
    """A function that says it is leakproof is asked before the policy; one of the owner looks past it."""
    functions = await rows(
        connection,
        "SELECT p.proname, p.prosecdef, p.proleakproof FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        f"WHERE {OURS} AND {OF_NO_EXTENSION}",
    )
    assert len(functions) > 20
    assert {row["proname"] for row in functions if row["prosecdef"]} == DEFINERS
    extensions = await rows(
        connection,
        "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        f"WHERE {OURS} AND (p.proleakproof OR p.prosecdef AND NOT {OF_NO_EXTENSION})",
    )
    assert extensions == []


async def test_what_speaks_for_an_organization_does_so_for_its_transaction_only(connection: AsyncConnection) -> None:
    """A setting that outlived its transaction would be the next one's on the same connection."""
    settings = await rows(
        connection,
        "SELECT p.proname, regexp_count(p.prosrc, 'set_config\\(') AS all, "
        "regexp_count(p.prosrc, 'set_config\\([^()]*(\\([^()]*\\)[^()]*)*, true\\)') AS passing "
        "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        f"WHERE {OURS} AND {OF_NO_EXTENSION} AND p.prosrc ~* 'set_config|\\mSET\\s+(SESSION|LOCAL|app\\.)'",
    )
    assert "speak_for" in {row["proname"] for row in settings}
    assert [row for row in settings if row["all"] != row["passing"]] == []


@pytest.fixture
async def asking(connection: AsyncConnection, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """The application in a transaction of its own, where the curious function can be called."""
    await connection.execute(text(CURIOUS))
    await connection.commit()
    try:
        async with engine.connect() as application:
            yield application
            await application.rollback()
    finally:
        await connection.rollback()
        await connection.execute(text("DROP FUNCTION public.tells_of(text, text)"))
        await connection.commit()


async def test_no_plan_asks_the_callers_function_before_the_policy(
    connection: AsyncConnection, asking: AsyncConnection
) -> None:
    """For every guarded table, whether its plan reads the whole table or goes by an index."""
    shelves = await _partitions(connection)
    tables = {str(row["relname"]) for row in await tenant_tables(connection)} - shelves | {"organizations", *PERSONAL}
    looked = set()
    for table in sorted(tables):
        for whole in ("on", "off"):
            await asking.execute(text(f"SET LOCAL enable_seqscan = {whole}"))
            query = f"EXPLAIN (FORMAT JSON, VERBOSE) SELECT 1 FROM {table} r WHERE tells_of(r::text, '')"
            plan = await asking.scalar(text(query))
            for scan in _asking(json.loads(plan) if isinstance(plan, str) else plan):
                looked.add((table, whole))
                before, _, _ = str(scan["Filter"]).partition("tells_of")
                guarded = f"{before} {scan.get('Index Cond', '')} {scan.get('Recheck Cond', '')}"
                assert "current_setting('app." in guarded, (table, scan)
    assert looked == {(table, whole) for table in tables for whole in ("on", "off")}


def _asking(plan: Any) -> Iterator[dict[str, Any]]:
    """The steps of a plan that ask the caller's function."""
    if isinstance(plan, list):
        for part in plan:
            yield from _asking(part)
    elif isinstance(plan, dict):
        if "tells_of" in str(plan.get("Filter", "")):
            yield plan
        for part in plan.values():
            yield from _asking(part)


@pytest.mark.parametrize("whole", ["on", "off"])
async def test_the_callers_function_is_never_shown_a_row_of_others(
    asking: AsyncConnection, scope: OrgScope, other_scope: OrgScope, whole: str
) -> None:
    count = text("SELECT count(*) FROM projects r WHERE tells_of(r::text, :mine)")
    speak = text("SELECT set_config('app.org_id', :org, true)")
    await asking.execute(text(f"SET LOCAL enable_seqscan = {whole}"))
    await asking.execute(speak, {"org": str(scope.org_id)})
    assert await asking.scalar(count, {"mine": str(scope.org_id)}) == 1
    # It does tell, were it shown a row of others: here those are whose who asks is.
    await asking.execute(speak, {"org": str(other_scope.org_id)})
    with pytest.raises(DBAPIError, match="it was shown"):
        await asking.scalar(count, {"mine": str(scope.org_id)})
