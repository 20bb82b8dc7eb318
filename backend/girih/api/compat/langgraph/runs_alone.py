"""Runs without a thread, many at once, and runs that are stopped together."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Body, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from girih.api.compat.langgraph import answering, run_ends, run_lists
from girih.api.compat.langgraph.frames import read_place
from girih.api.compat.langgraph.run_body import RunBody, check_unheard, check_unsaid
from girih.api.compat.langgraph.run_shapes import run_json
from girih.api.compat.langgraph.run_start import start, start_all
from girih.api.compat.langgraph.runs import Action, Canceller, Creator, Joining, LastEventId, Reader
from girih.api.deps import GuardedRoute, Wired
from girih.api.routers import Router
from girih.api.runs import Key
from girih.language.spec.tree import JsonObject

router = Router(prefix="/runs", route_class=GuardedRoute)


class StopIn(BaseModel):
    """Which runs to stop: some of a thread, or all in a state."""

    model_config = ConfigDict(extra="forbid")

    thread_id: UUID | None = None
    run_ids: Annotated[list[UUID] | None, Field(max_length=1000)] = None
    status: Literal["pending", "running", "all"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> StopIn:
        if (self.run_ids is None) == (self.status is None):
            raise ValueError("name either the `run_ids`, or a `status`")
        return self


@router.post("", operation_id="langgraph_create_run_alone")
async def create_run(girih: Wired, scope: Creator, body: RunBody, response: Response, key: Key = None) -> JsonObject:
    """Start a run that is on no thread."""
    check_unheard(body)
    begun = await start(girih, scope, None, body, key)
    response.headers.update(answering.headers_of(begun.run, "join"))
    return run_json(begun.run, body.multitask_strategy or "enqueue")


@router.post("/stream", operation_id="langgraph_stream_run_alone", response_class=Response)
async def stream_run(girih: Wired, scope: Creator, body: RunBody, request: Request, key: Key = None) -> Response:
    """Start a run that is on no thread, and stream it."""
    begun = await start(girih, scope, None, body, key)
    return await answering.streamed(girih, scope, request, begun, body)


@router.post("/wait", operation_id="langgraph_wait_run_alone", response_class=Response)
async def wait_run(girih: Wired, scope: Creator, body: RunBody, request: Request, key: Key = None) -> Response:
    """Start a run that is on no thread, and answer with its values."""
    check_unsaid(body)
    begun = await start(girih, scope, None, body, key)
    return answering.waited(girih, scope, request, begun.run, begun.after, cancels=body.on_disconnect == "cancel")


@router.post("/batch", operation_id="langgraph_create_runs")
async def create_runs(
    girih: Wired, scope: Creator, bodies: Annotated[list[RunBody], Body(min_length=1, max_length=100)]
) -> list[JsonObject]:
    """Start runs that are on no thread: all of them, or none where one does not fit."""
    return [run_json(one.run) for one in await start_all(girih, scope, bodies)]


@router.post("/cancel", operation_id="langgraph_cancel_runs", status_code=204)
async def cancel_runs(girih: Wired, scope: Canceller, body: StopIn, action: Action = "interrupt") -> None:
    """Stop runs; those that have ended stay as they are."""
    if body.run_ids is None:
        runs = await run_lists.runs_to_stop(girih, scope, body.thread_id, body.status or "all")
    else:
        runs = [await answering.found(girih, scope, body.thread_id, number) for number in body.run_ids]
    await run_ends.stop_all(girih, scope, runs, action)


@router.get("/{run_id}/stream", operation_id="langgraph_join_stream_alone", response_class=Response)
async def join_stream(
    girih: Wired,
    scope: Reader,
    run_id: UUID,
    request: Request,
    wanted: Joining,
    last_event_id: LastEventId = None,
) -> Response:
    """Stream a run that was started elsewhere."""
    run = await answering.found(girih, scope, None, run_id)
    return await answering.rejoined(girih, scope, request, run, wanted, read_place(last_event_id))
