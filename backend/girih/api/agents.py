"""Published agents, their versions, and the aliases that point at them."""

from __future__ import annotations

from typing import Annotated

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Page
from girih.db.tenancy import OrgScope
from girih.services.agents.schemas import AgentDetail, AgentOut, VersionDetail, VersionOut

router = Router(prefix="/agents", tags=["agents"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("agents:read")]


@router.get("", operation_id="list_agents")
async def list_agents(girih: Wired, scope: Reader) -> Page[AgentOut]:
    """Every agent of the project, by name."""
    return Page(items=await girih.agents.agents(scope))


@router.get("/{name}", operation_id="get_agent")
async def get_agent(girih: Wired, scope: Reader, name: str) -> AgentDetail:
    """One agent as its newest version describes it, or as the one behind `name@alias`, `name@1.2.0` or `name@^1` does."""
    return await girih.agents.agent(scope, name)


@router.get("/{name}/versions", operation_id="list_versions")
async def list_versions(girih: Wired, scope: Reader, name: str) -> Page[VersionOut]:
    """Every version of an agent, the newest first."""
    return Page(items=await girih.agents.versions(scope, name))


@router.get("/{name}/versions/{version}", operation_id="get_version")
async def get_version(girih: Wired, scope: Reader, name: str, version: str) -> VersionDetail:
    """One version: its contract and text, where it came from, and what each of its references was resolved to."""
    return await girih.agents.kept.version(scope, name, version)
