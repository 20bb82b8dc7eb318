"""What the identity service takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from girih.db.tenancy import OrgScope

Permission = Literal[
    "agents:read",
    "agents:publish",
    "agents:approve",
    "agents:protect",
    "runs:create",
    "runs:read",
    "runs:cancel",
    "runs:answer",
    "runs:write",
    "threads:read",
    "threads:write",
    "schedules:read",
    "schedules:write",
    "interrupts:all",
    "events:publish",
    "events:read",
    "knowledge:read",
    "knowledge:write",
    "sources:read",
    "sources:write",
    "memory:read",
    "memory:write",
    "store:read",
    "store:write",
    "secrets:read",
    "secrets:write",
    "keys:manage",
    "members:read",
    "members:manage",
    "audit:read",
    "models:read",
    "models:write",
    "tools:read",
    "tools:test",
    "usage:read",
    "budgets:manage",
    "organization:manage",
    "traces:read",
    "retention:read",
    "retention:manage",
]
"""What a key may be allowed to do."""

PERMISSIONS: frozenset[str] = frozenset(get_args(Permission))
"""Every permission there is."""


class ApiKeyOut(BaseModel):
    """A key as it is listed: everything but the key."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    permissions: list[str]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To the minute; null for one that was never used."""
    replaced_by: UUID | None
    """The key that was made in its place."""
    agents: list[str] = []
    """The agents it is for, by name or as `name*`; none: all of them."""
    projects: list[str] = []
    """The projects it is for besides its own, by name."""
    networks: list[str] = []
    """Where it may come from, as CIDR; none: anywhere."""
    requests_per_minute: int | None = None
    runs_at_once: int | None = None
    service_account_id: UUID | None = None
    """The service account whose key it is; it may do no more than that."""


class NewApiKey(ApiKeyOut):
    """A key that was just made, with the key itself: it is shown this once."""

    key: str


class ProjectOut(BaseModel):
    """A project of an organization; `current`: the one the caller speaks for."""

    id: UUID
    name: str
    created_at: datetime
    current: bool


@dataclass(frozen=True)
class Bootstrap:
    """An organization and its project, and the key to them if one was made now."""

    scope: OrgScope
    api_key: str | None
