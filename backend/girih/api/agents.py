"""Published agents, their versions, and the aliases that point at them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Page
from girih.db.tenancy import OrgScope
from girih.services.agents.schemas import AgentDetail, AgentOut, VersionDetail, VersionOut

router = Router(prefix="/agents", tags=["agents"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("agents:read")]
Cursor = Annotated[str | None, Query(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get("", operation_id="list_agents")
async def list_agents(girih: Wired, scope: Reader, cursor: Cursor = None, limit: Limit = 200) -> Page[AgentOut]:
    """The agents of the project, by name."""
    items, after = await girih.agents.agents_page(scope, cursor=cursor, limit=limit)
    return Page(items=items, next=after)


@router.get("/{name}", operation_id="get_agent")
async def get_agent(girih: Wired, scope: Reader, name: str) -> AgentDetail:
    """One agent as its newest version describes it; or as that behind `name@alias`, `name@1.2.0` or `name@^1` does."""
    return await girih.agents.agent(scope, name)


@router.get("/{name}/versions", operation_id="list_versions")
async def list_versions(
    girih: Wired, scope: Reader, name: str, cursor: Cursor = None, limit: Limit = 200
) -> Page[VersionOut]:
    """The versions of an agent, the newest first."""
    items, after = await girih.agents.versions_page(scope, name, cursor=cursor, limit=limit)
    return Page(items=items, next=after)


@router.get("/{name}/versions/{version}", operation_id="get_version")
async def get_version(girih: Wired, scope: Reader, name: str, version: str) -> VersionDetail:
    """One version: its contract and text, where it came from, and what each of its references was resolved to."""
    return await girih.agents.kept.version(scope, name, version)
