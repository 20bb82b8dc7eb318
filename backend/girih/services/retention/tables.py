"""How long each project keeps what has ended, and how far that was seen to."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Float, ForeignKey, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, project_key


class RetentionPolicy(Base):
    """A project's own days, `None` where the installation's hold and 0 for ever; a project may have no row yet.

    Everything that ended up to `events_until` and `checkpoints_until` has lost its events and its checkpoints.
    """

    __tablename__ = "retention_policies"
    __table_args__ = (project_key(),)

    org_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    runs_days: Mapped[float | None] = mapped_column(Float)
    run_events_days: Mapped[float | None] = mapped_column(Float)
    checkpoints_days: Mapped[float | None] = mapped_column(Float)
    domain_events_days: Mapped[float | None] = mapped_column(Float)
    schedule_history_days: Mapped[float | None] = mapped_column(Float)
    versions_days: Mapped[float | None] = mapped_column(Float)
    yanked_days: Mapped[float | None] = mapped_column(Float)
    changed_at: Mapped[datetime | None]
    events_until: Mapped[datetime | None]
    checkpoints_until: Mapped[datetime | None]
    swept_at: Mapped[datetime | None]
    """When the sweeper was last through with the project."""
