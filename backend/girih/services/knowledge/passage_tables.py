"""Passages in tables by what reads them: their text, their vectors, and the words that they hold."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKeyConstraint,
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
    """A passage's words as numbers, sorted, each with how often it stands there (see `postings`).

    `number` counts the passages that an index ever got. `words` is the passage's length.
    """

    __tablename__ = "chunk_words"
    __table_args__ = (UniqueConstraint("org_id", "index_id", "number"),)

    org_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    chunk_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    index_id: Mapped[UUID] = mapped_column(Uuid)
    number: Mapped[int] = mapped_column(BigInteger)
    words: Mapped[int]
    terms: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))


class ChunkPostings(Base):
    """The passages of a segment that hold a word: `df` entries, each a passage's number, its count and its length.

    A segment is called by the number before its first passage. Words are found by equality alone: under row-level
    security an index over `tsvector` would not be used, because its operator might leak other rows' words.
    """

    __tablename__ = "chunk_postings"

    org_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    index_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    segment: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    term: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    df: Mapped[int]
    entries: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
