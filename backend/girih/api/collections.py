"""Collections of documents, and search in them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.shapes import Body, Page
from girih.db.tenancy import OrgScope
from girih.language.nodes.ports import SearchMode, SearchRequest
from girih.services.knowledge.schemas import CollectionDetail, CollectionOut

router = APIRouter(prefix="/collections", tags=["knowledge"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("knowledge:read")]
Writer = Annotated[OrgScope, requires("knowledge:write")]


class SearchIn(Body):
    """A question to a collection."""

    query: Annotated[str, Field(min_length=1, max_length=10_000)]
    top_k: Annotated[int, Field(ge=1, le=50)] = 8
    mode: SearchMode = "hybrid"
    min_score: float | None = None


class HitOut(BaseModel):
    """A passage that answers, and where it stands in its document."""

    chunk_id: str
    document_id: str
    document: str
    text: str
    score: float
    place: dict[str, Any] = Field(description="What is known of `page`, `heading`, `start` and `end`.")


class HitsOut(BaseModel):
    """The best passages, best first."""

    hits: list[HitOut]


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


@router.post("/{name}/search", operation_id="search_collection")
async def search_collection(girih: Wired, scope: Reader, name: str, body: SearchIn) -> HitsOut:
    """The passages of a collection that answer best."""
    hits = await girih.knowledge.search(scope, SearchRequest(collection=name, **body.model_dump()))
    return HitsOut(hits=[HitOut(**hit.as_dict()) for hit in hits])
