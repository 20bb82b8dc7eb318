"""Organizations, their projects, and the keys to them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ARRAY, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, Identified, OrgOwned, ProjectOwned, project_key


class Organization(Identified, Base):
    """A tenant: nobody outside it sees anything of it."""

    __tablename__ = "organizations"
    __table_args__ = (UniqueConstraint("name"),)

    name: Mapped[str] = mapped_column(Text)


class Project(OrgOwned, Base):
    """A place for agents, runs and collections inside an organization."""

    __tablename__ = "projects"
    __table_args__ = (UniqueConstraint("org_id", "id"), UniqueConstraint("org_id", "name"))

    name: Mapped[str] = mapped_column(Text)


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
