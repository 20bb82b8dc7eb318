"""What webhooks are told, and the secret each project's are signed with."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Integer, Text, Uuid, func, text
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key


class WebhookDelivery(ProjectOwned, Base):
    """One message about a run, written by the database when the run ends or begins to wait. It outlives the run.

    `run` is the run's row at that moment, until `body` is made of it; `tries` counts who took the delivery, and
    whoever did says with that number what became of it. A try that was taken is free again at `next_at`.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        project_key(),
        CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state"),
        CheckConstraint("(state = 'pending') = (done_at IS NULL)", name="done"),
        Index(None, "org_id", "run_id"),
        Index("ix_webhook_deliveries_due", "next_at", postgresql_where=text("state = 'pending'")),
        Index("ix_webhook_deliveries_done", "done_at", postgresql_where=text("done_at IS NOT NULL")),
    )

    run_id: Mapped[UUID] = mapped_column(Uuid)
    url: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    run: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    body: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="pending")
    tries: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_status: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str | None] = mapped_column(Text)
    done_at: Mapped[datetime | None]


class WebhookSecret(Base):
    """What a project's deliveries are signed with; `before` was, and still is until `before_until`."""

    __tablename__ = "webhook_secrets"
    __table_args__ = (project_key(),)

    org_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    secret: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
    before: Mapped[str | None] = mapped_column(Text)
    before_until: Mapped[datetime | None]
