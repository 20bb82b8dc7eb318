"""Runs of agents: started, listed, cancelled, and followed event by event."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Response

from girih.api.deps import GuardedRoute, Wired, require, requires
from girih.api.filters import WantedRuns
from girih.api.notices import notices
from girih.api.routers import Router
from girih.api.sse import EventStream, resume_after
from girih.db.tenancy import OrgScope
from girih.services.runs.schemas import RunIn, RunOut, RunPage, StreamIn

router = Router(prefix="/runs", tags=["runs"], route_class=GuardedRoute)

Creator = Annotated[OrgScope, requires("runs:create")]
Reader = Annotated[OrgScope, requires("runs:read")]
Canceller = Annotated[OrgScope, requires("runs:cancel")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", max_length=200, description="The same key and body give the same run, however often."
    ),
]
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "The run's events.", "content": {"text/event-stream": {}}}
}


@router.post("", operation_id="create_run", status_code=201)
async def create_run(
    girih: Wired, scope: Creator, body: RunIn, response: Response, idempotency_key: Key = None
) -> RunOut:
    """Start a run. It is recorded before the answer, and goes on whether or not anybody follows it."""
    run = await girih.runs.create(scope, body, idempotency_key)
    response.headers.update({"location": f"/v1/runs/{run.id}"} | notices(run))
    return run


@router.post("/stream", operation_id="stream_run", response_class=Response, responses=STREAM)
async def stream_run(
    girih: Wired, scope: Creator, body: StreamIn, request: Request, idempotency_key: Key = None
) -> Response:
    """Start a run and follow its events. A stream that broke is resumed at the run's `events`."""
    run = await girih.runs.create(scope, body, idempotency_key)
    leaving = partial(girih.runs.cancel, scope, run.id) if body.on_disconnect == "cancel" else None
    where = {"location": f"/v1/runs/{run.id}"} | notices(run)
    return EventStream(request, girih.runs.tail(scope, run.id), where, on_leave=leaving)


@router.get("", operation_id="list_runs")
async def list_runs(
    girih: Wired,
    scope: Reader,
    wanted: WantedRuns,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RunPage:
    """The project's runs, the newest first."""
    return await girih.runs.runs(scope, wanted, cursor=cursor, limit=limit)


@router.get("/{run_id}", operation_id="get_run")
async def get_run(girih: Wired, scope: Reader, run_id: UUID) -> RunOut:
    """One run as it stands."""
    return await girih.runs.run(scope, run_id)


@router.post("/{run_id}/cancel", operation_id="cancel_run")
async def cancel_run(girih: Wired, scope: Canceller, run_id: UUID) -> RunOut:
    """Stop a run."""
    return await girih.runs.cancel(scope, run_id)


@router.get("/{run_id}/events", operation_id="follow_run", response_class=Response, responses=STREAM)
async def follow_run(
    girih: Wired,
    scope: Reader,
    run_id: UUID,
    request: Request,
    after: Annotated[int, Depends(resume_after)],
    cancel_on_disconnect: Annotated[bool, Query(description="Stop the run when this client leaves.")] = False,
) -> Response:
    """A run's events after the last one that arrived, to its end; also for those who join when it has ended."""
    if cancel_on_disconnect:
        require(scope, "runs:cancel")
    tail = girih.runs.tail(scope, run_id, after)
    await tail.open()
    leaving = partial(girih.runs.cancel, scope, run_id) if cancel_on_disconnect else None
    return EventStream(request, tail, on_leave=leaving)
