"""Schedules: runs that are started by the clock."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.db.tenancy import OrgScope
from girih.services.runs.schemas import RunOut
from girih.services.schedules.schemas import FiringList, ScheduleChange, ScheduleIn, ScheduleOut, SchedulePage

router = Router(prefix="/schedules", tags=["schedules"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("schedules:read")]
Writer = Annotated[OrgScope, requires("schedules:write")]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.post("", operation_id="create_schedule", status_code=201)
async def create_schedule(girih: Wired, scope: Writer, body: ScheduleIn, response: Response) -> ScheduleOut:
    """Have a run started at every moment of a cron expression, in a time zone."""
    schedule = await girih.schedules.create(scope, body)
    response.headers["location"] = f"/v1/schedules/{schedule.id}"
    return schedule


@router.get("", operation_id="list_schedules")
async def list_schedules(
    girih: Wired, scope: Reader, cursor: Annotated[str | None, Query(max_length=64)] = None, limit: Limit = 50
) -> SchedulePage:
    """The project's schedules, the newest first."""
    return await girih.schedules.schedules(scope, cursor=cursor, limit=limit)


@router.get("/{schedule_id}", operation_id="get_schedule")
async def get_schedule(girih: Wired, scope: Reader, schedule_id: UUID) -> ScheduleOut:
    """One schedule as it stands."""
    return await girih.schedules.schedule(scope, schedule_id)


@router.patch("/{schedule_id}", operation_id="change_schedule")
async def change_schedule(girih: Wired, scope: Writer, schedule_id: UUID, body: ScheduleChange) -> ScheduleOut:
    """Change what is given; the schedule goes on from now."""
    return await girih.schedules.change(scope, schedule_id, body)


@router.delete("/{schedule_id}", operation_id="delete_schedule", status_code=204)
async def delete_schedule(girih: Wired, scope: Writer, schedule_id: UUID) -> None:
    """Delete a schedule and its history; the runs it has started stay."""
    await girih.schedules.delete(scope, schedule_id)


@router.post("/{schedule_id}/pause", operation_id="pause_schedule")
async def pause_schedule(girih: Wired, scope: Writer, schedule_id: UUID) -> ScheduleOut:
    """Start nothing more until the schedule is resumed."""
    return await girih.schedules.enable(scope, schedule_id, enabled=False)


@router.post("/{schedule_id}/resume", operation_id="resume_schedule")
async def resume_schedule(girih: Wired, scope: Writer, schedule_id: UUID) -> ScheduleOut:
    """Go on from now; what was missed while it was paused is not made up for."""
    return await girih.schedules.enable(scope, schedule_id, enabled=True)


@router.post("/{schedule_id}/run", operation_id="run_schedule", status_code=201)
async def run_schedule(girih: Wired, scope: Writer, schedule_id: UUID) -> RunOut:
    """Start its run now, once more."""
    return await girih.schedules.run_now(scope, schedule_id)


@router.get("/{schedule_id}/history", operation_id="list_schedule_firings")
async def list_schedule_firings(girih: Wired, scope: Reader, schedule_id: UUID, limit: Limit = 50) -> FiringList:
    """What became of its newest moments, and the runs that were started."""
    return await girih.schedules.history(scope, schedule_id, limit=limit)
