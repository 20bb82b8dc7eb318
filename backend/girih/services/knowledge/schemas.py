"""What callers of the knowledge service give and get."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from girih.services.knowledge.cut_rules import Context, Strategy

Status = Literal["queued", "parsing", "chunking", "embedding", "storing", "ready", "failed"]
Stage = Literal["parse", "chunk", "embed", "store", "done"]
PutAction = Literal["create", "update", "unchanged"]


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class CollectionOut(_Out):
    """A collection. `embedder_model` is unknown until its first document was embedded."""

    id: UUID
    name: str
    description: str
    embedder: str
    embedder_name: str | None
    embedder_model: str | None
    chunk_strategy: Strategy
    chunk_size: int
    chunk_overlap: int
    chunk_context: Context
    documents: int
    chunks: int
    created_at: datetime
    updated_at: datetime


class CollectionDetail(CollectionOut):
    """A collection, and how many of its documents are in each state."""

    by_status: dict[str, int]


class DocumentOut(_Out):
    """A document and how far its ingestion is.

    `done` of `total` counts within `stage`: pages while parsing, passages afterwards (`total` 0: not known yet).
    `chunks` and `pages` describe what searches find now, which is the former content until a new one is ready. `key`
    is what makes an upload a new version of this document: its name, where none was declared. `readers` may find and
    fetch it (`null`: whoever may search).
    """

    id: UUID
    collection: str
    name: str
    key: str
    size: int
    sha256: str
    media_type: str | None
    version: int
    metadata: dict[str, Any]
    readers: list[str] | None
    source_id: UUID | None
    source_ref: str | None
    status: Status
    stage: Stage
    done: int
    total: int
    reason: str | None
    chunks: int
    pages: int | None
    created_at: datetime
    updated_at: datetime
