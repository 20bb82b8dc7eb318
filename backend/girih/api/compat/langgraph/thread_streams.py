"""Streams of threads: what all their runs do, and the event-streaming protocol with its commands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Header, Query, Request, Response

from girih.api.compat.langgraph.frames import LAST, Place
from girih.api.compat.langgraph.protocol_commands import CommandIn, obey
from girih.api.compat.langgraph.protocol_speaking import ProtocolSpeaker
from girih.api.compat.langgraph.protocol_wanted import EventsIn
from girih.api.compat.langgraph.run_shapes import listed
from girih.api.compat.langgraph.thread_places import ThreadPlace, of_number, of_text
from girih.api.compat.langgraph.thread_speaking import ThreadSpeaker
from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.sse import EventStream
from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject
from girih.services.runs.schemas import ENDED
from girih.wiring.server import Girih

router = Router(prefix="/threads/{thread_id}", route_class=GuardedRoute)

Creator = Annotated[OrgScope, requires("runs:create")]
Reader = Annotated[OrgScope, requires("runs:read")]
KINDS = ("run_modes", "lifecycle", "state_update")
JUST_NOW = timedelta(seconds=2)
"""A run may have ended before the client that started it listens: it is told all the same, if that was so lately."""
LATELY = timedelta(seconds=30)
"""The same for whoever wants to know more than how runs begin and end."""


@router.get("/stream", operation_id="langgraph_join_thread", response_class=Response)
async def join_thread(
    girih: Wired,
    scope: Reader,
    thread_id: UUID,
    request: Request,
    stream_mode: Annotated[list[str] | None, Query()] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """What the thread's runs do from now on, or after a frame."""
    kinds = _kinds(listed(stream_mode))
    await girih.runs.threads.thread(scope, thread_id)
    after = of_text(last_event_id) or await _now(girih, scope, thread_id, timedelta())
    speaker = ThreadSpeaker(kinds, after)
    source = girih.runs.views.thread_tail(scope, thread_id, max(0, after.run - 1), speaker.meet)
    return EventStream(request, source, {"location": f"/threads/{thread_id}/stream"}, speaker)


@router.post("/stream/events", operation_id="langgraph_thread_events", response_class=Response)
async def thread_events(girih: Wired, scope: Reader, thread_id: UUID, body: EventsIn, request: Request) -> Response:
    """Events of the thread's runs in the event-streaming protocol."""
    await girih.runs.threads.thread(scope, thread_id)
    lately = JUST_NOW if set(body.channels) <= {"lifecycle", "input"} else LATELY
    after = of_number(body.since) if body.since is not None else await _now(girih, scope, thread_id, lately)
    speaker = ProtocolSpeaker(body, after)
    source = girih.runs.views.thread_tail(scope, thread_id, max(0, after.run - 1), speaker.meet)
    return EventStream(request, source, speaker=speaker)


@router.post("/commands", operation_id="langgraph_thread_command")
async def thread_command(girih: Wired, scope: Creator, thread_id: UUID, body: CommandIn) -> JsonObject:
    """A command of the event-streaming protocol."""
    return await obey(girih, scope, thread_id, body)


def _kinds(given: list[str]) -> frozenset[str]:
    unknown = [kind for kind in given if kind not in KINDS]
    if unknown:
        raise InvalidInput(f"`stream_mode`: there is no mode '{unknown[0]}'", help=f"the modes are: {', '.join(KINDS)}")
    return frozenset(given or ["run_modes"])


async def _now(girih: Girih, scope: OrgScope, thread_id: UUID, lately: timedelta) -> ThreadPlace:
    """Before what the thread's run does since it was started or answered last; behind it, if it ended before that."""
    found = await girih.runs.views.last(scope, thread_id)
    if found is None:
        return ThreadPlace(0, Place(0, 0))
    run, number = found
    if run.status in ENDED and run.created_at < datetime.now(UTC) - lately:
        return ThreadPlace(number + 1, Place(0, 0))
    return ThreadPlace(number, Place(await girih.runs.views.taken_up(scope, UUID(run.id)), LAST))
