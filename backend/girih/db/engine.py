"""The connection pool: asyncpg, always working as the application's role."""

from __future__ import annotations

from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from girih.db.tenancy import APP_ROLE


def make_engine(url: str, *, pool_size: int = 10, overflow: int = 10, role: str | None = APP_ROLE) -> AsyncEngine:
    """A pool on `url` (`postgresql://…`); every session works as `role`, `None` for the login's own (migrations).

    A request that finds no free connection within 5 seconds fails instead of waiting for ever.
    """
    settings = {"application_name": "girih"} | ({"role": role} if role else {})
    return create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=overflow,
        pool_timeout=5,
        pool_pre_ping=True,
        connect_args={"server_settings": settings, "timeout": 10},
    )


def make_sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Sessions that keep their objects usable after the commit."""
    return async_sessionmaker(engine, expire_on_commit=False)
