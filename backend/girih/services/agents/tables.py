"""Agents, their versions, which never change, and the aliases that point at one of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint, false, func
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, OrgOwned, ProjectOwned, project_key
from girih.services.agents.alias_tables import AgentGuard as AgentGuard


class Agent(ProjectOwned, Base):
    """A published graph, by name."""

    __tablename__ = "agents"
    __table_args__ = (
        project_key(),
        UniqueConstraint("org_id", "id"),
        UniqueConstraint("org_id", "project_id", "name"),
    )

    name: Mapped[str] = mapped_column(Text)
    retired_at: Mapped[datetime | None]
    """Since when nobody finds it by its name: its runs go on, and who applies the name again finds all of it."""


class AgentVersion(ProjectOwned, Base):
    """One version: the plan that runs and the text it came from. A trigger refuses every change."""

    __tablename__ = "agent_versions"
    __table_args__ = (
        project_key(),
        ForeignKeyConstraint(["org_id", "agent_id"], ["agents.org_id", "agents.id"], ondelete="CASCADE"),
        UniqueConstraint("org_id", "id"),
        UniqueConstraint("org_id", "agent_id", "id"),
        UniqueConstraint("org_id", "agent_id", "number"),
        UniqueConstraint("org_id", "agent_id", "version"),
        Index(None, "org_id", "project_id", "digest"),
    )

    agent_id: Mapped[UUID]
    number: Mapped[int]
    """Counts the agent's versions from 1."""
    version: Mapped[str] = mapped_column(Text)
    """The semantic version, `1.2.0`."""
    digest: Mapped[str] = mapped_column(Text)
    plan: Mapped[dict[str, Any]] = mapped_column(JSON)
    """JSON, not JSONB: the order of an output schema's properties is the order a model writes them in."""
    path: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    lock: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """What every reference was resolved to; see `LockOut`. `None` for what was published before there were locks."""
    commit: Mapped[str | None] = mapped_column(Text)
    """The commit that whoever published it had in their folder, if they said so."""
    dirty: Mapped[bool | None]
    """Whether that folder held changes beside the commit."""
    message: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What its tests said when it was published; `None` for what was published before there were reports."""
    forced: Mapped[bool] = mapped_column(server_default=false())
    """Whether it was published although a test failed."""
    signature: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Of the server that published it first: `alg`, `kid` and `value`."""
    imported: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """By whom and when it was brought here in a bundle, and whose signature held: `by`, `at` and `signer`."""
    collected_at: Mapped[datetime | None]
    """When its plan and its text were removed: nothing referred to it. Its number and its digest stay taken."""


class AgentAlias(ProjectOwned, Base):
    """A name for one version of an agent, such as `latest` or `prod`."""

    __tablename__ = "agent_aliases"
    __table_args__ = (
        project_key(),
        ForeignKeyConstraint(
            ["org_id", "agent_id", "version_id"],
            ["agent_versions.org_id", "agent_versions.agent_id", "agent_versions.id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("org_id", "agent_id", "alias"),
    )

    agent_id: Mapped[UUID]
    alias: Mapped[str] = mapped_column(Text)
    version_id: Mapped[UUID]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AgentMove(ProjectOwned, Base):
    """Where an alias was led, by whom and when. A trigger refuses every change."""

    __tablename__ = "agent_moves"
    __table_args__ = (
        project_key(),
        ForeignKeyConstraint(
            ["org_id", "agent_id", "version_id"],
            ["agent_versions.org_id", "agent_versions.agent_id", "agent_versions.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(["org_id", "agent_id"], ["agents.org_id", "agents.id"], ondelete="CASCADE"),
        Index(None, "org_id", "agent_id", "alias", "created_at"),
    )

    agent_id: Mapped[UUID]
    alias: Mapped[str] = mapped_column(Text)
    version_id: Mapped[UUID | None]
    """`None`: the alias was removed."""
    reason: Mapped[str] = mapped_column(Text)
    """See `MoveOut`."""
    actor: Mapped[str] = mapped_column(Text)
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What belongs to it: `weights`, `guard`, `figures`, and `proposed_by` where another one approved it."""


class SigningKey(OrgOwned, Base):
    """A public key that versions of the organization are signed with, kept for good. A trigger refuses every change."""

    __tablename__ = "signing_keys"
    __table_args__ = (
        UniqueConstraint("org_id", "kid"),
        CheckConstraint("origin IN ('own', 'imported')", name="origin"),
    )

    kid: Mapped[str] = mapped_column(Text)
    """The thumbprint of the key."""
    x: Mapped[str] = mapped_column(Text)
    """The key itself, as a JWK has it."""
    origin: Mapped[str] = mapped_column(Text)
    """`own`, or `imported` with a bundle whose signer was trusted."""
