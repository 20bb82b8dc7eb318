"""The rows of moves that wait for a second person, or did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ScalarSelect, Select, func, or_, select

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.agents.alias_schemas import Wanted
from girih.services.agents.alias_tables import AgentProposal
from girih.services.agents.tables import Agent, AgentMove

row = AgentProposal


class Proposed(NamedTuple):
    """A proposal, the name of its agent, the alias's newest move, and the time by the database."""

    row: AgentProposal
    name: str
    last_move: UUID | None
    now: datetime


async def add(
    work: Work,
    scope: OrgScope,
    agent_id: UUID,
    alias: str,
    wanted: Wanted,
    base: UUID | None,
    comment: str | None,
    expires_at: datetime,
) -> UUID:
    """Keep what somebody asks for, until a second person decides."""
    owned = {"org_id": scope.org_id, "project_id": scope.project_id, "agent_id": agent_id, "alias": alias}
    asked = {"wanted": wanted.model_dump(mode="json", exclude={"action"}), "action": wanted.action, "base": base}
    made = AgentProposal(id=new_id(), **owned, **asked, comment=comment, proposed_by=scope.actor, expires_at=expires_at)
    work.session.add(made)
    await work.session.flush()
    return made.id


async def proposal(work: Work, scope: OrgScope, id: UUID, *, lock: bool = False) -> Proposed | None:
    """One proposal; with `lock` nobody else decides on it until the transaction ends."""
    query = _proposals(scope).where(row.id == id)
    found = (await work.session.execute(query.with_for_update(of=row) if lock else query)).first()
    return Proposed(found[0], found[1], found[2], found[3]) if found else None


async def proposals(
    work: Work, scope: OrgScope, *, is_open: bool, before: UUID | None, limit: int
) -> Sequence[Proposed]:
    """The project's proposals, the newest first; with `is_open` those that can still be decided on."""
    query = _proposals(scope).order_by(row.id.desc()).limit(limit)
    if is_open:
        query = query.where(row.state == "open", row.expires_at > func.now())
        query = query.where(or_(row.base == _last_move(), row.base.is_(None) & _last_move().is_(None)))
    if before is not None:
        query = query.where(row.id < before)
    return [Proposed(one[0], one[1], one[2], one[3]) for one in await work.session.execute(query)]


def _proposals(scope: OrgScope) -> Select[AgentProposal, str, UUID, datetime]:
    return (
        select(row, Agent.name, _last_move(), func.now())
        .join(Agent, (Agent.org_id == row.org_id) & (Agent.id == row.agent_id))
        .where(row.org_id == scope.org_id, row.project_id == scope.project_id)
    )


def _last_move() -> ScalarSelect[UUID]:
    move = AgentMove
    return (
        select(move.id)
        .where(move.org_id == row.org_id, move.agent_id == row.agent_id, move.alias == row.alias)
        .order_by(move.created_at.desc(), move.id.desc())
        .limit(1)
        .correlate(row)
        .scalar_subquery()
    )
