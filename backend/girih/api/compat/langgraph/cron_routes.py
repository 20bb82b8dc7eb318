"""The routes of crons: schedules by another name."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Response

from girih.api.compat.langgraph.assistants import agent_of, name_of
from girih.api.compat.langgraph.cron_bodies import (
    CRON_FIELDS,
    CronCreate,
    CronFilter,
    CronsWanted,
    CronUpdate,
    change_of,
    cron_json,
    schedule_in,
    search_of,
)
from girih.api.compat.langgraph.shaping import paged, require_fields, selected
from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.db.tenancy import OrgScope
from girih.language.spec.tree import JsonObject
from girih.services.schedules.search_repository import ScheduleSearch
from girih.wiring.server import Girih

router = Router(route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("schedules:read")]
Writer = Annotated[OrgScope, requires("schedules:write")]


@router.post("/runs/crons", operation_id="langgraph_create_cron")
async def create(girih: Wired, scope: Writer, body: CronCreate) -> JsonObject:
    """A cron whose runs have no thread, or with `on_run_completed: keep` one each."""
    agent = await agent_of(girih, scope, body.assistant_id)
    return cron_json(await girih.schedules.create(scope, schedule_in(agent, body, None)))


@router.post("/threads/{thread_id}/runs/crons", operation_id="langgraph_create_thread_cron")
async def create_for_thread(girih: Wired, scope: Writer, thread_id: UUID, body: CronCreate) -> JsonObject:
    """A cron whose runs are on one thread."""
    agent = await agent_of(girih, scope, body.assistant_id)
    await girih.runs.threads.thread(scope, thread_id)
    return cron_json(await girih.schedules.create(scope, schedule_in(agent, body, thread_id)))


@router.post("/runs/crons/search", operation_id="langgraph_search_crons")
async def search(girih: Wired, scope: Reader, body: CronsWanted, response: Response) -> list[JsonObject]:
    """The project's crons that fit."""
    require_fields(body.select or [], CRON_FIELDS)
    wanted = await _wanted(girih, scope, body)
    found = await girih.schedules.search(scope, wanted) if wanted is not None else []
    total = await girih.schedules.count(scope, wanted) if wanted is not None else 0
    paged(response, found, offset=body.offset, total=total)
    return selected([cron_json(one) for one in found], body.select)


@router.post("/runs/crons/count", operation_id="langgraph_count_crons")
async def count(girih: Wired, scope: Reader, body: CronFilter) -> int:
    """How many of the project's crons fit."""
    wanted = await _wanted(girih, scope, body)
    return await girih.schedules.count(scope, wanted) if wanted is not None else 0


@router.patch("/runs/crons/{cron_id}", operation_id="langgraph_update_cron")
async def update(girih: Wired, scope: Writer, cron_id: UUID, body: CronUpdate) -> JsonObject:
    """Change what is given; the cron goes on from now."""
    known = await girih.schedules.schedule(scope, cron_id)
    agent = await agent_of(girih, scope, known.run.agent)
    changed = await girih.schedules.change(scope, cron_id, change_of(agent, body, known))
    if body.enabled is not None:
        changed = await girih.schedules.enable(scope, cron_id, enabled=body.enabled)
    return cron_json(changed)


@router.delete("/runs/crons/{cron_id}", operation_id="langgraph_delete_cron", status_code=204)
async def delete(girih: Wired, scope: Writer, cron_id: UUID) -> None:
    """Delete a cron; the runs it has started stay."""
    await girih.schedules.delete(scope, cron_id)


async def _wanted(girih: Girih, scope: OrgScope, body: CronFilter) -> ScheduleSearch | None:
    """What to look for; `None` where the assistant is none."""
    if body.assistant_id is None:
        return search_of(body, None)
    agent = await name_of(girih, scope, body.assistant_id)
    return search_of(body, agent) if agent is not None else None
