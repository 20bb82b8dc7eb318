"""What people said of versions, and the texts that specs were published from."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key


class VersionMark(ProjectOwned, Base):
    """A version was deprecated, yanked or restored; the newest mark holds. A trigger refuses every change."""

    __tablename__ = "version_marks"
    __table_args__ = (
        project_key(),
        ForeignKeyConstraint(
            ["org_id", "agent_id", "version_id"],
            ["agent_versions.org_id", "agent_versions.agent_id", "agent_versions.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("mark IN ('deprecated', 'yanked', 'restored')", name="mark"),
        Index(None, "org_id", "version_id", "created_at", "id"),
        Index(None, "org_id", "project_id"),
    )

    agent_id: Mapped[UUID]
    version_id: Mapped[UUID]
    mark: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    replaced_by: Mapped[str | None] = mapped_column(Text)
    """The reference that callers should use instead."""
    actor: Mapped[str] = mapped_column(Text)


class SpecText(ProjectOwned, Base):
    """The text that a spec was applied with last, for each of its digests, and who applied it."""

    __tablename__ = "spec_texts"
    __table_args__ = (
        project_key(),
        UniqueConstraint("org_id", "project_id", "kind", "name", "digest"),
    )

    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    files: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The texts of the other files that the spec names, its prompts, by path."""
    actor: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
