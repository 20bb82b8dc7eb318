"""Passages in tables by what reads them: their text, their vectors, and the words that they hold."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, OrgOwned


class Chunk(OrgOwned, Base):
    """A passage: its text and its place in the document.

    With a row here a trigger deletes all that the other tables hold of the passage, and counts its index down.
    """

    __tablename__ = "chunks"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "document_id"], ["documents.org_id", "documents.id"], ondelete="CASCADE"),
        # At the end of each statement: passages change places.
        UniqueConstraint("org_id", "index_id", "document_id", "ordinal", deferrable=True),
        Index(None, "org_id", "document_id"),
    )

    index_id: Mapped[UUID] = mapped_column(Uuid)
    document_id: Mapped[UUID] = mapped_column(Uuid)
    ordinal: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    page: Mapped[int | None]
    heading: Mapped[list[Any]]
    start: Mapped[int]
    end: Mapped[int]
    notes: Mapped[dict[str, Any] | None]
    """What enrichers added: `title`, `summary`, `questions`."""


class ChunkVector(Base):
    """A passage's vector. `shelf` is the partition: 0 for all small indexes, for a large one a number of its own."""

    __tablename__ = "chunk_vectors"
    __table_args__ = ({"postgresql_partition_by": "LIST (shelf)"},)

    org_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    index_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    chunk_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    shelf: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    embedding: Mapped[Any] = mapped_column(HALFVEC())


class ChunkWords(Base):
    """How long a passage is, and which terms it holds: what has to be taken out of the postings with it."""

    __tablename__ = "chunk_words"

    org_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    chunk_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    words: Mapped[int]
    terms: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))


class ChunkTerm(Base):
    """A word of an index, as a number: postings stay small. `df` is how many of its passages hold the word."""

    __tablename__ = "chunk_terms"
    __table_args__ = (UniqueConstraint("org_id", "id"), UniqueConstraint("org_id", "index_id", "term"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("organizations.id", ondelete="CASCADE"))
    index_id: Mapped[UUID] = mapped_column(Uuid)
    term: Mapped[str] = mapped_column(Text)
    df: Mapped[int] = mapped_column(BigInteger)


class ChunkPosting(Base):
    """That a passage holds a word, how often, and how long the passage is.

    Found by equality alone: under row-level security an index over `tsvector` would not be used, because its operator
    might leak other rows' words.
    """

    __tablename__ = "chunk_postings"

    org_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    term_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    chunk_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    count: Mapped[int]
    words: Mapped[int]
