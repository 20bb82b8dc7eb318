"""Bringing a database to the newest schema, and asking which one it has."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from girih.db.engine import make_engine
from girih.db.outages import outages_named
from girih.db.revisions import folder
from girih.errors import GirihError, Unavailable

LOCK = text("SELECT pg_advisory_xact_lock(4713022601)")
"""Held to the end of the transaction that migrates, so that of several starters one does the work."""

_INSUFFICIENT_PRIVILEGE = "42501"


async def upgrade(url: str, revision: str = "head") -> str | None:
    """Bring the database at `url` (its owner's login) to `revision`; returns the revision it has then.

    All steps happen in one transaction: after a failure the database is as it was. Raises `errors.Unavailable` with a
    way out when the server is away, lacks what a migration needs, or the login may not do it.
    """
    return await _run(url, lambda connection: _migrate(connection, command.upgrade, revision))


async def downgrade(url: str, revision: str) -> str | None:
    """Take the database at `url` back to `revision` (`base`: no tables); returns the revision it has then."""
    return await _run(url, lambda connection: _migrate(connection, command.downgrade, revision))


async def current(url: str) -> str | None:
    """The revision of the database at `url` (any login's); `None` for one that was never migrated."""
    return await _run(url, lambda _: None)


async def _run(url: str, step: Callable[[Connection], None]) -> str | None:
    engine = make_engine(url, role=None, pool_size=1, overflow=0)
    try:
        with outages_named():
            async with engine.begin() as connection:
                await connection.run_sync(step)
                return await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
    except CommandError as fault:
        if not isinstance(fault.__cause__, ResolutionError):
            raise
        raise Unavailable(
            "this database was migrated by a newer version of girih", help="install that version, or a newer one"
        ) from fault
    except DBAPIError as fault:
        if getattr(fault.orig, "sqlstate", None) != _INSUFFICIENT_PRIVILEGE:
            raise
        raise Unavailable(
            f"the database login may not do what a migration needs: {fault.orig}",
            help="migrate as the owner of the database (GIRIH_MIGRATION_DATABASE_URL)",
        ) from fault
    finally:
        await engine.dispose()


def _migrate(connection: Connection, step: Callable[[Config, str], None], revision: str) -> None:
    # Before Alembic sets up its environment, of which a process has one: so tasks of one process take turns as well.
    connection.execute(LOCK)
    step(_config(connection), revision)


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    return config


def main() -> int:
    """`python -m girih.db.migrations`: migrate the database the environment names; 1 and one sentence if it fails."""
    url = os.environ.get("GIRIH_MIGRATION_DATABASE_URL") or os.environ.get("GIRIH_DATABASE_URL")
    if not url:
        sys.stderr.write(
            "girih: set GIRIH_MIGRATION_DATABASE_URL to the owner's login: postgresql://user:password@host/name\n"
        )
        return 1
    try:
        revision = asyncio.run(upgrade(url))  # noqa: TID251 - a process of its own, which keeps no pool
    except GirihError as fault:
        sys.stderr.write(f"girih: {fault.message}\n" + (f"  {fault.help}\n" if fault.help else ""))
        return 1
    sys.stderr.write(f"girih: the database is at revision {revision}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
