"""Runs made from runs: retried, continued from a checkpoint, started many at once; waited for, and labelled anew."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.runs import Creator, Key, Reader
from girih.db.tenancy import OrgScope
from girih.services.runs.replay_schemas import BatchIn, BatchOut, CheckpointList, RetryIn, RunChange
from girih.services.runs.schemas import RunIn, RunOut

router = Router(prefix="/runs", tags=["runs"], route_class=GuardedRoute)

Changer = Annotated[OrgScope, requires("runs:write")]
Timeout = Annotated[
    float, Query(alias="timeout", ge=0, le=300, description="Seconds; then the run is answered as it stands.")
]


@router.post("/batch", operation_id="create_runs")
async def create_runs(girih: Wired, scope: Creator, body: BatchIn, idempotency_key: Key = None) -> BatchOut:
    """Start up to 100 runs; each is accepted or refused on its own, in the order they are sent."""
    return await girih.runs.replays.batch(scope, body, idempotency_key)


@router.post("/wait", operation_id="run_and_wait", responses={202: {"description": "It goes on.", "model": RunOut}})
async def run_and_wait(
    girih: Wired,
    scope: Creator,
    body: RunIn,
    response: Response,
    seconds: Timeout = 60,
    idempotency_key: Key = None,
) -> RunOut:
    """Start a run and answer when it has ended or waits; with 202 if it still goes on when the time is over."""
    run = await girih.runs.replays.run_and_wait(scope, body, idempotency_key, seconds)
    response.headers["location"] = f"/v1/runs/{run.id}"
    response.status_code = 200 if run.is_settled else 202
    return run


@router.patch("/{run_id}", operation_id="change_run")
async def change_run(girih: Wired, scope: Changer, run_id: UUID, body: RunChange) -> RunOut:
    """Give a run other metadata or tags, also after its end."""
    return await girih.runs.replays.change(scope, run_id, body)


@router.post("/{run_id}/retry", operation_id="retry_run", status_code=201)
async def retry_run(girih: Wired, scope: Creator, run_id: UUID, body: RetryIn) -> RunOut:
    """A new run that goes on from the node that failed, or from a checkpoint; as another version, if one is named."""
    return await girih.runs.replays.retry(scope, run_id, body)


@router.get("/{run_id}/wait", operation_id="wait_for_run")
async def wait_for_run(girih: Wired, scope: Reader, run_id: UUID, seconds: Timeout = 60) -> RunOut:
    """The run, once it has ended or waits for an answer."""
    return await girih.runs.replays.wait(scope, run_id, seconds)


@router.get("/{run_id}/checkpoints", operation_id="list_checkpoints")
async def list_checkpoints(girih: Wired, scope: Reader, run_id: UUID) -> CheckpointList:
    """Where a run can be continued from: each checkpoint with the nodes that come next, the newest first."""
    return await girih.runs.replays.checkpoints(scope, run_id)
