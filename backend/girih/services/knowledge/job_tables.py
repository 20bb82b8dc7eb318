"""The jobs that bring documents in, what was embedded before, and which documents are gone."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key


class IngestJob(ProjectOwned, Base):
    """The record of one ingestion into one index: how far it is, who holds it until when, and how often it was tried.

    `fence` grows with every holder; a write that carries an older one changes nothing. `stage` is what is done, or is
    to be done next; `lane` says which workers do it. `attempts` count within the stage, `crashes` (holders that died)
    in all. `priority` 0 goes before 10, within an organization. `reused` passages had been embedded before. `revision`
    is the number of the row's last change, of all jobs' together; the database sets it.
    """

    __tablename__ = "ingest_jobs"
    __table_args__ = (
        project_key(),
        ForeignKeyConstraint(["org_id", "document_id"], ["documents.org_id", "documents.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["org_id", "index_id"], ["search_indexes.org_id", "search_indexes.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("org_id", "document_id", "generation", "index_id"),
        Index(
            "ix_ingest_jobs_waiting", "lane", "org_id", "priority", "created_at", postgresql_where="status = 'queued'"
        ),
        Index("ix_ingest_jobs_running", "org_id", "lane", postgresql_where="status = 'running'"),
        Index("ix_ingest_jobs_changes", "org_id", "index_id", "revision"),
    )

    document_id: Mapped[UUID] = mapped_column(Uuid)
    index_id: Mapped[UUID] = mapped_column(Uuid)
    generation: Mapped[int]
    status: Mapped[str] = mapped_column(Text)
    stage: Mapped[str] = mapped_column(Text)
    done: Mapped[int] = mapped_column(server_default="0")
    total: Mapped[int] = mapped_column(server_default="0")
    attempts: Mapped[int] = mapped_column(server_default="0")
    fence: Mapped[int] = mapped_column(server_default="0")
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    lane: Mapped[str] = mapped_column(Text, server_default="parse")
    priority: Mapped[int] = mapped_column(server_default="0")
    crashes: Mapped[int] = mapped_column(server_default="0")
    reused: Mapped[int] = mapped_column(server_default="0")
    stage_began: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(BigInteger, server_default=text("nextval('ingest_revisions')"))


class DocumentEnd(Base):
    """A document that was deleted a while ago, for those who follow its collection."""

    __tablename__ = "document_ends"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "collection_id"], ["collections.org_id", "collections.id"], ondelete="CASCADE"),
        Index(None, "org_id", "collection_id", "revision"),
        Index(None, "org_id", "created_at"),
    )

    org_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    document_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    collection_id: Mapped[UUID] = mapped_column(Uuid)
    name: Mapped[str] = mapped_column(Text)
    readers: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    revision: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CachedEmbedding(Base):
    """What an embedder made of a text (by its SHA-256): little-endian float32. `used_on` is when it last helped."""

    __tablename__ = "cached_embeddings"
    __table_args__ = (Index(None, "org_id", "used_on"),)

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(Text, primary_key=True)
    text_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    used_on: Mapped[date] = mapped_column(server_default=text("CURRENT_DATE"))
