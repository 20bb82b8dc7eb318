"""What stands beside aliases: who has to agree to moves, which versions share the traffic, and what is watched."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key

WATCHING = "state = 'watching'"


def _agent_key() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["org_id", "agent_id"], ["agents.org_id", "agents.id"], ondelete="CASCADE")


def _version_key(name: str, ondelete: str | None = "CASCADE") -> ForeignKeyConstraint:
    versions = ["agent_versions.org_id", "agent_versions.agent_id", "agent_versions.id"]
    return ForeignKeyConstraint(["org_id", "agent_id", name], versions, ondelete=ondelete)


class AgentProtection(ProjectOwned, Base):
    """An alias whose moves a second person has to agree to: of one agent, or of all agents of the project."""

    __tablename__ = "agent_protections"
    __table_args__ = (
        project_key(),
        _agent_key(),
        UniqueConstraint("org_id", "project_id", "agent_id", "alias", postgresql_nulls_not_distinct=True),
    )

    agent_id: Mapped[UUID | None]
    """`None`: of every agent of the project."""
    alias: Mapped[str] = mapped_column(Text)
    protected_by: Mapped[str] = mapped_column(Text)


class AgentTarget(ProjectOwned, Base):
    """A version's share of an alias's traffic. An alias that leads to one version alone has none of these."""

    __tablename__ = "agent_targets"
    __table_args__ = (
        project_key(),
        _agent_key(),
        _version_key("version_id", None),
        CheckConstraint("weight BETWEEN 1 AND 99", name="weight"),
        UniqueConstraint("org_id", "agent_id", "alias", "version_id"),
    )

    agent_id: Mapped[UUID]
    alias: Mapped[str] = mapped_column(Text)
    version_id: Mapped[UUID]
    weight: Mapped[int] = mapped_column(Integer)
    """Percent."""


class AgentProposal(ProjectOwned, Base):
    """A move of a protected alias that somebody asked for and another one decides on."""

    __tablename__ = "agent_proposals"
    __table_args__ = (
        project_key(),
        _agent_key(),
        CheckConstraint("action IN ('set', 'split', 'remove')", name="action"),
        CheckConstraint("state IN ('open', 'approved', 'refused', 'withdrawn')", name="state"),
        CheckConstraint("state NOT IN ('approved', 'refused') OR decided_by <> proposed_by", name="second_person"),
        CheckConstraint("(state = 'open') = (decided_by IS NULL)", name="decided"),
        Index(None, "org_id", "project_id", "id"),
    )

    agent_id: Mapped[UUID]
    alias: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    wanted: Mapped[dict[str, Any]] = mapped_column(JSON)
    """`version`, `weights` by version, `guard`; each may be null."""
    base: Mapped[UUID | None]
    """The alias's last move when this was asked for: with another one since, it was asked for on another ground."""
    comment: Mapped[str | None] = mapped_column(Text)
    proposed_by: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text, server_default="open")
    decided_by: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[datetime | None]
    decision: Mapped[str | None] = mapped_column(Text)
    """What was said with the decision."""


class AgentGuard(ProjectOwned, Base):
    """What the new version of an alias may not pass, from `created_at` on, and what became of it."""

    __tablename__ = "agent_guards"
    __table_args__ = (
        project_key(),
        _agent_key(),
        _version_key("old_version_id"),
        CheckConstraint("state IN ('watching', 'rolled_back', 'passed', 'superseded')", name="state"),
        CheckConstraint("(state = 'watching') = (ended_at IS NULL)", name="ended"),
        Index(None, "org_id", "agent_id", "alias"),
        Index("ix_agent_guards_watching", "org_id", "agent_id", "alias", unique=True, postgresql_where=text(WATCHING)),
    )

    agent_id: Mapped[UUID]
    alias: Mapped[str] = mapped_column(Text)
    old_version_id: Mapped[UUID]
    """The version to go back to."""
    bounds: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(Text, server_default="watching")
    figures: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What decided."""
    checked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When a process last took it upon itself to look."""
    ended_at: Mapped[datetime | None]


class AgentRevision(ProjectOwned, Base):
    """Another number after each transaction in which a reference of the project may have come to mean something else.

    A trigger writes it, on every table that says what references mean.
    """

    __tablename__ = "agent_revisions"
    __table_args__ = (project_key(), UniqueConstraint("org_id", "project_id"))

    revision: Mapped[int] = mapped_column(BigInteger)
