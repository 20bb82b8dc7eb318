"""The models and tools of a project: the current document of each, by name; and what models are bound to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Integer, Text, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key


class Registered(ProjectOwned):
    """A document under its name. JSON, not JSONB: the order of its keys is the author's."""

    name: Mapped[str] = mapped_column(Text)
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Model(Registered, Base):
    """A logical model (`model/v1`)."""

    __tablename__ = "models"
    __table_args__ = (project_key(), UniqueConstraint("org_id", "project_id", "name"))


class Tool(Registered, Base):
    """A tool (`tool/v1`)."""

    __tablename__ = "tools"
    __table_args__ = (project_key(), UniqueConstraint("org_id", "project_id", "name"))


class BindingRevision(ProjectOwned, Base):
    """What a logical model was bound to from then on, by whom. A trigger refuses every change; the highest counts."""

    __tablename__ = "model_bindings"
    __table_args__ = (project_key(), UniqueConstraint("org_id", "project_id", "name", "revision"))

    name: Mapped[str] = mapped_column(Text)
    revision: Mapped[int] = mapped_column(Integer)
    """Counts the revisions of the model's binding from 1."""
    binding: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """`None`: the binding was taken away."""
    origin: Mapped[str | None] = mapped_column(Text)
    """Scheme, host and port that the key was bound for; `None` where no key was."""
    digest: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
