"""What is shown of service accounts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from girih.services.identity.people_schemas import GrantOut


class ServiceAccountOut(BaseModel):
    """A program that has roles; `project`: the one that it is for, null for one of the whole organization."""

    id: UUID
    name: str
    project: str | None
    created_at: datetime
    suspended_at: datetime | None
    roles: list[GrantOut]
