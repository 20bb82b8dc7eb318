"""Data stores: sources that collections follow, and the syncs that do it."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.speakers import PLAIN
from girih.api.sse import EventStream, resume_after
from girih.db.tenancy import OrgScope
from girih.services.sources.schemas import (
    Action,
    DataStoreChange,
    DataStoreIn,
    DataStoreOut,
    DataStorePage,
    ItemPage,
    SyncChangePage,
    SyncIn,
    SyncOut,
    SyncPage,
    TrialOut,
)

router = Router(prefix="/data-stores", tags=["data stores"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("sources:read")]
Writer = Annotated[OrgScope, requires("sources:write")]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=64)]
After = Annotated[int, Depends(resume_after)]
Ref = Annotated[str | None, Query(max_length=2000, pattern=r"^[^\x00]*$")]


@router.post("", operation_id="create_data_store", status_code=201)
async def create_data_store(girih: Wired, scope: Writer, body: DataStoreIn, response: Response) -> DataStoreOut:
    """Let a collection follow a source. Nothing is taken before the first sync."""
    store = await girih.sources.create(scope, body)
    response.headers["location"] = f"/v1/data-stores/{store.id}"
    return store


@router.get("", operation_id="list_data_stores")
async def list_data_stores(girih: Wired, scope: Reader, cursor: Cursor = None, limit: Limit = 50) -> DataStorePage:
    """The project's data stores, the newest first."""
    return await girih.sources.data_stores(scope, cursor=cursor, limit=limit)


@router.get("/{data_store_id}", operation_id="get_data_store")
async def get_data_store(girih: Wired, scope: Reader, data_store_id: UUID) -> DataStoreOut:
    """One data store as it stands."""
    return await girih.sources.data_store(scope, data_store_id)


@router.patch("/{data_store_id}", operation_id="change_data_store")
async def change_data_store(girih: Wired, scope: Writer, data_store_id: UUID, body: DataStoreChange) -> DataStoreOut:
    """Change what is given; its clock goes on from now."""
    return await girih.sources.change(scope, data_store_id, body)


@router.delete(
    "/{data_store_id}",
    operation_id="delete_data_store",
    status_code=204,
    response_model=None,
    responses={202: {"model": SyncOut, "description": "Its documents are being deleted; it goes with the last one."}},
)
async def delete_data_store(
    girih: Wired,
    scope: Writer,
    data_store_id: UUID,
    response: Response,
    documents: Annotated[Literal["keep", "delete"], Query(description="What becomes of its documents.")] = "keep",
) -> SyncOut | None:
    """Delete a data store and its history. Its documents stay, or a worker deletes them first."""
    removing = await girih.sources.delete(scope, data_store_id, documents=documents == "delete")
    if removing is not None:
        response.status_code = 202
    return removing


@router.post("/{data_store_id}/test", operation_id="test_data_store")
async def test_data_store(girih: Wired, scope: Writer, data_store_id: UUID) -> TrialOut:
    """Reach the source and list the first things it names; nothing is taken."""
    return await girih.sources.try_out(scope, data_store_id)


@router.get("/{data_store_id}/items", operation_id="list_data_store_items")
async def list_data_store_items(
    girih: Wired,
    scope: Reader,
    data_store_id: UUID,
    status: Literal["ok", "failed"] | None = None,
    cursor: Ref = None,
    limit: Limit = 50,
) -> ItemPage:
    """What is known of the source's things; with `status=failed` those that could not be taken, and why."""
    return await girih.sources.items(scope, data_store_id, status=status, cursor=cursor, limit=limit)


@router.post("/{data_store_id}/syncs", operation_id="start_sync", status_code=202)
async def start_sync(
    girih: Wired, scope: Writer, data_store_id: UUID, response: Response, body: SyncIn | None = None
) -> SyncOut:
    """Bring the collection in step with the source; one sync of a data store runs at a time."""
    sync = await girih.sources.sync(scope, data_store_id, body or SyncIn())
    response.headers["location"] = f"/v1/data-stores/{data_store_id}/syncs/{sync.id}"
    return sync


@router.get("/{data_store_id}/syncs", operation_id="list_syncs")
async def list_syncs(
    girih: Wired, scope: Reader, data_store_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> SyncPage:
    """The newest syncs, also moments that were left out, and why."""
    return await girih.sources.syncs(scope, data_store_id, cursor=cursor, limit=limit)


@router.get("/{data_store_id}/syncs/{sync_id}", operation_id="get_sync")
async def get_sync(girih: Wired, scope: Reader, data_store_id: UUID, sync_id: UUID) -> SyncOut:
    """One sync: how far it is, and what it counted."""
    return await girih.sources.one_sync(scope, data_store_id, sync_id)


@router.get("/{data_store_id}/syncs/{sync_id}/events", operation_id="follow_sync")
async def follow_sync(
    girih: Wired, scope: Reader, data_store_id: UUID, sync_id: UUID, after: After, request: Request
) -> Response:
    """How a sync is coming along, with its counts, as server-sent events, until it has ended."""
    return EventStream(request, await girih.sources.follow(scope, data_store_id, sync_id, after), speaker=PLAIN)


@router.post("/{data_store_id}/syncs/{sync_id}/cancel", operation_id="cancel_sync")
async def cancel_sync(girih: Wired, scope: Writer, data_store_id: UUID, sync_id: UUID) -> SyncOut:
    """Stop a sync; what it has done stays."""
    return await girih.sources.cancel(scope, data_store_id, sync_id)


@router.get("/{data_store_id}/syncs/{sync_id}/changes", operation_id="list_sync_changes")
async def list_sync_changes(
    girih: Wired,
    scope: Reader,
    data_store_id: UUID,
    sync_id: UUID,
    action: Action | None = None,
    cursor: Ref = None,
    limit: Limit = 50,
) -> SyncChangePage:
    """What a sync added, changed, removed and could not take, thing by thing; of a dry run what it would have done."""
    return await girih.sources.changes(scope, data_store_id, sync_id, action=action, cursor=cursor, limit=limit)
