"""Results of nodes that may stand in for running them again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, Text, Uuid, func
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, project_key


class CachedResult(Base):
    """One result as JSON, by the digest of all that it depends on."""

    __tablename__ = "cached_results"
    __table_args__ = (
        project_key(),
        Index(None, "org_id", "project_id", "expires_at"),
        Index(None, "org_id", "project_id", "created_at"),
    )

    org_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
