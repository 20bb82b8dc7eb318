"""How Alembic reaches the database: on the connection it is handed, else on the one the environment names."""

from __future__ import annotations

import asyncio
import os
from importlib import import_module
from pkgutil import iter_modules

from alembic import context
from alembic.operations.ops import MigrationScript
from sqlalchemy import Connection, MetaData

import girih.services
from girih.db.base import Base
from girih.db.engine import make_engine
from girih.db.migrations import LOCK
from girih.db.outages import outages_named
from girih.errors import Unavailable


def tables() -> MetaData:
    """The metadata with the tables of every service, for `alembic revision --autogenerate` and `alembic check`."""
    for service in iter_modules(girih.services.__path__):
        import_module(f"girih.services.{service.name}.tables")
    return Base.metadata


def number(_: object, __: object, directives: list[MigrationScript]) -> None:
    """Count revisions on: `0004` comes after `0003`."""
    head = context.script.get_current_head()
    directives[0].rev_id = f"{int(head or 0) + 1:04d}"


def run(connection: Connection, metadata: MetaData | None = None) -> None:
    """Do what Alembic was asked for, in one transaction and alone: a second starter waits here, then finds it done."""
    connection.execute(LOCK)
    context.configure(
        connection=connection, target_metadata=metadata, compare_type=True, process_revision_directives=number
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_on_environment() -> None:
    """The command line's way: the database is the one the environment names."""
    url = os.environ.get("GIRIH_MIGRATION_DATABASE_URL") or os.environ.get("GIRIH_DATABASE_URL")
    if not url:
        raise SystemExit("Set GIRIH_MIGRATION_DATABASE_URL to the owner's login: postgresql://user:password@host/name")
    engine = make_engine(url, role=None, pool_size=1, overflow=0)
    try:
        with outages_named():
            async with engine.begin() as connection:
                await connection.run_sync(run, tables())
    except Unavailable as fault:
        raise SystemExit(f"{fault.message}; {fault.help}") from fault
    finally:
        await engine.dispose()


handed = context.config.attributes.get("connection")
if handed is not None:
    run(handed)
else:
    asyncio.run(run_on_environment())  # noqa: TID251 - the alembic command is a process of its own
