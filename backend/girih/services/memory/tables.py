"""What is remembered across runs, with the vectors it is found by."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key


class MemoryEntry(ProjectOwned, Base):
    """A text under a key of a namespace. `subject` is the user it is about, none for what a project shares.

    `fingerprint` is the embedder's that made `embedding`: vectors of different ones are never compared.
    """

    __tablename__ = "memories"
    __table_args__ = (
        project_key(),
        UniqueConstraint("org_id", "project_id", "namespace", "key"),
        Index(None, "org_id", "project_id", "subject"),
        Index(None, "org_id", "project_id", "expires_at"),
    )

    namespace: Mapped[str] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]]
    fingerprint: Mapped[str] = mapped_column(Text)
    embedding: Mapped[Any] = mapped_column(VECTOR())
    updated_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
