"""The declarative base of every table, the two tables that tenant rows belong to, and the columns they share."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Every table of girih."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


def new_id() -> UUID:
    """A fresh identifier that sorts by time (UUID version 7)."""
    return uuid7()


class Identified:
    """A row with an id and the moment it was made."""

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


def unique_name(table: str, *columns: str, **options: Any) -> Index:
    """A name is given once. Partial, so that PostgreSQL takes it for nothing that foreign keys could refer to.

    Else whoever changes a name would hold up all who write rows of what is called so.
    """
    name = f"uq_{table}_{'_'.join(columns)}"
    return Index(name, *columns, unique=True, postgresql_where=text("name IS NOT NULL"), **options)


class Organization(Identified, Base):
    """A tenant: nobody outside it sees anything of it."""

    __tablename__ = "organizations"
    __table_args__ = (
        unique_name("organizations", "name"),
        Index(
            "ix_organizations_halted",
            "id",
            postgresql_where=text("(suspended_at IS NOT NULL OR deletes_at IS NOT NULL) AND deleted_at IS NULL"),
        ),
    )

    name: Mapped[str] = mapped_column(Text)
    suspended_at: Mapped[datetime | None]
    """Since when the operator lets nothing happen in it."""
    deletes_at: Mapped[datetime | None]
    """When everything of it is removed; until then its owners can take that back."""
    purging_at: Mapped[datetime | None]
    """When the removal began. From here on there is no way back; only the database's own functions write it."""
    deleted_at: Mapped[datetime | None]
    """When nothing was left of it but this row."""


class OrgOwned(Identified):
    """A row that belongs to an organization; the database guards it (see `tenancy`)."""

    org_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("organizations.id", ondelete="CASCADE"))


class Unit(OrgOwned, Base):
    """A part of an organization: a department, a team. Units form a tree; projects belong to one, or to none."""

    __tablename__ = "units"
    __table_args__ = (
        UniqueConstraint("org_id", "id"),
        unique_name("units", "org_id", "parent_id", "name", postgresql_nulls_not_distinct=True),
        ForeignKeyConstraint(["org_id", "parent_id"], ["units.org_id", "units.id"], ondelete="CASCADE"),
    )

    parent_id: Mapped[UUID | None] = mapped_column(Uuid)
    name: Mapped[str] = mapped_column(Text)
    path: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    """The units above it from the top down, and itself as the last."""


class Project(OrgOwned, Base):
    """A place for agents, runs and collections inside an organization."""

    __tablename__ = "projects"
    __table_args__ = (
        UniqueConstraint("org_id", "id"),
        unique_name("projects", "org_id", "name"),
        ForeignKeyConstraint(["org_id", "unit_id"], ["units.org_id", "units.id"]),
    )

    name: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[UUID | None] = mapped_column(Uuid)


class ProjectOwned(OrgOwned):
    """A row that belongs to a project of an organization; its `__table_args__` include a `project_key()`."""

    project_id: Mapped[UUID] = mapped_column(Uuid)


def project_key() -> ForeignKeyConstraint:
    """The foreign key of a `ProjectOwned` table: its project is one of its own organization."""
    return ForeignKeyConstraint(["org_id", "project_id"], ["projects.org_id", "projects.id"], ondelete="CASCADE")
