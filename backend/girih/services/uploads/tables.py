"""Uploads that come in pieces: what is to become of each, and where the pieces lie that have come."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key


class Upload(ProjectOwned, Base):
    """A file on its way in: `received` of `length` bytes have come; `document_id` is what it became.

    `document` is what the caller said of it: name, key, metadata, readers, source_ref. `reason` says why it became
    nothing.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        project_key(),
        ForeignKeyConstraint(["org_id", "collection_id"], ["collections.org_id", "collections.id"], ondelete="CASCADE"),
        UniqueConstraint("org_id", "id"),
        Index(None, "expires_at"),
    )

    collection_id: Mapped[UUID] = mapped_column(Uuid)
    document: Mapped[dict[str, Any]]
    length: Mapped[int] = mapped_column(BigInteger)
    received: Mapped[int] = mapped_column(BigInteger, server_default="0")
    expires_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(Text)
    document_id: Mapped[UUID | None] = mapped_column(Uuid)
    reason: Mapped[str | None] = mapped_column(Text)


class UploadPart(Base):
    """A piece that lies in storage under `key`. One piece begins at each place: of two that come at once, one stays."""

    __tablename__ = "upload_parts"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "upload_id"], ["uploads.org_id", "uploads.id"], ondelete="CASCADE"),
    )

    org_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    upload_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    start: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(Text)
