"""Threads, and every state each of them has been in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Interval,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key


class Thread(ProjectOwned, Base):
    """What several runs share, one after the other. Its row is locked by whoever admits, ends or changes something."""

    __tablename__ = "threads"
    __table_args__ = (
        project_key(),
        UniqueConstraint("org_id", "id"),
        CheckConstraint("(ttl IS NULL) = (expires_at IS NULL)", name="ttl"),
        Index(None, "org_id", "project_id", "id"),
        Index(None, "org_id", "project_id", "agent", postgresql_where=text("agent IS NOT NULL")),
        Index("ix_threads_expiring", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
    )

    org_id: Mapped[UUID] = mapped_column(
        Uuid, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True, sort_order=-1
    )
    """Part of the key: apps may choose the ids of their threads, and two of them may choose the same one."""
    thread_metadata: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB, server_default="{}")
    agent: Mapped[str | None] = mapped_column(Text)
    """The agent that ran on it last."""
    state_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The state it is in; `None` before the first."""
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """How many states it has been in."""
    runs: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """How many runs were ever accepted on it; the next one's place in the line is one more."""
    removed_seq: Mapped[int | None] = mapped_column(BigInteger)
    """Of its runs that were removed, the place of the newest one."""
    removed_status: Mapped[str | None] = mapped_column(Text)
    """How that one ended."""
    ttl: Mapped[timedelta | None] = mapped_column(Interval)
    expires_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ThreadState(Base):
    """One state of a thread. Never changed: what follows it is another one, with this one as its parent."""

    __tablename__ = "thread_states"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "thread_id"], ["threads.org_id", "threads.id"], ondelete="CASCADE"),
        CheckConstraint("source IN ('run', 'update', 'fork', 'copy')", name="source"),
    )

    org_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    thread_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    parent_id: Mapped[UUID | None] = mapped_column(Uuid)
    run_id: Mapped[UUID | None] = mapped_column(Uuid)
    source: Mapped[str] = mapped_column(Text)
    state: Mapped[dict[str, Any]] = mapped_column(JSON)
