"""The keys to projects."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ARRAY, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key


class ApiKey(ProjectOwned, Base):
    """A key to one project. Only its SHA-256 is kept; a revoked key stays listed."""

    __tablename__ = "api_keys"
    __table_args__ = (project_key(), Index(None, "org_id", "project_id"))

    name: Mapped[str] = mapped_column(Text)
    hash: Mapped[bytes]
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_by: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
