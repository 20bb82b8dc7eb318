"""What the audit log takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from girih.language.spec.tree import JsonObject


class AuditEntryOut(BaseModel):
    """Something that somebody did: `action` as `key.created`, `target` its object.

    `actor` is `key:ID`, `user:ID` or `service:ID`; `operator` for who works on the database itself.
    `seal` is the SHA-256 of the entry and of the seal before it.
    """

    model_config = ConfigDict(from_attributes=True)

    number: int
    at: datetime
    project_id: UUID | None
    actor: str
    action: str
    target: str
    details: JsonObject
    seal: str


class AuditPage(BaseModel):
    """A part of the log, the newest first, and the cursor of the next part."""

    items: list[AuditEntryOut]
    next: str | None = None


class AuditVerdict(BaseModel):
    """Whether the log is as it was written: how many entries were read, and the first that does not hold."""

    holds: bool
    entries: int
    first_broken: int | None
    head: str | None
    """The seal of the last entry. Whoever keeps it elsewhere sees later whether the end of the log was cut off."""


@dataclass(frozen=True)
class AuditSearch:
    """Which entries are wanted; `None` for any."""

    actor: str | None = None
    action: str | None = None
    """A whole action, or `key.` for all that begin so."""
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None
