"""The audit log of an organization: who did what to what, each entry sealed to the one before it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, OrgOwned


class AuditEntry(OrgOwned, Base):
    """Something that somebody did. A trigger refuses every change."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        UniqueConstraint("org_id", "number"),
        Index(None, "org_id", "action", "number"),
        Index(None, "org_id", "actor", "number"),
        Index(None, "org_id", "target", "number"),
    )

    number: Mapped[int]
    """Counts the organization's entries from 1, without a gap."""
    at: Mapped[datetime]
    project_id: Mapped[UUID | None] = mapped_column(Uuid)
    """Null for what concerns the whole organization. No foreign key: an entry outlives its project."""
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    """JSON, not JSONB: the seal is over the text of its numbers too."""
    seal: Mapped[str] = mapped_column(Text)
