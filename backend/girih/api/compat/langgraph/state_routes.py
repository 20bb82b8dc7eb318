"""The routes of a thread's states: read, written, gone back to, and listed."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

from girih.api.compat.langgraph.shaping import holds, refused
from girih.api.compat.langgraph.thread_bodies import HistoryWanted, StateUpdate, StateWanted
from girih.api.compat.langgraph.thread_shapes import checkpoint_json, selected_state, state_json
from girih.api.compat.langgraph.values import state_from
from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.db.tenancy import OrgScope
from girih.language.spec.model import END
from girih.language.spec.tree import JsonObject
from girih.wiring.server import Girih

router = Router(prefix="/threads/{thread_id}", route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("threads:read")]
Writer = Annotated[OrgScope, requires("threads:write")]
Select = Annotated[list[str] | None, Query()]
_AT_REST = ("__end__", "__copy__")
"""As whom somebody writes after whom nothing comes."""
_AT_ONCE = 100


@router.get("/state", operation_id="langgraph_get_state")
async def get_state(
    girih: Wired,
    scope: Reader,
    thread_id: UUID,
    subgraphs: bool = False,
    select: Select = None,
) -> JsonObject:
    """The thread as it stands."""
    return selected_state(await _at(girih, scope, thread_id, None, subgraphs=subgraphs), select)


@router.post("/state/checkpoint", operation_id="langgraph_get_state_at")
async def get_state_at(girih: Wired, scope: Reader, thread_id: UUID, body: StateWanted) -> JsonObject:
    """The thread at a moment, or as it stands where none is named."""
    found = await _at(girih, scope, thread_id, body.checkpoint.named(), subgraphs=bool(body.subgraphs))
    return selected_state(found, body.select)


@router.get("/state/{checkpoint_id}", operation_id="langgraph_get_state_by_id")
async def get_state_by_id(
    girih: Wired,
    scope: Reader,
    thread_id: UUID,
    checkpoint_id: str,
    subgraphs: bool = False,
    select: Select = None,
) -> JsonObject:
    """The thread at a moment."""
    return selected_state(await _at(girih, scope, thread_id, checkpoint_id, subgraphs=subgraphs), select)


@router.post("/state", operation_id="langgraph_update_state")
async def update_state(girih: Wired, scope: Writer, thread_id: UUID, body: StateUpdate) -> JsonObject:
    """Write values as a node would; on an earlier moment the thread goes back to it."""
    at = body.at()
    if body.as_node is not None:
        await _require_end(girih, scope, thread_id, body.as_node)
    given = body.values if isinstance(body.values, list) else [body.values or {}]
    for values in given or [{}]:
        made = await girih.runs.snapshots.edit(scope, thread_id, state_from(values), at=at)
        at = None
    found = checkpoint_json(thread_id, made.id)
    return {"checkpoint": found, "configurable": found, "checkpoint_id": made.id}


@router.patch("/state", operation_id="langgraph_patch_state", dependencies=[requires("threads:write")])
async def patch_state(thread_id: UUID) -> JsonObject:  # noqa: ARG001 - whatever it is
    """Refused: states have no metadata of their own."""
    raise refused("patching a state", "a state has no metadata of its own", "update the metadata of the thread")


@router.post("/history", operation_id="langgraph_history")
async def history(girih: Wired, scope: Reader, thread_id: UUID, body: HistoryWanted) -> list[JsonObject]:
    """The thread's moments, the newest first."""
    at = body.checkpoint.named() if body.checkpoint is not None else None
    if at is not None:
        found = [await _at(girih, scope, thread_id, at, subgraphs=False)]
        return [selected_state(one, body.select) for one in found if holds(one["metadata"], body.metadata or {})]
    found = await _listed(girih, scope, thread_id, body.edge(), body.limit, body.metadata or {})
    return [selected_state(one, body.select) for one in found]


@router.get("/history", operation_id="langgraph_get_history")
async def get_history(
    girih: Wired,
    scope: Reader,
    thread_id: UUID,
    limit: Annotated[int, Query(ge=1, le=1000)] = 10,
    before: str | None = None,
) -> list[JsonObject]:
    """The thread's moments, the newest first."""
    return await _listed(girih, scope, thread_id, before, limit, {})


async def _at(
    girih: Girih, scope: OrgScope, thread_id: UUID, checkpoint_id: str | None, *, subgraphs: bool
) -> JsonObject:
    """A moment, with where the graphs inside stand then if that is wanted and the run is still there."""
    snapshots = girih.runs.snapshots
    if checkpoint_id is None:
        found = await snapshots.newest(scope, thread_id)
    else:
        found = await snapshots.snapshot(scope, thread_id, checkpoint_id)
    told = await girih.runs.views.talks.on(scope, [thread_id])
    return state_json(await snapshots.inner_states.with_inner(scope, found) if subgraphs else found, told)


async def _listed(
    girih: Girih, scope: OrgScope, thread_id: UUID, before: str | None, limit: int, metadata: JsonObject
) -> list[JsonObject]:
    """Moments whose metadata has that part, until there are enough or no more."""
    found: list[JsonObject] = []
    told = await girih.runs.views.talks.on(scope, [thread_id])
    while len(found) < limit:
        most = limit if not metadata else max(limit, _AT_ONCE)
        page = await girih.runs.snapshots.history(scope, thread_id, before=before, limit=most)
        shown = [state_json(one, told) for one in page]
        found += [one for one in shown if holds(one["metadata"], metadata)]
        if len(page) < most:
            break
        before = page[-1].id
        if before is None:
            break
    return found[:limit]


async def _require_end(girih: Girih, scope: OrgScope, thread_id: UUID, node: str) -> None:
    """Raise `InvalidInput` unless nothing comes after that node: a run begins at its beginning."""
    thread = await girih.runs.threads.thread(scope, thread_id)
    if node in _AT_REST:
        return
    plan = (await girih.agents.resolve(scope, thread.agent)).plan if thread.agent is not None else None
    routes = [route for one in (plan.nodes if plan else ()) if one.name == node for route in one.routes]
    if not routes or any(route.to != END for route in routes):
        raise refused(
            f"as_node: '{node[:60]}'",
            "values are written between two runs, and the next run begins at its beginning",
            "leave `as_node` out, or name a node after which the graph ends",
        )
