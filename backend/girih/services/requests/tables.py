"""Requests that were made with an idempotency key, and what was answered to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Integer, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, project_key


class IdempotencyKey(Base):
    """One key of a project. Without a response the request is under way, until `held_until` at the latest."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        project_key(),
        CheckConstraint("(status IS NULL) = (response IS NULL)", name="response"),
        Index(None, "org_id", "expires_at"),
    )

    org_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    route: Mapped[str] = mapped_column(Text)
    request_hash: Mapped[str] = mapped_column(Text)
    status: Mapped[int | None] = mapped_column(Integer)
    headers: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    response: Mapped[bytes | None]
    held_until: Mapped[datetime]
    expires_at: Mapped[datetime]
