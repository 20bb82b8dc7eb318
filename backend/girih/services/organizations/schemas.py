"""What the services of organizations take and give."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class UnitOut(BaseModel):
    """A unit; `path` are the names from the top down to its own."""

    id: UUID
    name: str
    parent: UUID | None
    path: list[str]
    created_at: datetime


class OrganizationOut(BaseModel):
    """An organization, and whether anything may happen in it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    created_at: datetime
    suspended_at: datetime | None
    """Since when its operator lets nothing happen in it."""
    deletes_at: datetime | None
    """When it is removed with everything in it."""


class TransferOut(BaseModel):
    """An owner's offer to make somebody else the owner in his place."""

    id: UUID
    organization: str
    organization_id: UUID
    from_id: UUID
    to_id: UUID
    created_at: datetime
    expires_at: datetime


class ExportOut(BaseModel):
    """An archive of everything that an organization has."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    status: Literal["queued", "running", "ready", "failed", "expired"]
    created_at: datetime
    created_by: str
    finished_at: datetime | None
    expires_at: datetime | None
    size: int | None
    """Bytes of the archive."""
    sha256: str | None


@dataclass(frozen=True)
class Purged:
    """What was removed of an organization: rows by table."""

    rows: dict[str, int]
