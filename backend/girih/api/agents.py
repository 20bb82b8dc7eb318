"""Published agents, their versions, and the aliases that point at them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.db.tenancy import OrgScope
from girih.services.agents.schemas import AgentDetail, AgentOut, MoveOut, VersionOut

router = Router(prefix="/agents", tags=["agents"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("agents:read")]
Publisher = Annotated[OrgScope, requires("agents:publish")]


class AliasIn(Body):
    """Where an alias shall point."""

    version: Annotated[str, Field(min_length=1, max_length=80, description="A version, as `1.2.0`.")]


@router.get("", operation_id="list_agents")
async def list_agents(girih: Wired, scope: Reader) -> Page[AgentOut]:
    """Every agent of the project, by name."""
    return Page(items=await girih.agents.agents(scope))


@router.get("/{name}", operation_id="get_agent")
async def get_agent(girih: Wired, scope: Reader, name: str) -> AgentDetail:
    """One agent as its newest version describes it, or as the version behind `name@alias` or `name@1.2.0` does."""
    return await girih.agents.agent(scope, name)


@router.get("/{name}/versions", operation_id="list_versions")
async def list_versions(girih: Wired, scope: Reader, name: str) -> Page[VersionOut]:
    """Every version of an agent, the newest first."""
    return Page(items=await girih.agents.versions(scope, name))


@router.put("/{name}/aliases/{alias}", operation_id="set_alias")
async def set_alias(girih: Wired, scope: Publisher, name: str, alias: str, body: AliasIn) -> AgentOut:
    """Point an alias at a version."""
    return await girih.agents.aliases.set(scope, name, alias, body.version)


@router.delete("/{name}/aliases/{alias}", operation_id="delete_alias", status_code=204)
async def delete_alias(girih: Wired, scope: Publisher, name: str, alias: str) -> None:
    """Remove an alias. What was begun by it goes on."""
    await girih.agents.aliases.remove(scope, name, alias)


@router.post("/{name}/aliases/{alias}/rollback", operation_id="roll_back_alias")
async def roll_back_alias(girih: Wired, scope: Publisher, name: str, alias: str) -> AgentOut:
    """Lead an alias back to the version it pointed at before; asked for again, to the one before that."""
    return await girih.agents.aliases.roll_back(scope, name, alias)


@router.get("/{name}/aliases/{alias}/moves", operation_id="list_alias_moves")
async def list_alias_moves(girih: Wired, scope: Reader, name: str, alias: str) -> Page[MoveOut]:
    """Every move of an alias, the newest first: to which version, why, by whom and when."""
    return Page(items=await girih.agents.aliases.moves(scope, name, alias))
