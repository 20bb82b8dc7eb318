"""The aliases of agents: where each leads, how its traffic is shared out, and the way back."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Response
from pydantic import Field

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.db.tenancy import OrgScope
from girih.services.agents.alias_schemas import AliasOut, Comment, Guard, ProposalOut, ProtectionOut, Weights
from girih.services.agents.aliases import PLAINLY, Asked
from girih.services.agents.schemas import AgentOut, MoveOut

router = Router(prefix="/agents", tags=["agents"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("agents:read")]
Publisher = Annotated[OrgScope, requires("agents:publish")]
Protector = Annotated[OrgScope, requires("agents:protect")]
WAITS: dict[int | str, dict[str, Any]] = {
    202: {"model": ProposalOut, "description": "The alias is protected: a second person has to approve."}
}


class ChangeIn(Body):
    """What is said with a change of an alias; the last two count where the alias is protected."""

    guard: Guard | None = Field(default=None, description="Go back by itself where the new version does worse.")
    comment: Comment | None = Field(default=None, description="Why, for who approves it.")
    expires_in: float = Field(
        default=PLAINLY.expires_in.total_seconds(), ge=60, le=7_776_000, description="Seconds it may wait for approval."
    )

    @property
    def asked(self) -> Asked:
        """As the service takes it."""
        return Asked(self.comment, timedelta(seconds=self.expires_in))


class AliasIn(ChangeIn):
    """Where an alias shall point."""

    version: Annotated[str, Field(min_length=1, max_length=80, description="A version, as `1.2.0`.")]


class SplitIn(ChangeIn):
    """How an alias's traffic shall be shared out."""

    weights: Annotated[Weights, Field(description="Percent by version, 100 together; the one it points at is there.")]


@router.get("/{name}/aliases/{alias}", operation_id="get_alias")
async def get_alias(girih: Wired, scope: Reader, name: str, alias: str) -> AliasOut:
    """Where an alias leads, whether it is protected, and what is watched."""
    return await girih.agents.aliases.alias(scope, name, alias)


@router.put("/{name}/aliases/{alias}", operation_id="set_alias", responses=WAITS)
async def set_alias(
    girih: Wired, scope: Publisher, name: str, alias: str, body: AliasIn, response: Response
) -> AgentOut | ProposalOut:
    """Point an alias at a version. Where it is protected, that waits for a second person (202)."""
    done = await girih.agents.aliases.set(scope, name, alias, body.version, guard=body.guard, asked=body.asked)
    return _waiting(done, response)


@router.put("/{name}/aliases/{alias}/split", operation_id="split_alias", responses=WAITS)
async def split_alias(
    girih: Wired, scope: Publisher, name: str, alias: str, body: SplitIn, response: Response
) -> AgentOut | ProposalOut:
    """Share the traffic of an alias out among versions. Where it is protected, that waits for a second person (202)."""
    done = await girih.agents.aliases.split(scope, name, alias, body.weights, guard=body.guard, asked=body.asked)
    return _waiting(done, response)


@router.delete("/{name}/aliases/{alias}", operation_id="delete_alias", status_code=204, responses=WAITS)
async def delete_alias(girih: Wired, scope: Publisher, name: str, alias: str) -> Response:
    """Remove an alias. What was begun by it goes on. Where it is protected, that waits for a second person (202)."""
    waiting = await girih.agents.aliases.remove(scope, name, alias)
    if waiting is None:
        return Response(status_code=204)
    return Response(waiting.model_dump_json(), status_code=202, media_type="application/json")


@router.post("/{name}/aliases/{alias}/rollback", operation_id="roll_back_alias")
async def roll_back_alias(girih: Wired, scope: Publisher, name: str, alias: str) -> AgentOut:
    """Lead an alias back to the version it pointed at before; asked for again, to the one before that.

    One that shares its traffic out gives all of it to the version it points at. Nobody has to approve.
    """
    return await girih.agents.aliases.roll_back(scope, name, alias)


@router.get("/{name}/aliases/{alias}/moves", operation_id="list_alias_moves")
async def list_alias_moves(girih: Wired, scope: Reader, name: str, alias: str) -> Page[MoveOut]:
    """Every move of an alias, the newest first: to which version, why, by whom and when."""
    return Page(items=await girih.agents.aliases.moves(scope, name, alias))


@router.put("/{name}/aliases/{alias}/protection", operation_id="protect_alias")
async def protect_alias(girih: Wired, scope: Protector, name: str, alias: str) -> ProtectionOut:
    """Let moves of an alias wait for a second person from now on."""
    return await girih.agents.protections.protect(scope, name, alias)


@router.delete("/{name}/aliases/{alias}/protection", operation_id="unprotect_alias", status_code=204)
async def unprotect_alias(girih: Wired, scope: Protector, name: str, alias: str) -> None:
    """Let moves of an alias happen at once again."""
    await girih.agents.protections.unprotect(scope, name, alias)


def _waiting(done: AgentOut | ProposalOut, response: Response) -> AgentOut | ProposalOut:
    if isinstance(done, ProposalOut):
        response.status_code = 202
    return done
