"""Data stores, what each knows of its source's items, and the syncs that keep a collection in step with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key


class DataStore(ProjectOwned, Base):
    """A source whose items become documents of one collection.

    `config` is the source's typed options as JSON and holds no secret, `state` what its loader remembers of the last
    sync that went through. Once `deleting`, its documents are being deleted, and the row goes after the last of them.
    """

    __tablename__ = "data_stores"
    __table_args__ = (
        project_key(),
        ForeignKeyConstraint(["org_id", "collection_id"], ["collections.org_id", "collections.id"], ondelete="CASCADE"),
        UniqueConstraint("org_id", "id"),
        UniqueConstraint("org_id", "project_id", "name"),
        CheckConstraint("enabled OR next_at IS NULL", name="next"),
        CheckConstraint("cron IS NOT NULL OR next_at IS NULL", name="cron"),
        Index("ix_data_stores_due", "next_at", postgresql_where=text("next_at IS NOT NULL")),
        Index(None, "org_id", "collection_id"),
    )

    collection_id: Mapped[UUID] = mapped_column(Uuid)
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    config: Mapped[dict[str, Any]]
    readers: Mapped[list[Any] | None]
    cron: Mapped[str | None] = mapped_column(Text)
    timezone: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    next_at: Mapped[datetime | None]
    most_removed: Mapped[int]
    deleting: Mapped[bool] = mapped_column(server_default=text("false"))
    state: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[str] = mapped_column(Text)


class SourceItem(Base):
    """What a data store knows of one item: `mark` and `sha256` of what was taken last, and the document it became.

    `seen_by` is the last sync that listed it: what a whole listing did not name is gone from the source.
    """

    __tablename__ = "source_items"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "store_id"], ["data_stores.org_id", "data_stores.id"], ondelete="CASCADE"),
        CheckConstraint("status IN ('ok', 'failed')", name="status"),
    )

    org_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    store_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    ref: Mapped[str] = mapped_column(Text, primary_key=True)
    mark: Mapped[str | None] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(Text)
    described: Mapped[str | None] = mapped_column(Text)
    document_id: Mapped[UUID | None] = mapped_column(Uuid)
    status: Mapped[str] = mapped_column(Text, server_default="ok")
    reason: Mapped[str | None] = mapped_column(Text)
    failures: Mapped[int] = mapped_column(server_default="0")
    seen_by: Mapped[UUID] = mapped_column(Uuid)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Sync(ProjectOwned, Base):
    """One sync of a data store: what it was asked for, how far it is, who holds it until when, and what it counted.

    `fence` grows with every holder; a write that carries an older one changes nothing. `place` is where the listing
    goes on, `due_at` the moment of the data store's clock that it stands for: one row for each.
    """

    __tablename__ = "syncs"
    __table_args__ = (
        project_key(),
        ForeignKeyConstraint(["org_id", "store_id"], ["data_stores.org_id", "data_stores.id"], ondelete="CASCADE"),
        UniqueConstraint("org_id", "id"),
        UniqueConstraint("org_id", "store_id", "due_at"),
        CheckConstraint("status IN ('queued', 'running', 'done', 'failed', 'cancelled', 'skipped')", name="status"),
        Index("uq_syncs_open", "org_id", "store_id", unique=True, postgresql_where="status IN ('queued', 'running')"),
    )

    store_id: Mapped[UUID] = mapped_column(Uuid)
    status: Mapped[str] = mapped_column(Text, server_default="queued")
    stage: Mapped[str] = mapped_column(Text, server_default="list")
    due_at: Mapped[datetime | None]
    dry_run: Mapped[bool] = mapped_column(server_default=text("false"))
    whole: Mapped[bool] = mapped_column(server_default=text("false"))
    remove_all: Mapped[bool] = mapped_column(server_default=text("false"))
    place: Mapped[str | None] = mapped_column(Text)
    found: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    listed: Mapped[int] = mapped_column(server_default="0")
    added: Mapped[int] = mapped_column(server_default="0")
    changed: Mapped[int] = mapped_column(server_default="0")
    unchanged: Mapped[int] = mapped_column(server_default="0")
    removed: Mapped[int] = mapped_column(server_default="0")
    failed: Mapped[int] = mapped_column(server_default="0")
    total: Mapped[int | None]
    """How many items the source names, as far as the listing says so before it ends."""
    revision: Mapped[int] = mapped_column(BigInteger, server_default="1")
    """Counts the changes that are told (by a trigger, see migration 0028)."""
    attempts: Mapped[int] = mapped_column(server_default="0")
    fence: Mapped[int] = mapped_column(server_default="0")
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[str] = mapped_column(Text)


class SyncChange(Base):
    """What a sync did with one item that was not as before, or would have done."""

    __tablename__ = "sync_changes"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "sync_id"], ["syncs.org_id", "syncs.id"], ondelete="CASCADE"),
        CheckConstraint("action IN ('added', 'changed', 'removed', 'failed')", name="action"),
    )

    org_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    sync_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    ref: Mapped[str] = mapped_column(Text, primary_key=True)
    action: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    document_id: Mapped[UUID | None] = mapped_column(Uuid)
