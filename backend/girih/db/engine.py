"""The connection pool: asyncpg, always working as the application's role."""

from __future__ import annotations

import math
import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from girih.db.patience import LONGEST_WAIT
from girih.db.tenancy import APP_ROLE
from girih.errors import InvalidInput

LONGEST_SILENCE = 15
"""Seconds after which the database ends a transaction whose process says nothing: one that was frozen, or whose machine
is gone, in the midst of a transaction must not keep its locks, and with them what others are to take over from it."""
TRUSTED = 1.0
"""Seconds for which a connection that lies unused is taken to be still there; after that it is tried first."""
RETURNED = "returned"
"""When a connection was given back, among what its pool notes of it."""


def make_engine(url: str, *, pool_size: int = 10, overflow: int = 10, role: str | None = APP_ROLE) -> AsyncEngine:
    """A pool on `url` (`postgresql://…`); every session works as `role`, `None` for the login's own (migrations).

    Who finds no free connection in time (`LONGEST_WAIT`) fails instead of waiting for ever. Raises `InvalidInput` for
    what is no URL of a PostgreSQL database.
    """
    settings = {"application_name": "girih"}
    if role:
        settings |= {"role": role, "idle_in_transaction_session_timeout": f"{LONGEST_SILENCE}s"}
    engine = create_async_engine(
        _address(url),
        pool_size=pool_size,
        max_overflow=overflow,
        pool_timeout=LONGEST_WAIT,
        # Those that were used last know their statements already; the others are for busier times.
        pool_use_lifo=True,
        connect_args={"server_settings": settings, "timeout": 10},
    )
    event.listen(engine.sync_engine, "checkin", _note_return)
    event.listen(engine.sync_engine, "checkout", _require_alive)
    return engine


def _note_return(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    record.info[RETURNED] = time.monotonic()


def _require_alive(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
    """Have the pool open another one where the server has gone: it says so, unless it went without a word."""
    driver: Any = connection.driver_connection
    if driver.is_closed():
        raise DisconnectionError
    if time.monotonic() - record.info.get(RETURNED, math.inf) < TRUSTED:
        return
    try:
        connection.ping()
    except Exception as fault:
        raise DisconnectionError from fault


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        address = None  # what it holds may be a password: not a word of it is repeated
    if address is None or address.get_backend_name() not in ("postgresql", "postgres"):
        form = "postgresql://user:password@host:port/name"
        raise InvalidInput("the database URL is not one of a PostgreSQL database", help=f"it looks like this: {form}")
    return address.set(drivername="postgresql+asyncpg")


def make_sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Sessions that keep their objects usable after the commit."""
    return async_sessionmaker(engine, expire_on_commit=False)
