"""What callers say of documents and ask about them, and what they are told."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from girih.errors import InvalidInput
from girih.services.knowledge.schemas import DocumentOut

LONGEST_NAME = 255
MOST_FACTS = 100

Scalar: TypeAlias = str | int | float | bool | None
Facts: TypeAlias = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=100)], Scalar | list[Scalar]],
    Field(max_length=MOST_FACTS),
]
"""Metadata: names with scalars or lists of them."""
Principal: TypeAlias = Annotated[str, StringConstraints(pattern=r"^(user|group|role):[^\x00-\x1f]{1,200}$")]
Readers: TypeAlias = Annotated[list[Principal], Field(max_length=1000)]
"""Who may find and fetch a document: `user:ID`, `group:NAME`, `role:NAME`."""
SortBy = Literal[
    "name", "-name", "created_at", "-created_at", "updated_at", "-updated_at", "size", "-size"
]  # fmt: skip


@dataclass(frozen=True)
class Given:
    """What a caller says of a file. What is `None` stays as it is, or is not set where the document is new.

    `key` is what makes it the same document as before: its name, where none is declared. `readers` empty: nobody but
    those who manage documents.
    """

    name: str
    key: str | None = None
    metadata: Mapping[str, object] | None = None
    readers: list[str] | None = None
    media_type: str | None = None
    source_id: UUID | None = None
    source_ref: str | None = None


class DocumentChange(BaseModel):
    """What is to be changed; what is not given stays. `readers: null` lets whoever may search find it."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    collection: str | None = Field(default=None, description="Move it there; it is brought in anew.")
    metadata: Facts | None = None
    readers: Readers | None = None


@dataclass(frozen=True)
class DocumentFilter:
    """Which documents: all that is given has to hold. `name` is a part of the name, `metadata` a part of theirs.

    `principals` are for whom they are: without readers, or with one of these. `None`: also those that others may read.
    """

    status: str | None = None
    name: str | None = None
    key: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    source_id: UUID | None = None
    updated_since: datetime | None = None
    principals: Sequence[str] | None = None


class VersionOut(BaseModel):
    """One content that a document has or had."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    version: int = Field(description="Grows with each content; numbers may be left out.")
    current: bool
    name: str
    size: int
    sha256: str
    media_type: str | None
    metadata: dict[str, object]
    created_at: datetime
    created_by: str


class ChunkOut(BaseModel):
    """A passage as searches find it: its text and its place in the document."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    ordinal: int
    text: str
    page: int | None
    heading: list[str]
    start: int = Field(description="Where it begins in the document's text, in characters.")
    end: int
    metadata: dict[str, object]


@dataclass(frozen=True)
class Original:
    """A file as it was uploaded. `read(start, end)` gives its bytes piece by piece."""

    name: str
    size: int
    sha256: str
    media_type: str | None
    read: Callable[[int, int], AsyncIterator[bytes]]


class Deleted(BaseModel):
    """What became of many documents that were to be deleted."""

    deleted: list[UUID]
    missing: list[UUID] = Field(default_factory=list, description="Those that were not there.")
    more: bool = Field(default=False, description="Whether more fit; the same request deletes the next ones.")


class Taken(BaseModel):
    """What became of one file of many: a document, or the reason why not."""

    name: str
    document: DocumentOut | None = None
    status: int = Field(description="What its own upload would have been answered with.")
    code: str | None = None
    detail: str | None = None
    help: str | None = None


def display_name(filename: str, what: str = "name") -> str:
    """The name as people see it; it never becomes a path on disk. Raises `InvalidInput`."""
    name = unicodedata.normalize("NFC", filename).replace("\\", "/").strip().strip("/")
    if not name or len(name) > LONGEST_NAME or any(unicodedata.category(char) in ("Cc", "Cs") for char in name):
        raise InvalidInput(
            f"a document needs a {what} of 1 to {LONGEST_NAME} printable characters", help="rename the file"
        )
    return name
