"""Schedules, and what became of each of their moments."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key


class Schedule(ProjectOwned, Base):
    """What to run, and when. `request` is the run as it is asked for each time, as JSON of `RunIn`."""

    __tablename__ = "schedules"
    __table_args__ = (
        project_key(),
        UniqueConstraint("org_id", "id"),
        UniqueConstraint("org_id", "project_id", "name"),
        CheckConstraint("overlap IN ('skip', 'allow')", name="overlap"),
        CheckConstraint("catch_up IN ('none', 'last', 'all')", name="catch_up"),
        CheckConstraint("enabled OR next_at IS NULL", name="next"),
        Index("ix_schedules_due", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    )

    name: Mapped[str] = mapped_column(Text)
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    agent: Mapped[str] = mapped_column(Text)
    cron: Mapped[str] = mapped_column(Text)
    timezone: Mapped[str] = mapped_column(Text)
    overlap: Mapped[str] = mapped_column(Text)
    catch_up: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    next_at: Mapped[datetime | None]
    end_at: Mapped[datetime | None]
    new_threads: Mapped[bool] = mapped_column(server_default=text("false"))
    schedule_metadata: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB, server_default="{}")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[str] = mapped_column(Text)


class ScheduleFiring(Base):
    """One moment of a schedule: whoever makes this row (or takes it over when its time is over) fires it."""

    __tablename__ = "schedule_firings"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "schedule_id"], ["schedules.org_id", "schedules.id"], ondelete="CASCADE"),
        CheckConstraint("outcome IN ('pending', 'started', 'skipped', 'failed')", name="outcome"),
    )

    org_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    schedule_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    due_at: Mapped[datetime] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(Text, server_default="pending")
    manual: Mapped[bool] = mapped_column(server_default=text("false"))
    held_until: Mapped[datetime]
    run_id: Mapped[UUID | None] = mapped_column(Uuid)
    error: Mapped[str | None] = mapped_column(Text)
    fired_at: Mapped[datetime] = mapped_column(server_default=func.now())
