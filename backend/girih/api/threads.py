"""Threads: made, found, edited, forked, copied; the runs on them, and every state they have been in."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.filters import SomeThreads
from girih.api.routers import Router
from girih.api.runs import Creator, Key
from girih.db.tenancy import OrgScope
from girih.services.runs.links import on_thread
from girih.services.runs.schemas import RunIn, RunOut, RunPage
from girih.services.runs.search_repository import Wanted
from girih.services.runs.thread_schemas import (
    CopyIn,
    ForkIn,
    StateIn,
    StateOut,
    StatePage,
    ThreadChange,
    ThreadIn,
    ThreadOut,
    ThreadPage,
)

router = Router(prefix="/threads", tags=["threads"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("threads:read")]
Writer = Annotated[OrgScope, requires("threads:write")]
RunReader = Annotated[OrgScope, requires("runs:read")]
Cursor = Annotated[str | None, Query(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.post("", operation_id="create_thread", status_code=201)
async def create_thread(girih: Wired, scope: Writer, body: ThreadIn, response: Response) -> ThreadOut:
    """Make a thread: what runs with its `thread_id` share under `state:`, one after the other."""
    thread = await girih.runs.threads.create(scope, body)
    response.headers["location"] = f"/v1/threads/{thread.id}"
    return thread


@router.get("", operation_id="list_threads")
async def list_threads(
    girih: Wired, scope: Reader, wanted: SomeThreads, cursor: Cursor = None, limit: Limit = 50
) -> ThreadPage:
    """The project's threads, the newest first."""
    return await girih.runs.threads.threads(scope, wanted, cursor=cursor, limit=limit)


@router.get("/{thread_id}", operation_id="get_thread")
async def get_thread(girih: Wired, scope: Reader, thread_id: UUID) -> ThreadOut:
    """One thread as it stands."""
    return await girih.runs.threads.thread(scope, thread_id)


@router.patch("/{thread_id}", operation_id="change_thread")
async def change_thread(girih: Wired, scope: Writer, thread_id: UUID, body: ThreadChange) -> ThreadOut:
    """Give a thread other metadata, or another time to live."""
    return await girih.runs.threads.change(scope, thread_id, body)


@router.delete("/{thread_id}", operation_id="delete_thread", status_code=204)
async def delete_thread(girih: Wired, scope: Writer, thread_id: UUID) -> None:
    """Delete a thread with all its states and runs; a run that is on it is stopped."""
    await girih.runs.threads.delete(scope, thread_id)


@router.get("/{thread_id}/state", operation_id="get_thread_state")
async def get_thread_state(girih: Wired, scope: Reader, thread_id: UUID, state_id: UUID | None = None) -> StateOut:
    """What the thread holds now, or what it held in an earlier state."""
    return await girih.runs.threads.state(scope, thread_id, state_id)


@router.post("/{thread_id}/state", operation_id="edit_thread_state")
async def edit_thread_state(girih: Wired, scope: Writer, thread_id: UUID, body: StateIn) -> StateOut:
    """Set values of a thread that no run is on; they have to fit the `state:` of the agent."""
    return await girih.runs.threads.edit(scope, thread_id, body)


@router.get("/{thread_id}/history", operation_id="list_thread_states")
async def list_thread_states(
    girih: Wired, scope: Reader, thread_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> StatePage:
    """Every state the thread has been in, the newest first."""
    return await girih.runs.threads.history(scope, thread_id, cursor=cursor, limit=limit)


@router.post("/{thread_id}/fork", operation_id="fork_thread", status_code=201)
async def fork_thread(girih: Wired, scope: Writer, thread_id: UUID, body: ForkIn) -> ThreadOut:
    """A new thread that begins at a state of this one, or with what a checkpoint of one of its runs holds."""
    return await girih.runs.fork_thread(scope, thread_id, body)


@router.post("/{thread_id}/copy", operation_id="copy_thread", status_code=201)
async def copy_thread(girih: Wired, scope: Writer, thread_id: UUID, body: CopyIn) -> ThreadOut:
    """A thread with all states of this one, and none of its runs."""
    return await girih.runs.threads.copy(scope, thread_id, body.metadata)


@router.post("/{thread_id}/runs", operation_id="create_thread_run", status_code=201)
async def create_thread_run(
    girih: Wired, scope: Creator, thread_id: UUID, body: RunIn, response: Response, idempotency_key: Key = None
) -> RunOut:
    """Start a run on the thread; `multitask` says what to do where another one is on it."""
    run = await girih.runs.create(scope, on_thread(body, thread_id), idempotency_key)
    response.headers["location"] = f"/v1/runs/{run.id}"
    return run


@router.get("/{thread_id}/runs", operation_id="list_thread_runs")
async def list_thread_runs(
    girih: Wired, scope: RunReader, thread_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> RunPage:
    """The runs that were accepted on the thread, the newest first."""
    await girih.runs.threads.thread(scope, thread_id)
    return await girih.runs.runs(scope, Wanted(thread_id=thread_id), cursor=cursor, limit=limit)
