"""What apps keep by namespace and key, with the vectors it is found by."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Interval, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key


class StoreItem(ProjectOwned, Base):
    """A JSON object under a key of a namespace, which is a list of labels."""

    __tablename__ = "store_items"
    __table_args__ = (
        project_key(),
        UniqueConstraint("org_id", "id"),
        UniqueConstraint("org_id", "project_id", "namespace", "key"),
        CheckConstraint("(ttl IS NULL) = (expires_at IS NULL)", name="ttl"),
        Index(None, "org_id", "project_id", "expires_at"),
        Index(None, "org_id", "project_id", "updated_at"),
    )

    namespace: Mapped[list[str]] = mapped_column(ARRAY(Text))
    key: Mapped[str] = mapped_column(Text)
    value: Mapped[dict[str, Any]]
    ttl: Mapped[timedelta | None] = mapped_column(Interval)
    updated_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class StoreVector(Base):
    """The vector of one text of an item; `path` is where in the item it stands.

    `fingerprint` is the embedder's that made it: vectors of different ones are never compared.
    """

    __tablename__ = "store_vectors"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "item_id"], ["store_items.org_id", "store_items.id"], ondelete="CASCADE"),
    )

    org_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    item_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    path: Mapped[str] = mapped_column(Text, primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(Text)
    embedding: Mapped[Any] = mapped_column(VECTOR())
