"""What waits for a second person: moves of protected aliases; and which aliases are protected in general."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.db.tenancy import OrgScope
from girih.services.agents.alias_schemas import Comment, ProposalOut, ProtectionOut

router = Router(tags=["agents"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("agents:read")]
Publisher = Annotated[OrgScope, requires("agents:publish")]
Approver = Annotated[OrgScope, requires("agents:approve")]
Protector = Annotated[OrgScope, requires("agents:protect")]


class DecisionIn(Body):
    """What is said with a decision."""

    comment: Comment | None = Field(default=None, description="Why.")


@router.get("/alias-proposals", operation_id="list_alias_proposals")
async def list_alias_proposals(
    girih: Wired,
    scope: Reader,
    open: Annotated[bool, Query(description="Only those that can still be approved.")] = False,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[ProposalOut]:
    """Moves of protected aliases that somebody asked for, the newest first."""
    items, more = await girih.agents.proposals.proposals(scope, is_open=open, cursor=cursor, limit=limit)
    return Page(items=items, next=more)


@router.get("/alias-proposals/{proposal_id}", operation_id="get_alias_proposal")
async def get_alias_proposal(girih: Wired, scope: Reader, proposal_id: UUID) -> ProposalOut:
    """One of them, as it stands."""
    return await girih.agents.proposals.proposal(scope, proposal_id)


@router.post("/alias-proposals/{proposal_id}/approve", operation_id="approve_alias_proposal")
async def approve_alias_proposal(girih: Wired, scope: Approver, proposal_id: UUID, body: DecisionIn) -> ProposalOut:
    """Let it happen. 403 to who asked for it; 409 where it was decided on, is too old, or the alias moved since."""
    return await girih.agents.proposals.approve(scope, proposal_id, body.comment)


@router.post("/alias-proposals/{proposal_id}/refuse", operation_id="refuse_alias_proposal")
async def refuse_alias_proposal(girih: Wired, scope: Approver, proposal_id: UUID, body: DecisionIn) -> ProposalOut:
    """Let it not happen. 403 to who asked for it, who can withdraw it instead."""
    return await girih.agents.proposals.refuse(scope, proposal_id, body.comment)


@router.delete("/alias-proposals/{proposal_id}", operation_id="withdraw_alias_proposal")
async def withdraw_alias_proposal(girih: Wired, scope: Publisher, proposal_id: UUID) -> ProposalOut:
    """Ask for it no longer: for who asked. It stays listed, as withdrawn."""
    return await girih.agents.proposals.withdraw(scope, proposal_id)


@router.get("/alias-protections", operation_id="list_alias_protections")
async def list_alias_protections(girih: Wired, scope: Reader) -> Page[ProtectionOut]:
    """Every alias whose moves wait for a second person; without an agent, it is so for every agent of the project."""
    return Page(items=await girih.agents.protections.protections(scope))


@router.put("/alias-protections/{alias}", operation_id="protect_aliases")
async def protect_aliases(girih: Wired, scope: Protector, alias: str) -> ProtectionOut:
    """Let moves of the alias wait for a second person, whichever agent's it is; also of agents still to come."""
    return await girih.agents.protections.protect(scope, None, alias)


@router.delete("/alias-protections/{alias}", operation_id="unprotect_aliases", status_code=204)
async def unprotect_aliases(girih: Wired, scope: Protector, alias: str) -> None:
    """Protect the alias in general no longer. Where it is protected for one agent, it stays so."""
    await girih.agents.protections.unprotect(scope, None, alias)
