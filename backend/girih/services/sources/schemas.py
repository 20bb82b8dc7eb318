"""What doors see of data stores and their syncs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from girih.providers.loaders.options import Source
from girih.services.knowledge.document_schemas import Readers

SyncStatus = Literal["queued", "running", "done", "failed", "cancelled", "skipped"]
Action = Literal["added", "changed", "removed", "failed"]
Cron = Annotated[str, Field(min_length=9, max_length=200)]
Zone = Annotated[str, Field(min_length=1, max_length=80)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")]
Share = Annotated[int, Field(ge=0, le=100)]

MOST_REMOVED = 30


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class DataStoreIn(_In):
    """A source, the collection that follows it, and when. Without `cron` it is synced when somebody asks for it."""

    name: Name
    collection: Annotated[str, Field(min_length=1, max_length=200)]
    source: Source
    cron: Cron | None = None
    timezone: Zone = "UTC"
    enabled: bool = True
    readers: Readers | None = Field(default=None, description="Who may find its documents; `null`: whoever may search.")
    most_removed: Share = Field(
        default=MOST_REMOVED,
        description="The largest share of its documents, in percent, that one sync removes without being told to.",
    )


class DataStoreChange(_In):
    """What is to be changed; what is not given stays. With another `source` the next sync looks at everything."""

    name: Name | None = None
    source: Source | None = None
    cron: Cron | None = None
    timezone: Zone | None = None
    enabled: bool | None = None
    readers: Readers | None = None
    most_removed: Share | None = None


class DataStoreOut(_Out):
    """A data store as it stands."""

    id: UUID
    name: str
    collection: str
    source: dict[str, Any]
    cron: str | None
    timezone: str
    enabled: bool
    readers: list[str] | None
    most_removed: int
    next_at: datetime | None
    deleting: bool = Field(description="Whether its documents are being deleted; it goes with the last of them.")
    items: int = Field(description="Things of the source that are documents now.")
    failed_items: int = Field(description="Things that could not be taken when they were last looked at.")
    created_at: datetime
    updated_at: datetime
    created_by: str


class DataStorePage(_Out):
    """Data stores, the newest first."""

    items: list[DataStoreOut]
    next: str | None = None


class SyncIn(_In):
    """How to sync."""

    dry_run: bool = Field(default=False, description="Only say what would be added, changed and removed.")
    whole: bool = Field(
        default=False, description="Look at everything, also where the source can say what is new: shows deletions."
    )
    remove_all: bool = Field(default=False, description="Remove what is gone, however much it is.")


class SyncOut(_Out):
    """One sync: what it was asked for, how far it is, and what it counted."""

    id: UUID
    data_store_id: UUID
    status: SyncStatus
    stage: Literal["list", "remove", "done"]
    dry_run: bool
    whole: bool
    remove_all: bool
    due_at: datetime | None = Field(description="The moment of the clock that it stands for; `null`: asked for.")
    listed: int
    added: int
    changed: int
    unchanged: int
    removed: int
    failed: int
    total: int | None = Field(description="What the source names in all, where that is known.")
    eta_seconds: float | None = Field(description="How long the rest of it may take, where `total` is known.")
    attempts: int
    reason: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    created_by: str


class SyncPage(_Out):
    """Syncs of a data store, the newest first."""

    items: list[SyncOut]
    next: str | None = None


class SyncChangeOut(_Out):
    """What a sync did with one thing that was not as before, or would have done."""

    ref: str
    action: Action
    reason: str | None
    document_id: UUID | None


class SyncChangePage(_Out):
    """Changes, in the order of their `ref`."""

    items: list[SyncChangeOut]
    next: str | None = None


class ItemOut(_Out):
    """What a data store knows of one thing of its source."""

    ref: str
    status: Literal["ok", "failed"]
    reason: str | None
    failures: int = Field(description="How often in a row it could not be taken.")
    document_id: UUID | None
    updated_at: datetime


class ItemPage(_Out):
    """Items, in the order of their `ref`."""

    items: list[ItemOut]
    next: str | None = None


class SeenItem(_Out):
    """A thing that a source names."""

    ref: str
    name: str
    size: int | None


class TrialOut(_Out):
    """Whether a source can be listed, and the first things it names."""

    ok: bool
    reason: str | None = None
    help: str | None = None
    items: list[SeenItem] = []
