"""The routes of the store: items by namespace and key, found by their values and by meaning."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from girih.api.compat.langgraph.shaping import Body
from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput, NotFound
from girih.language.spec.durations import LONGEST_DURATION
from girih.language.spec.tree import JsonObject
from girih.services.store.schemas import ItemIn, ItemOut, ItemsWanted, Key, Namespace, NamespacesWanted, Offset, Prefix

router = Router(prefix="/store", route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("store:read")]
Writer = Annotated[OrgScope, requires("store:write")]
Limit = Annotated[int, Field(ge=1, le=1000)]
Minutes = Annotated[float, Field(gt=0, le=LONGEST_DURATION / 60)]


class Put(Body):
    """An item to keep. Without `index` it is found by all of its value, with `false` by its key alone."""

    namespace: Namespace
    key: Key
    value: JsonObject
    index: list[str] | Literal[False] | None = None
    ttl: Minutes | None = None


class Named(Body):
    """The name of an item."""

    namespace: Namespace
    key: Key


class Search(Body):
    """Which items."""

    namespace_prefix: Prefix = Field(default_factory=list)
    filter: JsonObject | None = None
    query: str | None = None
    limit: Limit = 10
    offset: Offset = 0
    refresh_ttl: bool | None = None


class Namespaces(Body):
    """Which namespaces."""

    prefix: Prefix | None = None
    suffix: Prefix | None = None
    max_depth: Annotated[int, Field(ge=1, le=20)] | None = None
    limit: Limit = 100
    offset: Offset = 0


@router.put("/items", operation_id="langgraph_put_item", status_code=204)
async def put(girih: Wired, scope: Writer, body: Put) -> None:
    """Keep an item, in the place of the one under that key. `ttl` is in minutes."""
    index = ["$"] if body.index is None else body.index
    ttl = body.ttl * 60 if body.ttl is not None else None
    await girih.store.put(scope, ItemIn(namespace=body.namespace, key=body.key, value=body.value, index=index, ttl=ttl))


@router.get("/items", operation_id="langgraph_get_item")
async def get(
    girih: Wired,
    scope: Reader,
    key: Annotated[Key, Query()],
    namespace: Annotated[str, Query(pattern=r"^[^\x00]*$", max_length=5000)],
    refresh_ttl: bool = True,
) -> JsonObject | None:
    """The item of that key, `null` where there is none."""
    labels = namespace.split(".")
    if not all(labels):
        raise InvalidInput("namespace: the labels are joined by periods, and none is empty")
    try:
        return _item(await girih.store.get(scope, labels, key, refresh=refresh_ttl))
    except NotFound:
        return None


@router.delete("/items", operation_id="langgraph_delete_item", status_code=204)
async def delete(girih: Wired, scope: Writer, body: Named) -> None:
    """Delete the item of that key, if there is one."""
    await girih.store.delete(scope, body.namespace, body.key)


@router.post("/items/search", operation_id="langgraph_search_items")
async def search(girih: Wired, scope: Reader, body: Search) -> JsonObject:
    """The items that fit, the nearest first where there is a query."""
    wanted = ItemsWanted(
        namespace_prefix=body.namespace_prefix,
        filter=body.filter,
        query=body.query,
        limit=body.limit,
        offset=body.offset,
        refresh_ttl=body.refresh_ttl is not False,
    )
    found = (await girih.store.search(scope, wanted)).items
    return {"items": [_item(one) | {"score": one.score} for one in found]}


@router.post("/namespaces", operation_id="langgraph_list_namespaces")
async def list_namespaces(girih: Wired, scope: Reader, body: Namespaces) -> JsonObject:
    """The namespaces that hold items."""
    found = await girih.store.namespaces(scope, NamespacesWanted(**body.model_dump()))
    return {"namespaces": found.namespaces}


def _item(item: ItemOut) -> JsonObject:
    return item.model_dump(include={"namespace", "key", "value", "created_at", "updated_at"})
