"""Runs on threads: started, streamed, waited for, joined, cancelled, listed."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Response

from girih.api.compat.langgraph import answering, run_ends, run_lists
from girih.api.compat.langgraph.frames import read_place
from girih.api.compat.langgraph.run_body import RunBody, check_unheard, check_unsaid
from girih.api.compat.langgraph.run_shapes import listed, run_json
from girih.api.compat.langgraph.run_start import start
from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.runs import Key
from girih.db.tenancy import OrgScope
from girih.language.spec.tree import JsonObject
from girih.services.feedback.schemas import MOST_KEYS, FeedbackKey

router = Router(prefix="/threads/{thread_id}/runs", route_class=GuardedRoute)

Creator = Annotated[OrgScope, requires("runs:create")]
Reader = Annotated[OrgScope, requires("runs:read")]
Canceller = Annotated[OrgScope, requires("runs:cancel")]
Select = Annotated[list[str] | None, Query()]
FeedbackKeys = Annotated[list[FeedbackKey] | None, Query(max_length=MOST_KEYS)]
LastEventId = Annotated[str | None, Header()]
Flag = Annotated[bool, Query()]
Action = Annotated[Literal["interrupt", "rollback"], Query()]


async def wanted_of(
    stream_mode: Select = None,
    stream_subgraphs: Flag = False,
    cancel_on_disconnect: Flag = False,
    feedback_keys: FeedbackKeys = None,
    last_event_id: LastEventId = None,
) -> answering.Wanted:
    """What a client wants to be told that joins a stream."""
    return answering.Wanted.of(
        listed(stream_mode),
        goes_on=last_event_id is not None,
        subgraphs=stream_subgraphs,
        cancels=cancel_on_disconnect,
        feedback=feedback_keys or (),
    )


Joining = Annotated[answering.Wanted, Depends(wanted_of)]


@router.post("", operation_id="langgraph_create_run")
async def create_run(
    girih: Wired, scope: Creator, thread_id: UUID, body: RunBody, response: Response, key: Key = None
) -> JsonObject:
    """Start a run, or resume the thread's, and answer at once."""
    check_unheard(body)
    begun = await start(girih, scope, thread_id, body, key)
    response.headers.update(answering.headers_of(begun.run, "join"))
    return run_json(begun.run, body.multitask_strategy or "enqueue")


@router.post("/stream", operation_id="langgraph_stream_run", response_class=Response)
async def stream_run(
    girih: Wired, scope: Creator, thread_id: UUID, body: RunBody, request: Request, key: Key = None
) -> Response:
    """Start or resume a run and stream it."""
    begun = await start(girih, scope, thread_id, body, key)
    return await answering.streamed(girih, scope, request, begun, body)


@router.post("/wait", operation_id="langgraph_wait_run", response_class=Response)
async def wait_run(
    girih: Wired, scope: Creator, thread_id: UUID, body: RunBody, request: Request, key: Key = None
) -> Response:
    """Start or resume a run and answer with its values."""
    check_unsaid(body)
    begun = await start(girih, scope, thread_id, body, key)
    return answering.waited(girih, scope, request, begun.run, begun.after, cancels=body.on_disconnect == "cancel")


@router.get("", operation_id="langgraph_list_runs")
async def list_runs(
    girih: Wired,
    scope: Reader,
    thread_id: UUID,
    limit: Annotated[int, Query(ge=0, le=1000)] = 10,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    status: Literal["pending", "running", "error", "success", "timeout", "interrupted"] | None = None,
    select: Select = None,
) -> list[JsonObject]:
    """The thread's runs, the newest first."""
    runs = await run_lists.page(girih, scope, thread_id, status, limit=limit, offset=offset)
    return [run_json(run, select=listed(select), status=standing) for run, standing in runs]


@router.get("/{run_id}", operation_id="langgraph_get_run")
async def get_run(girih: Wired, scope: Reader, thread_id: UUID, run_id: UUID) -> JsonObject:
    """One run as it stands."""
    run = await answering.found(girih, scope, thread_id, run_id)
    return run_json(run, status=(await run_lists.statuses(girih, scope, [run]))[0])


@router.delete("/{run_id}", operation_id="langgraph_delete_run", status_code=204)
async def delete_run(girih: Wired, scope: Canceller, thread_id: UUID, run_id: UUID) -> None:
    """Remove a run that has ended, with all that was recorded of it."""
    run = await answering.found(girih, scope, thread_id, run_id)
    await run_ends.remove(girih, scope, run)


@router.post("/{run_id}/cancel", operation_id="langgraph_cancel_run", status_code=204)
async def cancel_run(
    girih: Wired,
    scope: Canceller,
    thread_id: UUID,
    run_id: UUID,
    wait: Flag = False,
    action: Action = "interrupt",
) -> None:
    """Stop a run: `interrupt` keeps what it did to the thread so far, `rollback` removes it."""
    run = await answering.found(girih, scope, thread_id, run_id)
    await run_ends.stop(girih, scope, run, action, wait=wait)


@router.get("/{run_id}/join", operation_id="langgraph_join_run", response_class=Response)
async def join_run(
    girih: Wired,
    scope: Reader,
    thread_id: UUID,
    run_id: UUID,
    request: Request,
    cancel_on_disconnect: Flag = False,
) -> Response:
    """The run's values, once it has ended or waits for its client."""
    run = await answering.found(girih, scope, thread_id, run_id)
    after = await answering.begun(girih, scope, run)
    return answering.waited(girih, scope, request, run, after, cancels=cancel_on_disconnect)


@router.get("/{run_id}/stream", operation_id="langgraph_join_stream", response_class=Response)
async def join_stream(
    girih: Wired,
    scope: Reader,
    thread_id: UUID,
    run_id: UUID,
    request: Request,
    wanted: Joining,
    last_event_id: LastEventId = None,
) -> Response:
    """Stream a run that was started elsewhere, or go on with a stream that broke."""
    run = await answering.found(girih, scope, thread_id, run_id)
    return await answering.rejoined(girih, scope, request, run, wanted, read_place(last_event_id))
