"""Domain events: published to whatever waits for them, and listed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.db.tenancy import OrgScope
from girih.services.events.schemas import EventIn, EventOut, EventPage

router = Router(prefix="/events", tags=["events"], route_class=GuardedRoute)


@router.post("", operation_id="publish_event", status_code=201)
async def publish_event(
    girih: Wired, scope: Annotated[OrgScope, requires("events:publish")], body: EventIn
) -> EventOut:
    """Publish a domain event; runs of the project that wait for one like it go on. Once for each `key`."""
    return await girih.events.publish(scope, body.type, body.data, key=body.key)


@router.get("", operation_id="list_events")
async def list_events(
    girih: Wired,
    scope: Annotated[OrgScope, requires("events:read")],
    type: Annotated[str | None, Query(max_length=100)] = None,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> EventPage:
    """The project's domain events, the newest first."""
    return await girih.events.events(scope, type=type, cursor=cursor, limit=limit)
