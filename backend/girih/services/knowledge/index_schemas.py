"""What callers are told of the indexes of a collection."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from girih.language.spec.tree import JsonObject
from girih.services.knowledge.index_config import IndexStatus


class IndexProgress(BaseModel):
    """Documents that are in the index, that failed, and all there are; what is left, and how long it may take."""

    done: int
    failed: int
    total: int
    eta_seconds: int | None = Field(description="Nothing while it is not known, and when nothing is left.")


class IndexOut(BaseModel):
    """One generation of a collection's passages, all made in one way."""

    id: UUID
    number: int
    status: IndexStatus
    pipeline: str | None = Field(description="Name and version of the pipeline; nothing for the short form.")
    config: JsonObject
    embedder_model: str | None
    embedder_dims: int | None
    chunks: int
    documents: IndexProgress
    reason: str | None = Field(description="Why it failed or was cancelled.")
    created_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
