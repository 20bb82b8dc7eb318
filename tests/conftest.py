"""What tests of several rooms share: a real, migrated PostgreSQL, and a fresh organization and project per test."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from girih.db.base import new_id
from girih.db.engine import make_engine, make_sessions
from girih.db.migrations import upgrade
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.schemas import PERMISSIONS


def pytest_configure() -> None:
    """Take Ctrl-C even where the tests run in the background of a script, whose programs inherit that it is ignored."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before what is shared out is named
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share the tests (`pytest -n 2`), give a file whole to one: its servers start once."""
    for item in items:
        if not any(item.iter_markers("apart")):
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


@dataclass(frozen=True)
class Logins:
    """The two logins of one database: the owner migrates, the application works."""

    owner: str
    app: str


@asynccontextmanager
async def fresh_database() -> AsyncIterator[Logins]:
    """An empty database: of an embedded server of its own, or on the server `GIRIH_TEST_DATABASE_URL` logs in to."""
    given = os.environ.get("GIRIH_TEST_DATABASE_URL")
    if given:
        async with database_beside(given) as database:
            yield database
        return
    from girih.embedded.postgres import start_postgres

    with tempfile.TemporaryDirectory(prefix="girih-test-") as folder:
        Path(folder).chmod(0o755)  # a server started by root runs as somebody else, who has to get in
        server = await asyncio.to_thread(start_postgres, Path(folder) / "postgres", durable=False)
        try:
            yield Logins(owner=server.owner_url, app=server.app_url)
        finally:
            await asyncio.to_thread(server.stop)


@asynccontextmanager
async def database_beside(url: str) -> AsyncIterator[Logins]:
    """A new database on the server that `url` (a login that may create databases) leads to, dropped in the end."""
    name = f"girih_test_{uuid4().hex[:12]}"
    engine = make_engine(url, role=None, pool_size=1, overflow=0).execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        login = make_url(url).set(database=name).render_as_string(hide_password=False)
        yield Logins(owner=login, app=login)
    finally:
        async with engine.connect() as connection:
            await connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        await engine.dispose()


@pytest.fixture(scope="session")
async def postgres_server() -> AsyncIterator[Logins]:
    """This session's database, migrated."""
    async with fresh_database() as database:
        await upgrade(database.owner)
        yield database


@pytest.fixture
async def empty_database() -> AsyncIterator[Logins]:
    """A database of this test's own, not migrated."""
    async with fresh_database() as database:
        yield database


@pytest.fixture(scope="session")
def database_url(postgres_server: Logins) -> str:
    """The database as the application logs in to it."""
    return postgres_server.app


@pytest.fixture(scope="session")
def owner_database_url(postgres_server: Logins) -> str:
    """The database as its owner logs in to it."""
    return postgres_server.owner


@pytest.fixture(scope="session")
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """The application's pool."""
    engine = make_engine(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def dispatched() -> list[tuple[str, str]]:
    """The jobs that were rung for, in order: name and id."""
    return []


@pytest.fixture
def uow(engine: AsyncEngine, dispatched: list[tuple[str, str]]) -> UnitOfWork:
    """Transactions on the session's database; what they ring for lands in `dispatched`."""
    return UnitOfWork(make_sessions(engine), lambda job, job_id: dispatched.append((job, job_id)))


@pytest.fixture(scope="module")
async def database_apart() -> AsyncIterator[str]:
    """A migrated database of this module's own, for what looks at the rows of all organizations."""
    async with fresh_database() as database:
        await upgrade(database.owner)
        yield database.app


@pytest.fixture
async def uow_apart(database_apart: str) -> AsyncIterator[UnitOfWork]:
    """Transactions on the module's own database."""
    engine = make_engine(database_apart)
    yield UnitOfWork(make_sessions(engine), lambda *_: None)
    await engine.dispose()


async def make_scope(uow: UnitOfWork) -> OrgScope:
    """A fresh organization with one project, as somebody who may do everything there."""
    scope = OrgScope(new_id(), new_id(), actor="test", permissions=PERMISSIONS)
    async with uow(scope) as work:
        await work.session.execute(
            text("INSERT INTO organizations (id, name) VALUES (:id, :name)"),
            {"id": scope.org_id, "name": f"org-{scope.org_id}"},
        )
        await work.session.execute(
            text("INSERT INTO projects (id, org_id, name) VALUES (:id, :org_id, 'main')"),
            {"id": scope.project_id, "org_id": scope.org_id},
        )
    return scope


@pytest.fixture
async def scope(uow: UnitOfWork) -> OrgScope:
    """This test's own organization and project."""
    return await make_scope(uow)


@pytest.fixture
async def other_scope(uow: UnitOfWork) -> OrgScope:
    """A second organization, which must never see anything of the first."""
    return await make_scope(uow)
