"""Collections, their indexes and documents, the jobs that bring documents in, and the passages that searches find."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, Text, UniqueConstraint, Uuid, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, OrgOwned, ProjectOwned, new_id, project_key
from girih.services.knowledge.index_config import IndexConfig, IndexStatus
from girih.services.knowledge.job_tables import IngestJob as IngestJob
from girih.services.knowledge.loose_point_tables import LoosePoint as LoosePoint
from girih.services.knowledge.passage_tables import Chunk as Chunk
from girih.services.pipelines.tables import PipelineVersion


class Collection(ProjectOwned, Base):
    """Documents that are searched together. `index_id` is the index that searches read, its active one."""

    __tablename__ = "collections"
    __table_args__ = (
        project_key(),
        UniqueConstraint("org_id", "id"),
        ForeignKeyConstraint(["org_id", "pipeline_version_id"], [PipelineVersion.org_id, PipelineVersion.id]),
        UniqueConstraint("org_id", "project_id", "name"),
        Index(None, "deleted_at", postgresql_where="deleted_at IS NOT NULL"),
    )

    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    index_id: Mapped[UUID] = mapped_column(Uuid, default=new_id)
    pipeline_version_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The version its pipeline was resolved to when it was published."""
    metadata_schema: Mapped[dict[str, Any] | None]
    """The fields that its documents may carry, as a JSON Schema; `None`: any."""
    deleted_at: Mapped[datetime | None]
    """Since when it is being removed: nothing of it is shown any more, and its name is free."""
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SearchIndex(ProjectOwned, Base):
    """One generation of a collection's passages, all made in one way: `config` (see `IndexConfig`).

    The four columns of the embedder say whose vectors these are, set by the first document and kept. `passages` and
    `words` are the number of passages and their length in all, which ranking by words needs.
    """

    __tablename__ = "search_indexes"
    __table_args__ = (
        project_key(),
        ForeignKeyConstraint(["org_id", "collection_id"], ["collections.org_id", "collections.id"], ondelete="CASCADE"),
        UniqueConstraint("org_id", "id"),
        UniqueConstraint("org_id", "collection_id", "number"),
    )

    collection_id: Mapped[UUID] = mapped_column(Uuid)
    number: Mapped[int]
    status: Mapped[IndexStatus] = mapped_column(Text)
    config: Mapped[dict[str, Any]]
    embedder_name: Mapped[str | None] = mapped_column(Text)
    embedder_model: Mapped[str | None] = mapped_column(Text)
    embedder_dims: Mapped[int | None]
    embedder_fingerprint: Mapped[str | None] = mapped_column(Text)
    passages: Mapped[int] = mapped_column(BigInteger, server_default="0")
    words: Mapped[int] = mapped_column(BigInteger, server_default="0")
    shelf: Mapped[int] = mapped_column(server_default="0")
    """Where its vectors are: 0 beside those of other indexes, else in a partition of its own, under an HNSW index."""
    numbered: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """The number that its last passage got; they are given once each."""
    bounds: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{0}")
    """Before which passages its segments of postings begin, and where the last one ends: later ones have none yet."""
    pipeline: Mapped[str | None] = mapped_column(Text)
    """Name and version of the pipeline that `config` is from."""
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it failed, in words."""
    began_at: Mapped[datetime | None]
    """When it began to be built the last time; `ended_at` is when that ended, well or not."""
    ended_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def made_by(self) -> IndexConfig:
        """How its passages are made."""
        return IndexConfig.model_validate(self.config)


class Document(ProjectOwned, Base):
    """A document by its key. `generation` counts its contents; `sha256` is the newest one's.

    `readers` are the principals who may find and fetch it (`None`: whoever may search). `source_id` and `source_ref`
    say which data store brought it, and what it is called there; without a data store, `source_ref` is the caller's.
    """

    __tablename__ = "documents"
    __table_args__ = (
        project_key(),
        ForeignKeyConstraint(["org_id", "collection_id"], ["collections.org_id", "collections.id"], ondelete="CASCADE"),
        UniqueConstraint("org_id", "id"),
        UniqueConstraint("org_id", "collection_id", "key"),
        Index(None, "org_id", "sha256"),
        Index(None, "org_id", "collection_id", "name"),
        Index(None, "org_id", "collection_id", "updated_at"),
        Index(None, "org_id", "source_id", "source_ref"),
        Index("ix_documents_with_readers", "org_id", "collection_id", postgresql_where="readers IS NOT NULL"),
    )

    collection_id: Mapped[UUID] = mapped_column(Uuid)
    key: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Text)
    generation: Mapped[int]
    status: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    passages: Mapped[int] = mapped_column(server_default="0")
    pages: Mapped[int | None]
    media_type: Mapped[str | None] = mapped_column(Text)
    # `metadata` is the declarative base's own word.
    facts: Mapped[dict[str, Any]] = mapped_column("metadata", server_default="{}")
    readers: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    source_id: Mapped[UUID | None] = mapped_column(Uuid)
    source_ref: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DocumentVersion(OrgOwned, Base):
    """One content that a document has or had: `generation` is the document's when it came."""

    __tablename__ = "document_versions"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "document_id"], ["documents.org_id", "documents.id"], ondelete="CASCADE"),
        UniqueConstraint("org_id", "document_id", "generation"),
        Index(None, "org_id", "sha256"),
    )

    document_id: Mapped[UUID] = mapped_column(Uuid)
    generation: Mapped[int]
    sha256: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column("metadata", server_default="{}")
    created_by: Mapped[str] = mapped_column(Text)


class DiscardedFile(Base):
    """A file in storage that is to be removed, if nothing needs it again: it outlives the process that gave it up."""

    __tablename__ = "discarded_files"

    org_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
