"""What projects keep secret, and the keys of organizations that it is encrypted with."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Integer, LargeBinary, Text, UniqueConstraint, Uuid, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key


class DataKeyRow(Base):
    """A key of an organization, wrapped by the master key of that name. A retired one encrypts nothing more."""

    __tablename__ = "data_keys"

    org_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    master: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    retired_at: Mapped[datetime | None]


class Secret(ProjectOwned, Base):
    """A secret by name. `value` is sealed (see `sealing`); `version` counts how often it was set."""

    __tablename__ = "secrets"
    __table_args__ = (
        project_key(),
        UniqueConstraint("org_id", "project_id", "name"),
        CheckConstraint("value LIKE 'sealed:%'", name="sealed"),
    )

    name: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    version: Mapped[int]
    hosts: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """What it may be sent to; `None`: it was set before secrets had hosts."""
    created_by: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime] = mapped_column(server_default=func.now())
    set_by: Mapped[str] = mapped_column(Text)
    used_at: Mapped[datetime | None]
    """Roughly: it is noted once a minute at most."""
