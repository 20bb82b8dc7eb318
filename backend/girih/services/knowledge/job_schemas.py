"""What callers are told of ingestion jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from girih.services.knowledge.schemas import Stage

JobStatus = Literal["queued", "running", "done", "failed", "cancelled", "superseded"]
"""`superseded`: newer content of the document came before it was done."""


class JobOut(BaseModel):
    """The ingestion of one version of a document into one index of its collection.

    `done` of `total` counts passages, from the stage `embed` on; `reused` of them had been embedded before. `attempts`
    counts within the stage. `waits_for` says in a sentence what has to happen next, while it is not done.
    `eta_seconds` is an estimate, where there is something to go by.
    """

    model_config = ConfigDict(frozen=True)

    id: UUID
    document_id: UUID
    document: str
    collection: str
    version: int
    index: int
    status: JobStatus
    stage: Stage
    done: int
    total: int
    reused: int
    eta_seconds: float | None
    attempts: int
    priority: int
    reason: str | None
    waits_for: str | None
    created_at: datetime
    updated_at: datetime


class Retried(BaseModel):
    """How many documents are tried again; `more` failed ones are left for the next call."""

    model_config = ConfigDict(frozen=True)

    retried: int
    more: bool
