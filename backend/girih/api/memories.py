"""Memories: what agents remember about users and projects, for people to see and to have deleted."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Page
from girih.db.tenancy import OrgScope
from girih.services.memory.schemas import Forgotten, MemoryOut
from girih.services.memory.service import MOST_LISTED

router = Router(prefix="/memories", tags=["memories"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("memory:read")]
Writer = Annotated[OrgScope, requires("memory:write")]
User = Annotated[str | None, Query(min_length=1, max_length=500, description="Whose memories: those about this user.")]
Name = Annotated[
    str | None, Query(min_length=1, max_length=64, description="The namespace; without `user`, of the project's own.")
]
Key = Annotated[str | None, Query(min_length=1, max_length=500, description="The key of one memory in a namespace.")]


@router.get("", operation_id="list_memories")
async def list_memories(
    girih: Wired,
    scope: Reader,
    user: User = None,
    namespace: Name = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
) -> Page[MemoryOut]:
    """What is remembered, the newest first."""
    found, after = await girih.memory.memories(scope, user=user, namespace=namespace, cursor=cursor, limit=limit)
    return Page(items=found, next=after)


@router.delete("", operation_id="delete_memories")
async def delete_memories(
    girih: Wired, scope: Writer, user: User = None, namespace: Name = None, key: Key = None
) -> Forgotten:
    """Delete for good what is remembered about a user, in a namespace, or under one key."""
    return await girih.memory.forget(scope, user=user, namespace=namespace, key=key)
