"""Migrations: up, down and up again, once, and to exactly the tables that the code declares."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.conftest import Logins

import girih.services
from girih.db import migrations, revisions
from girih.db.base import Base
from girih.db.engine import make_engine, make_sessions
from girih.db.migrations import current, downgrade, upgrade
from girih.db.revisions import head
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Unavailable
from girih.services.identity.service import IdentityService


def metadata() -> Any:
    for service in iter_modules(girih.services.__path__):
        import_module(f"girih.services.{service.name}.tables")
    return Base.metadata


def shape(connection: Connection) -> list[tuple[object, ...]]:
    """Everything that a migration can make: columns, constraints, indexes, policies, rights, triggers, functions."""
    queries = (
        "SELECT 'column', table_name, column_name, data_type, is_nullable, column_default"
        " FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace",
        "SELECT 'index', tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT 'policy', tablename, policyname, cmd, qual, with_check FROM pg_policies",
        "SELECT 'grant', table_name, grantee, privilege_type FROM information_schema.role_table_grants"
        " WHERE table_schema = 'public'",
        "SELECT 'trigger', tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT 'function', oid::regprocedure::text, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    )
    return sorted((tuple(row) for query in queries for row in connection.execute(text(query))), key=repr)


@asynccontextmanager
async def owner(url: str) -> AsyncIterator[AsyncConnection]:
    engine = make_engine(url, role=None, pool_size=1)
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


async def shape_of(database: Logins) -> list[tuple[object, ...]]:
    async with owner(database.owner) as connection:
        return await connection.run_sync(shape)


async def bootstrap(database: Logins) -> None:
    engine = make_engine(database.app, pool_size=1)
    made = await IdentityService(UnitOfWork(make_sessions(engine), lambda *_: None)).bootstrap("acme", "main")
    assert made.api_key
    await engine.dispose()


async def test_up_down_and_up_again_with_data_in_between(empty_database: Logins) -> None:
    assert await current(empty_database.owner) is None
    before = await shape_of(empty_database)
    assert await upgrade(empty_database.owner) == head() == await current(empty_database.app)
    made = await shape_of(empty_database)
    await bootstrap(empty_database)
    assert await downgrade(empty_database.owner, "base") is None
    left = [row for row in await shape_of(empty_database) if row[1] != "alembic_version"]
    assert left == before, "a downgrade to base leaves nothing"
    await upgrade(empty_database.owner)
    assert await shape_of(empty_database) == made
    await bootstrap(empty_database)


async def test_several_starters_at_once_migrate_once(empty_database: Logins) -> None:
    """Tasks of this process and a process of its own; a second run of a migration would fail on its first table."""
    program = "import asyncio, sys; from girih.db.migrations import upgrade; asyncio.run(upgrade(sys.argv[1]))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, empty_database.owner)
    revisions = await asyncio.gather(*(upgrade(empty_database.owner) for _ in range(3)))
    assert set(revisions) == {head()}
    assert await process.wait() == 0


async def test_a_failing_migration_leaves_the_database_as_it_was(
    empty_database: Logins, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = migrations.command.upgrade

    def fail_at_the_end(config: Config, revision: str) -> None:
        real(config, revision)
        raise LookupError

    monkeypatch.setattr(migrations.command, "upgrade", fail_at_the_end)
    with pytest.raises(LookupError):
        await upgrade(empty_database.owner)
    assert await current(empty_database.owner) is None


def is_comparable(found: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    """PostgreSQL has no equality for JSON: of a JSON column with a default only its being there is compared."""
    is_default_of_json = kind == "column" and isinstance(found.type, JSON) and found.server_default is not None
    return not (is_default_of_json and other is not None)


def differences(connection: Connection) -> list[Any]:
    options = {"compare_type": True, "compare_server_default": True, "include_object": is_comparable}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata()))


async def test_the_tables_are_the_ones_the_code_declares(owner_database_url: str) -> None:
    async with owner(owner_database_url) as connection:
        assert await connection.run_sync(differences) == []


async def test_a_difference_would_be_found(owner_database_url: str) -> None:
    async with owner(owner_database_url) as connection:
        await connection.execute(text("ALTER TABLE projects ADD COLUMN surplus integer"))
        await connection.execute(text("ALTER TABLE models ALTER COLUMN digest DROP NOT NULL"))
        found = await connection.run_sync(differences)
    assert sorted(str(one[0]) if isinstance(one, tuple) else str(one[0][0]) for one in found) == [
        "modify_nullable",
        "remove_column",
    ]


def test_there_is_one_head_and_one_line_to_it() -> None:
    scripts = ScriptDirectory(str(revisions.folder()))
    assert scripts.get_heads() == [head()]
    assert [script.revision for script in scripts.walk_revisions()][-1] == "0001"
    assert all(not script.is_branch_point and not script.is_merge_point for script in scripts.walk_revisions())


async def test_a_login_without_rights_is_told_what_to_do(empty_database: Logins) -> None:
    await upgrade(empty_database.owner)
    await downgrade(empty_database.owner, "base")
    if empty_database.app == empty_database.owner:
        pytest.skip("this server has one login for both")
    with pytest.raises(Unavailable) as caught:
        await upgrade(empty_database.app)
    assert "owner" in str(caught.value.help)
    assert await current(empty_database.owner) is None


async def test_a_database_of_a_newer_girih_is_left_alone(empty_database: Logins) -> None:
    await upgrade(empty_database.owner)
    async with owner(empty_database.owner) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await connection.commit()
    with pytest.raises(Unavailable, match="newer"):
        await upgrade(empty_database.owner)
    assert await current(empty_database.owner) == "9999"


async def test_a_database_that_is_away_is_said_to_be_away() -> None:
    for ask in (upgrade, current):
        with pytest.raises(Unavailable, match="does not answer"):
            await ask("postgresql://girih_owner:secret@127.0.0.1:1/girih")


async def test_a_wrong_login_and_a_wrong_name_are_told_apart(owner_database_url: str) -> None:
    login = make_url(owner_database_url)
    for changed, words in (({"username": "nobody_here"}, "refuses the login"), ({"database": "x"}, "does not exist")):
        with pytest.raises(Unavailable, match=words):
            await current(login.set(**changed).render_as_string(hide_password=False))


async def alembic(*arguments: str, url: str) -> tuple[int | None, str]:
    """Run the command line as `make migration` does; returns its exit code and all that it says."""
    return await program("alembic", *arguments, url=url)


async def program(module: str, *arguments: str, url: str) -> tuple[int | None, str]:
    """Run a module with that owner's login in its environment; returns its exit code and all that it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        cwd=Path(__file__).parents[2],
        env={**os.environ, "GIRIH_MIGRATION_DATABASE_URL": url, "GIRIH_DATABASE_URL": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_the_command_line_finds_the_database_and_nothing_to_change(owner_database_url: str) -> None:
    assert await alembic("check", url=owner_database_url) == (0, "No new upgrade operations detected.\n")


@pytest.mark.parametrize(
    ("url", "words"),
    [("", "Set GIRIH_MIGRATION_DATABASE_URL"), ("postgresql://a:secret@127.0.0.1:1/b", "does not answer")],
)
async def test_the_command_line_says_in_a_sentence_what_it_lacks(url: str, words: str) -> None:
    code, said = await alembic("current", url=url)
    assert code == 1
    assert words in said
    assert "Traceback" not in said
    assert "secret" not in said


async def test_the_one_shot_migrates_once_and_says_what_the_database_has(empty_database: Logins) -> None:
    for _ in range(2):
        code, said = await program("girih.db.migrations", url=empty_database.owner)
        assert (code, said) == (0, f"girih: the database is at revision {head()}\n")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "set GIRIH_MIGRATION_DATABASE_URL"),
        ("secret", "is not one of a PostgreSQL database"),
        ("mysql://a:secret@127.0.0.1/b", "is not one of a PostgreSQL database"),
        ("postgresql://a:secret@127.0.0.1:1/b", "does not answer"),
    ],
)
async def test_the_one_shot_says_in_a_sentence_what_it_lacks(url: str, words: str) -> None:
    code, said = await program("girih.db.migrations", url=url)
    assert code == 1
    assert words in said
    assert "Traceback" not in said
    assert "secret" not in said
