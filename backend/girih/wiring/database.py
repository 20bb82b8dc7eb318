"""The database a process works on, and the refusal of one that would not keep organizations apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine

from girih.db.engine import make_engine
from girih.db.health import NEVER_MIGRATED, DatabaseHealth, examine
from girih.db.revisions import head
from girih.errors import InvalidInput, Unavailable
from girih.settings import Settings
from girih.wiring.floors import require_database_floor

_DATABASE_URL = "set GIRIH_DATABASE_URL to `postgresql://user:password@host:port/name`, or use `girih dev`"


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """A pool of connections to a database that is fit for use.

    Raises `InvalidInput` for a URL that cannot work and `Unavailable` for a database that cannot be used: away, not
    migrated, or with a role that row-level security does not hold.
    """
    engine = _engine(settings)
    try:
        require_usable(await examine(engine), head())
        yield engine
    finally:
        await engine.dispose()


def is_newer(revision: str, head: str) -> bool:
    """Whether a database was migrated further than this release knows. Revisions are numbers that count on."""
    return revision.isdecimal() and head.isdecimal() and int(revision) > int(head)


def require_usable(found: DatabaseHealth, head: str, *, is_running: bool = False) -> None:
    """Refuse a server that is too old, a database not migrated to `head`, or a role that sees too much.

    For what `is_running` already a database may have been migrated further since: a release works with the schema of
    the next, so that the processes of both serve side by side while they are exchanged.
    """
    require_database_floor(found)
    if found.superuser or found.bypasses:
        what = "is a superuser" if found.superuser else "may bypass row-level security"
        raise Unavailable(
            f"the database role '{found.role}' {what}, so organizations would not be kept apart",
            help="let girih work as the role the migrations make (girih_app)",
        )
    if found.owns:
        raise Unavailable(
            f"the database role '{found.role}' owns tables, so organizations would not be kept apart",
            help="migrate as another role: set GIRIH_MIGRATION_DATABASE_URL to the owner's login",
        )
    if found.revision is None:
        raise Unavailable("the database has never been migrated", help=NEVER_MIGRATED)
    if found.revision != head and not (is_running and is_newer(found.revision, head)):
        raise Unavailable(
            f"the database is at revision {found.revision}, this release needs {head}",
            help="migrate it as its owner: `alembic upgrade head`; or start the release that fits it",
        )


def require_database_url(settings: Settings) -> None:
    """Refuse settings without a usable database URL. Raises `InvalidInput`."""
    if not settings.database_url:
        raise InvalidInput("GIRIH_DATABASE_URL is not set", help=_DATABASE_URL)
    try:
        url = make_url(settings.database_url)
    except (ArgumentError, ValueError):
        raise InvalidInput("GIRIH_DATABASE_URL is not a database URL", help=_DATABASE_URL) from None
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise InvalidInput("GIRIH_DATABASE_URL is not a PostgreSQL URL", help=_DATABASE_URL)


def _engine(settings: Settings) -> AsyncEngine:
    require_database_url(settings)
    # Those once needed are kept: to open one costs more than many transactions, and it knows no statement yet.
    return make_engine(settings.database_url, pool_size=2 * settings.database_pool, overflow=0)
