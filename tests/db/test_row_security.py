"""Row-level security as it stands in the live database, asked of PostgreSQL's own catalog for every table there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from girih.db.engine import make_engine
from girih.db.tenancy import APP_ROLE

GUARD = "NULLIF(current_setting('app.org_id'::text, true), ''::text))::uuid"
"""The condition as PostgreSQL prints it: an empty setting, as it is after a transaction's end, matches nothing."""

PERSONAL = {"accounts": "id"} | dict.fromkeys(
    ("account_sessions", "account_identities", "account_letters"), "account_id"
)
"""The tables of people, who may belong to several organizations, and the column that says whose a row is."""

SIGNING_IN = {"outside_sign_ins"}
"""What there is before anybody knows who it is: open to a transaction that names the row, or sweeps away old ones."""

WITHOUT_ORGANIZATION = {"organizations", "alembic_version", "free", "setup", *PERSONAL, *SIGNING_IN}
"""Every table without `org_id`: the tenants themselves, whose `id` is guarded the same way, Alembic's own, numbers of
partitions that hold nothing, which the application has no way to, the one row of a first set-up, and the tables of
people."""

DEFINERS = {"shelve_passages", "empty_shelf", "collect_versions", "begin_purge", "purge_rows", "end_purge"}
"""Functions that do for the application what only the owner of a table can do."""

CROSS_READING = {
    ("organizations", "bootstrap"),
    ("organizations", "ingest"),
    ("organizations", "purge"),
    ("units", "account"),
    ("ownership_transfers", "account"),
    ("api_keys", "sign_in"),
    ("accounts", "address"),
    ("account_sessions", "session"),
    ("account_identities", "identity"),
    ("trusted_issuers", "issuer"),
    ("invitations", "invitation"),
    ("account_letters", "letter"),
    ("account_letters", "mail"),
    ("ingest_jobs", "ingest"),
    ("data_keys", "keys"),
    ("webhook_secrets", "keys"),
} | {(table, "account") for table in ("organizations", "projects", "roles", "memberships", "role_grants")}
"""The policies that let a transaction for a purpose read across organizations, beyond those of background work."""

BACKGROUND = {"reconcile", "sweep"}

_TABLES = """
    SELECT c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relispartition, r.rolname AS owner,
           EXISTS (SELECT FROM pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped) AS has_org
    FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
    WHERE c.relnamespace IN ('public'::regnamespace, 'shelves'::regnamespace) AND c.relkind IN ('r', 'p')
"""


@pytest.fixture
async def connection(owner_database_url: str) -> AsyncIterator[AsyncConnection]:
    engine = make_engine(owner_database_url, role=None, pool_size=1)
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


async def rows(connection: AsyncConnection, query: str) -> list[dict[str, object]]:
    return [dict(row) for row in (await connection.execute(text(query))).mappings()]


async def tenant_tables(connection: AsyncConnection) -> list[dict[str, object]]:
    found = [row for row in await rows(connection, _TABLES) if row["has_org"]]
    assert len(found) >= 7
    return found


async def test_every_table_belongs_to_an_organization_or_is_listed_here(connection: AsyncConnection) -> None:
    tables = await rows(connection, _TABLES)
    assert {row["relname"] for row in tables if not row["has_org"]} == WITHOUT_ORGANIZATION


async def test_every_tenant_table_is_guarded_by_force(connection: AsyncConnection) -> None:
    tables = [
        *await tenant_tables(connection),
        *(row for row in await rows(connection, _TABLES) if row["relname"] == "organizations"),
    ]
    open_tables = [row["relname"] for row in tables if not (row["relrowsecurity"] and row["relforcerowsecurity"])]
    assert open_tables == []


async def test_every_tenant_table_has_the_guard_as_its_policy(connection: AsyncConnection) -> None:
    policies = await rows(
        connection, "SELECT tablename, policyname, permissive, cmd, roles, qual, with_check FROM pg_policies"
    )
    expected = {str(row["relname"]): "org_id" for row in await tenant_tables(connection)} | {"organizations": "id"}
    for table, column in expected.items():
        (guard,) = [p for p in policies if (p["tablename"], p["cmd"], p["permissive"]) == (table, "ALL", "PERMISSIVE")]
        condition = f"({column} = ({GUARD})"
        assert (guard["qual"], guard["with_check"]) == (condition, condition), table


async def test_every_table_of_people_is_open_to_the_person_it_is_about(connection: AsyncConnection) -> None:
    tables = {row["relname"]: row for row in await rows(connection, _TABLES)}
    policies = await rows(connection, "SELECT tablename, qual, with_check FROM pg_policies WHERE cmd = 'ALL'")
    for table, column in PERSONAL.items():
        assert tables[table]["relrowsecurity"] and tables[table]["relforcerowsecurity"]
        (own,) = [policy for policy in policies if policy["tablename"] == table]
        condition = f"(current_setting('app.purpose'::text, true) = ('account:'::text || ({column})::text))"
        assert (own["qual"], own["with_check"]) == (condition, condition), table


async def test_what_is_signing_in_is_open_to_who_names_it(connection: AsyncConnection) -> None:
    tables = {row["relname"]: row for row in await rows(connection, _TABLES)}
    policies = await rows(connection, "SELECT tablename, qual, with_check FROM pg_policies WHERE cmd = 'ALL'")
    purpose = "current_setting('app.purpose'::text, true)"
    condition = (
        f"(({purpose} = ('outside:'::text || (id)::text)) OR (({purpose} = 'outside'::text) AND (expires_at < now())))"
    )
    for table in SIGNING_IN:
        assert tables[table]["relrowsecurity"] and tables[table]["relforcerowsecurity"]
        (own,) = [policy for policy in policies if policy["tablename"] == table]
        assert (own["qual"], own["with_check"]) == (condition, condition), table


async def test_the_set_up_is_open_to_whoever_sets_up_and_cannot_be_forgotten(connection: AsyncConnection) -> None:
    policies = await rows(connection, "SELECT tablename, cmd, qual, with_check FROM pg_policies")
    (own,) = [policy for policy in policies if policy["tablename"] == "setup"]
    condition = "(current_setting('app.purpose'::text, true) = 'setup'::text)"
    assert (own["cmd"], own["qual"], own["with_check"]) == ("ALL", condition, condition)
    rights = f"SELECT has_table_privilege('{APP_ROLE}', 'setup', 'DELETE') AS deletes"
    assert await rows(connection, rights) == [{"deletes": False}]


async def test_whatever_else_is_readable_is_read_only_and_listed(connection: AsyncConnection) -> None:
    others = await rows(connection, "SELECT tablename, policyname, cmd, qual FROM pg_policies WHERE cmd <> 'ALL'")
    for policy in others:
        assert policy["cmd"] == "SELECT", policy
        if policy["policyname"] == "accounts_members":
            continue  # who is a member of an organization: asked of `memberships`, by that table's own guard
        assert "current_setting('app.purpose'" in str(policy["qual"]), policy
        purpose = str(policy["policyname"]).removeprefix(f"{policy['tablename']}_")
        assert purpose in BACKGROUND or (policy["tablename"], purpose) in CROSS_READING, policy


async def test_no_row_is_without_an_organization(connection: AsyncConnection) -> None:
    nullable = await rows(
        connection,
        "SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') "
        "AND a.attname = 'org_id' AND NOT a.attnotnull",
    )
    assert nullable == []


async def test_an_index_of_every_tenant_table_starts_with_the_organization(connection: AsyncConnection) -> None:
    indexed = await rows(
        connection,
        "SELECT DISTINCT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] "
        "WHERE a.attname = 'org_id' AND i.indpred IS NULL",
    )
    missing = {row["relname"] for row in await tenant_tables(connection)} - {row["relname"] for row in indexed}
    assert missing == set()


async def test_uniques_and_foreign_keys_between_tenant_tables_contain_the_organization(
    connection: AsyncConnection,
) -> None:
    """A unique without it would tell one organization of another's names; a foreign key could point across."""
    constraints = await rows(
        connection,
        """
        SELECT con.conname, con.contype, c.relname AS table, f.relname AS target,
               ARRAY(SELECT a.attname::text FROM unnest(con.conkey) k
                     JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k) AS columns,
               ARRAY(SELECT a.attname::text FROM unnest(con.confkey) k
                     JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k) AS targets
        FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid LEFT JOIN pg_class f ON f.oid = con.confrelid
        WHERE con.connamespace = 'public'::regnamespace AND con.contype IN ('u', 'f')
        """,
    )
    tenants = {row["relname"] for row in await tenant_tables(connection)}
    for found in constraints:
        if found["table"] in tenants and found["target"] not in PERSONAL:
            assert "org_id" in found["columns"], found
            assert found["target"] in (None, "organizations") or "org_id" in found["targets"], found
    unique_indexes = await rows(
        connection,
        "SELECT c.relname, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i "
        "JOIN pg_class c ON c.oid = i.indrelid WHERE i.indisunique AND NOT i.indisprimary",
    )
    assert [row for row in unique_indexes if row["relname"] in tenants and "org_id" not in str(row["definition"])] == []


async def test_the_application_owns_nothing_and_cannot_look_past_the_guard(connection: AsyncConnection) -> None:
    (role,) = await rows(
        connection,
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication "
        f"FROM pg_roles WHERE rolname = '{APP_ROLE}'",
    )
    assert set(role.values()) == {False}
    owned = await rows(
        connection,
        f"""
        SELECT relname AS name FROM pg_class WHERE relowner = '{APP_ROLE}'::regrole
        UNION ALL SELECT proname FROM pg_proc WHERE proowner = '{APP_ROLE}'::regrole
        UNION ALL SELECT nspname FROM pg_namespace WHERE nspowner = '{APP_ROLE}'::regrole
        UNION ALL SELECT datname FROM pg_database WHERE datdba = '{APP_ROLE}'::regrole
        """,
    )
    assert owned == []
    member_of = await rows(
        connection,
        f"SELECT roleid::regrole::text FROM pg_auth_members WHERE member = '{APP_ROLE}'::regrole",
    )
    assert member_of == []


async def test_the_application_may_not_truncate_or_refer(connection: AsyncConnection) -> None:
    """TRUNCATE and foreign keys of one's own look past row-level security."""
    granted = await rows(
        connection,
        "SELECT table_name, privilege_type FROM information_schema.role_table_grants "
        f"WHERE grantee IN ('{APP_ROLE}', 'PUBLIC') AND table_schema = 'public'",
    )
    excess = [row for row in granted if row["privilege_type"] not in ("SELECT", "INSERT", "UPDATE", "DELETE")]
    assert excess == []
    assert [row["privilege_type"] for row in granted if row["table_name"] == "alembic_version"] == ["SELECT"]


async def test_functions_with_the_owners_rights_keep_to_the_organization(connection: AsyncConnection) -> None:
    definers = await rows(
        connection,
        "SELECT p.proname, p.prosrc, p.proconfig, has_function_privilege('public', p.oid, 'EXECUTE') AS is_public "
        "FROM pg_proc p LEFT JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e' "
        "WHERE p.pronamespace IN ('public'::regnamespace, 'shelves'::regnamespace) "
        "AND p.prosecdef AND d.objid IS NULL",
    )
    assert {row["proname"] for row in definers} == DEFINERS
    for found in definers:
        assert "search_path=pg_catalog, public, pg_temp" in cast("list[str]", found["proconfig"])
        assert "nullif(current_setting('app.org_id', true), '')::uuid" in str(found["prosrc"])
        assert "id = org" in str(found["prosrc"])
        assert found["is_public"] is False


async def test_the_application_has_no_way_into_partitions(connection: AsyncConnection, engine: AsyncEngine) -> None:
    (rights,) = await rows(
        connection,
        f"SELECT has_schema_privilege('{APP_ROLE}', 'shelves', 'USAGE') AS usage, "
        f"has_schema_privilege('{APP_ROLE}', 'shelves', 'CREATE') AS creation",
    )
    assert set(rights.values()) == {False}
    granted = await rows(
        connection,
        "SELECT table_name FROM information_schema.role_table_grants "
        f"WHERE grantee IN ('{APP_ROLE}', 'PUBLIC') AND table_schema = 'shelves'",
    )
    assert granted == []
    async with engine.connect() as application:
        with pytest.raises(ProgrammingError, match="permission denied for schema shelves"):
            await application.execute(text("SELECT * FROM shelves.vectors_0"))


async def test_no_view_looks_past_the_guard(connection: AsyncConnection) -> None:
    views = await rows(
        connection,
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm') "
        "AND NOT coalesce(reloptions @> ARRAY['security_invoker=true'], false)",
    )
    assert views == []
