"""What callers of the pipeline service get."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pydantic import BaseModel

from girih.language.spec.tree import JsonObject
from girih.services.registry.schemas import Action


@dataclass(frozen=True)
class Put:
    """What publishing did to a pipeline, and which version it has now."""

    action: Action
    version: str


@dataclass(frozen=True)
class LockedPipeline:
    """What a reference means right now: one version, and its document."""

    version_id: UUID
    name: str
    version: str
    document: JsonObject

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class UsedPipeline(NamedTuple):
    """The version of a pipeline that a collection was published with; `model` is the one that its enricher names."""

    name: str
    version: str
    digest: str
    model: str | None


class PipelineOut(BaseModel):
    """A pipeline as it is listed; everything but `created_at` is the newest version's."""

    name: str
    title: str | None
    description: str | None
    version: str
    number: int
    """Counts the pipeline's versions from 1."""
    digest: str
    created_at: datetime
    updated_at: datetime


class PipelineVersionOut(BaseModel):
    """One version of a pipeline; `number` counts them from 1."""

    version: str
    number: int
    digest: str
    document: JsonObject
    """All of it, defaults filled in."""
    path: str
    commit: str | None
    dirty: bool | None
    message: str | None
    created_by: str
    created_at: datetime
