"""Pipelines by name, and their versions, which never change."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKeyConstraint, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key


class Pipeline(ProjectOwned, Base):
    """A published pipeline, by name."""

    __tablename__ = "pipelines"
    __table_args__ = (
        project_key(),
        UniqueConstraint("org_id", "id"),
        UniqueConstraint("org_id", "project_id", "name"),
    )

    name: Mapped[str] = mapped_column(Text)
    retired_at: Mapped[datetime | None]
    """Since when nobody finds it by its name; see `Agent.retired_at`."""


class PipelineVersion(ProjectOwned, Base):
    """One version: the whole `pipeline/v1` document, defaults filled in. A trigger refuses every change."""

    __tablename__ = "pipeline_versions"
    __table_args__ = (
        project_key(),
        ForeignKeyConstraint(["org_id", "pipeline_id"], ["pipelines.org_id", "pipelines.id"], ondelete="CASCADE"),
        UniqueConstraint("org_id", "id"),
        UniqueConstraint("org_id", "pipeline_id", "number"),
        UniqueConstraint("org_id", "pipeline_id", "version"),
    )

    pipeline_id: Mapped[UUID]
    number: Mapped[int]
    """Counts the pipeline's versions from 1."""
    version: Mapped[str] = mapped_column(Text)
    """The semantic version, `1.2.0`."""
    digest: Mapped[str] = mapped_column(Text)
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    path: Mapped[str] = mapped_column(Text)
    commit: Mapped[str | None] = mapped_column(Text)
    """See `AgentVersion.commit`, and so on."""
    dirty: Mapped[bool | None]
    message: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
