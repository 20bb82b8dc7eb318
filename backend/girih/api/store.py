"""The store: JSON objects that apps keep by namespace and key, filtered by their values and found by meaning."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.db.tenancy import OrgScope
from girih.services.store.schemas import (
    ItemIn,
    ItemList,
    ItemOut,
    ItemsWanted,
    Key,
    Namespace,
    NamespaceList,
    NamespacesWanted,
)

router = Router(prefix="/store", tags=["store"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("store:read")]
Writer = Annotated[OrgScope, requires("store:write")]
Labels = Annotated[Namespace, Query(description="The labels of the namespace: one `namespace=` for each.")]
Named = Annotated[Key, Query()]


@router.put("/items", operation_id="put_item", status_code=204)
async def put_item(girih: Wired, scope: Writer, body: ItemIn) -> None:
    """Keep an item, in the place of the one under that key."""
    await girih.store.put(scope, body)


@router.get("/items", operation_id="get_item")
async def get_item(girih: Wired, scope: Reader, namespace: Labels, key: Named, refresh_ttl: bool = True) -> ItemOut:
    """The item of that key; its time to live begins anew."""
    return await girih.store.get(scope, namespace, key, refresh=refresh_ttl)


@router.delete("/items", operation_id="delete_item", status_code=204)
async def delete_item(girih: Wired, scope: Writer, namespace: Labels, key: Named) -> None:
    """Delete the item of that key, if there is one."""
    await girih.store.delete(scope, namespace, key)


@router.post("/search", operation_id="search_items")
async def search_items(girih: Wired, scope: Reader, body: ItemsWanted) -> ItemList:
    """The items that fit: the nearest first where there is a query, else those that were written last."""
    return await girih.store.search(scope, body)


@router.post("/namespaces", operation_id="list_namespaces")
async def list_namespaces(girih: Wired, scope: Reader, body: NamespacesWanted) -> NamespaceList:
    """The namespaces that hold items."""
    return await girih.store.namespaces(scope, body)
