"""Collections of documents."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Page
from girih.db.tenancy import OrgScope
from girih.services.knowledge.schemas import CollectionDetail, CollectionOut

router = Router(prefix="/collections", tags=["knowledge"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("knowledge:read")]
Writer = Annotated[OrgScope, requires("knowledge:write")]


@router.get("", operation_id="list_collections")
async def list_collections(
    girih: Wired,
    scope: Reader,
    cursor: Annotated[str | None, Query(max_length=255)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[CollectionOut]:
    """The project's collections, by name."""
    items, after = await girih.collections.collections(scope, cursor=cursor, limit=limit)
    return Page(items=items, next=after)


@router.get("/{name}", operation_id="get_collection")
async def get_collection(girih: Wired, scope: Reader, name: str) -> CollectionDetail:
    """One collection, and how many of its documents are in each state."""
    return await girih.collections.collection(scope, name)


@router.delete("/{name}", operation_id="delete_collection", status_code=204)
async def delete_collection(girih: Wired, scope: Writer, name: str) -> None:
    """Delete a collection with its documents, their passages, versions and files."""
    await girih.collections.delete(scope, name)
