"""How Alembic reaches the database: on the connection it is handed, else on the one the environment names."""

from __future__ import annotations

import asyncio
import os
from importlib import import_module
from pkgutil import iter_modules

from alembic import context
from sqlalchemy import Connection, MetaData

import girih.services
from girih.db.base import Base
from girih.db.engine import make_engine
from girih.db.migrations import LOCK


def tables() -> MetaData:
    """The metadata with the tables of every service, for `alembic revision --autogenerate` and `alembic check`."""
    for service in iter_modules(girih.services.__path__):
        import_module(f"girih.services.{service.name}.tables")
    return Base.metadata


def run(connection: Connection, metadata: MetaData | None = None) -> None:
    """Do what Alembic was asked for, in one transaction and alone: a second starter waits here, then finds it done."""
    connection.execute(LOCK)
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


async def run_on_environment() -> None:
    """The command line's way: the database is the one the environment names."""
    url = os.environ.get("GIRIH_MIGRATION_DATABASE_URL") or os.environ.get("GIRIH_DATABASE_URL")
    if not url:
        raise SystemExit("Set GIRIH_MIGRATION_DATABASE_URL to the owner's login: postgresql://user:password@host/name")
    engine = make_engine(url, role=None, pool_size=1, overflow=0)
    async with engine.begin() as connection:
        await connection.run_sync(run, tables())
    await engine.dispose()


handed = context.config.attributes.get("connection")
if handed is not None:
    run(handed)
else:
    asyncio.run(run_on_environment())  # noqa: TID251 - the alembic command is a process of its own
