"""What doors see of domain events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from girih.language.spec.event_types import EventType
from girih.language.spec.tree import JsonObject


class EventIn(BaseModel):
    """Something that happened. The same `key` again is the same event, and is published once."""

    model_config = ConfigDict(extra="forbid")

    type: EventType
    data: JsonObject = Field(default_factory=dict)
    key: Annotated[str | None, Field(min_length=1, max_length=200)] = None


class EventOut(BaseModel):
    """A domain event; `source` says who published it: a key, or `run:ID`."""

    id: str
    type: str
    data: JsonObject
    key: str
    at: datetime
    source: str


class EventPage(BaseModel):
    """Domain events, the newest first; `next` is the cursor of the next page, `None` on the last one."""

    items: list[EventOut]
    next: str | None = None
