"""The routes of threads: made, found, changed, copied and deleted."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Header, Response

from girih.api.compat.langgraph.assistants import name_of
from girih.api.compat.langgraph.shaping import paged, refused, require_fields, selected
from girih.api.compat.langgraph.thread_bodies import (
    Prune,
    ThreadCreate,
    ThreadFilter,
    ThreadPatch,
    ThreadsWanted,
    search_of,
    seconds_of,
)
from girih.api.compat.langgraph.thread_shapes import THREAD_FIELDS, thread_json, ttl_json
from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject
from girih.services.runs.thread_schemas import ThreadChange, ThreadIn
from girih.services.runs.thread_search import ThreadView
from girih.services.runs.thread_search_repository import ThreadSearch
from girih.wiring.server import Girih

router = Router(prefix="/threads", route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("threads:read")]
Writer = Annotated[OrgScope, requires("threads:write")]


@router.post("", operation_id="langgraph_create_thread")
async def create(girih: Wired, scope: Writer, body: ThreadCreate) -> JsonObject:
    """A new thread, or with `if_exists: do_nothing` the one of that id."""
    if body.supersteps:
        raise refused("supersteps", "a thread's history is what has happened on it", "write values with `update_state`")
    made = ThreadIn(id=body.thread_id, if_exists=body.if_exists, metadata=body.metadata or {}, ttl=seconds_of(body.ttl))
    thread = await girih.runs.threads.create(scope, made)
    is_new = made.if_exists == "raise"  # nothing has happened on it that could be shown
    return thread_json(ThreadView(thread)) if is_new else await _shown(girih, scope, UUID(thread.id))


@router.post("/search", operation_id="langgraph_search_threads")
async def search(girih: Wired, scope: Reader, body: ThreadsWanted, response: Response) -> list[JsonObject]:
    """The project's threads that fit."""
    if body.extract:
        raise refused("extract", "threads are given with their values or without", "use `select`")
    require_fields(body.select or [], THREAD_FIELDS)
    wanted = await _wanted(girih, scope, body)
    with_values = body.select is None or bool({"values", "interrupts"} & set(body.select))
    found = await girih.runs.thread_views.search(scope, wanted, with_values=with_values)
    paged(response, found, offset=body.offset, total=await girih.runs.thread_views.count(scope, wanted))
    told = await girih.runs.views.talks.on(scope, [UUID(view.thread.id) for view in found] if with_values else [])
    return selected([thread_json(view, told) for view in found], body.select)


@router.post("/count", operation_id="langgraph_count_threads")
async def count(girih: Wired, scope: Reader, body: ThreadFilter) -> int:
    """How many of the project's threads fit."""
    return await girih.runs.thread_views.count(scope, await _wanted(girih, scope, body))


@router.post("/prune", operation_id="langgraph_prune_threads")
async def prune(girih: Wired, scope: Writer, body: Prune) -> JsonObject:
    """Delete several threads."""
    if body.strategy != "delete":
        raise refused(
            "strategy: keep_latest",
            "states go with their thread, or by the project's retention",
            "use `delete`, or set the retention",
        )
    return {"pruned_count": await girih.runs.thread_views.delete(scope, body.thread_ids)}


@router.get("/{thread_id}", operation_id="langgraph_get_thread")
async def get(girih: Wired, scope: Reader, thread_id: UUID, include: str | None = None) -> JsonObject:
    """One thread as it stands; with `include=ttl` also when it goes."""
    if include not in (None, "ttl"):
        raise InvalidInput(f"include: there is nothing called '{include[:60]}' to include", help="there is: ttl")
    view = await girih.runs.thread_views.view(scope, thread_id)
    told = await girih.runs.views.talks.on(scope, [thread_id])
    return thread_json(view, told) | ({"ttl": ttl_json(view.thread)} if include else {})


@router.patch("/{thread_id}", operation_id="langgraph_update_thread", response_model=None)
async def update(
    girih: Wired, scope: Writer, thread_id: UUID, body: ThreadPatch, prefer: Annotated[str, Header()] = ""
) -> JsonObject | Response:
    """Add to a thread's metadata, or give it another time to live."""
    changes: JsonObject = {"metadata": body.metadata or {}, "merge": True}
    changes |= {"ttl": seconds_of(body.ttl)} if body.ttl is not None else {}
    await girih.runs.threads.change(scope, thread_id, ThreadChange(**changes))
    return Response(status_code=204) if "return=minimal" in prefer else await _shown(girih, scope, thread_id)


@router.delete("/{thread_id}", operation_id="langgraph_delete_thread", status_code=204)
async def delete(girih: Wired, scope: Writer, thread_id: UUID) -> None:
    """Delete a thread with its states and runs."""
    await girih.runs.threads.delete(scope, thread_id)


@router.post("/{thread_id}/copy", operation_id="langgraph_copy_thread")
async def copy(girih: Wired, scope: Writer, thread_id: UUID) -> JsonObject:
    """A thread with all states of this one, and none of its runs."""
    return await _shown(girih, scope, UUID((await girih.runs.threads.copy(scope, thread_id)).id))


async def _shown(girih: Girih, scope: OrgScope, thread_id: UUID) -> JsonObject:
    view = await girih.runs.thread_views.view(scope, thread_id)
    return thread_json(view, await girih.runs.views.talks.on(scope, [thread_id]))


async def _wanted(girih: Girih, scope: OrgScope, body: ThreadFilter) -> ThreadSearch:
    named = (body.metadata or {}).get("assistant_id")
    return search_of(body, await name_of(girih, scope, named) if isinstance(named, str) else None)
