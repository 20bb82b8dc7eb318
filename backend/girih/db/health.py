"""Whether the database is there, migrated, and shut to everything but the application's own rights."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from girih.errors import Unavailable

NEVER_MIGRATED = "migrate it first: as its owner, run `alembic upgrade head` (GIRIH_MIGRATION_DATABASE_URL)"

_ROLE = text(
    "SELECT current_user AS name, rolsuper, rolbypassrls, EXISTS ("
    "  SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    "  WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname = current_schema()"
    ") AS owns, current_setting('server_version_num')::int / 10000 AS server, "
    "(SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector "
    "FROM pg_roles r WHERE rolname = current_user"
)
_REVISION = text("SELECT version_num FROM alembic_version")
_HAS_REVISION = text("SELECT to_regclass('alembic_version') IS NOT NULL")


@dataclass(frozen=True)
class DatabaseHealth:
    """What the application's role is, and the schema it finds."""

    role: str
    superuser: bool
    bypasses: bool
    owns: bool
    revision: str | None
    server: int
    """PostgreSQL's major version."""
    vector: str | None
    """pgvector's version; `None` where it is not installed."""


async def examine(engine: AsyncEngine) -> DatabaseHealth:
    """Ask the database who we are and how far it is migrated.

    Raises `Unavailable` with a sentence and a way out when it cannot be asked; neither holds the password.
    """
    try:
        async with engine.connect() as connection:
            role = (await connection.execute(_ROLE)).one()
            has_revision = (await connection.execute(_HAS_REVISION)).scalar_one()
            revision = (await connection.execute(_REVISION)).scalar_one_or_none() if has_revision else None
    except (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError) as fault:
        raise _explained(engine, fault) from fault
    return DatabaseHealth(role.name, role.rolsuper, role.rolbypassrls, role.owns, revision, role.server, role.vector)


def _explained(engine: AsyncEngine, fault: Exception) -> Unavailable:
    url = engine.url
    place = f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"
    cause = getattr(fault, "orig", None) or fault
    state = str(getattr(cause, "sqlstate", None) or "")
    if state.startswith("28"):
        return Unavailable(f"the database at {place} refuses the login", help="check user and password in its URL")
    if state == "3D000":
        return Unavailable(f"there is no database {place}", help="create it, or correct the name in its URL")
    if state in ("22023", "42501", "42P01"):
        return Unavailable(f"the database at {place} is not prepared for girih", help=NEVER_MIGRATED)
    return Unavailable(f"the database at {place} does not answer", help="start it, or correct its URL")
