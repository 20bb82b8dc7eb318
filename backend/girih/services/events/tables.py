"""Domain events: what happened in a project, published by runs and by apps."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key


class DomainEvent(ProjectOwned, Base):
    """One thing that happened. `key` makes publishing it twice the same as once; `source` says who did."""

    __tablename__ = "domain_events"
    __table_args__ = (
        project_key(),
        UniqueConstraint("org_id", "project_id", "key"),
        Index(None, "org_id", "project_id", "type", "at"),
        Index(None, "org_id", "project_id", "at"),
    )

    type: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    source: Mapped[str] = mapped_column(Text)
