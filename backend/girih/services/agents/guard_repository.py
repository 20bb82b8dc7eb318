"""The rows of what is watched of aliases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import func, select, update

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.agents.alias_schemas import Guard, GuardOut
from girih.services.agents.alias_tables import AgentGuard
from girih.services.agents.tables import Agent, AgentVersion

End = Literal["rolled_back", "passed", "superseded"]
row = AgentGuard


class Watched(NamedTuple):
    """A guard of any organization that it is time to look at."""

    scope: OrgScope
    id: UUID
    checked_at: datetime


class Held(NamedTuple):
    """A guard that watches, and the alias it is of."""

    id: UUID
    agent_id: UUID
    name: str
    alias: str
    old_version_id: UUID
    bounds: Guard
    since: datetime
    now: datetime


async def begin(work: Work, scope: OrgScope, agent_id: UUID, alias: str, old_version_id: UUID, guard: Guard) -> None:
    """Watch the alias from now on; nothing else watches it."""
    owned = {"org_id": scope.org_id, "project_id": scope.project_id, "agent_id": agent_id, "alias": alias}
    bounds = guard.model_dump(mode="json", exclude_none=True)
    # The moment at which the move is noted, not the transaction's: runs that ended meanwhile are the old version's.
    begun = AgentGuard(id=new_id(), created_at=func.clock_timestamp(), **owned, bounds=bounds)
    begun.old_version_id = old_version_id
    work.session.add(begun)
    await work.session.flush()


async def end(
    work: Work, scope: OrgScope, agent_id: UUID, alias: str, state: End, figures: JsonObject | None = None
) -> bool:
    """Watch the alias no longer; whether it was watched."""
    changed = {"state": state, "figures": figures, "ended_at": func.now()}
    mine = row.org_id == scope.org_id, row.agent_id == agent_id, row.alias == alias, row.state == "watching"
    return await work.session.scalar(update(row).where(*mine).values(**changed).returning(row.id)) is not None


async def of(work: Work, scope: OrgScope, agent_id: UUID, alias: str) -> GuardOut | None:
    """What is watched of the alias, if anything is."""
    query = (
        select(row.bounds, AgentVersion.version, row.created_at)
        .join(AgentVersion, (AgentVersion.org_id == row.org_id) & (AgentVersion.id == row.old_version_id))
        .where(row.org_id == scope.org_id, row.agent_id == agent_id, row.alias == alias, row.state == "watching")
    )
    found = (await work.session.execute(query)).first()
    return GuardOut(bounds=Guard.model_validate(found[0]), back_to=found[1], since=found[2]) if found else None


async def due(work: Work, *, every: timedelta, limit: int) -> Sequence[Watched]:
    """The guards of all organizations that nobody looked at for so long."""
    query = (
        select(row.org_id, row.project_id, row.id, row.checked_at)
        .where(row.state == "watching", row.checked_at <= func.now() - every)
        .order_by(row.checked_at)
        .limit(limit)
    )
    return [Watched(OrgScope(r.org_id, r.project_id), r.id, r.checked_at) for r in await work.session.execute(query)]


async def take(work: Work, seen: Watched) -> Held | None:
    """The guard, for this process to look at; `None` where another one was faster, or it watches no more."""
    mine = row.org_id == seen.scope.org_id, row.id == seen.id, row.state == "watching"
    taken = update(row).where(*mine, row.checked_at == seen.checked_at).values(checked_at=func.clock_timestamp())
    if await work.session.scalar(taken.returning(row.id)) is None:
        return None
    query = (
        select(row.agent_id, Agent.name, row.alias, row.old_version_id, row.bounds, row.created_at, func.now())
        .join(Agent, (Agent.org_id == row.org_id) & (Agent.id == row.agent_id))
        .where(*mine)
    )
    agent_id, name, alias, old, bounds, since, now = (await work.session.execute(query)).one()
    return Held(seen.id, agent_id, name, alias, old, Guard.model_validate(bounds), since, now)


async def still(work: Work, scope: OrgScope, id: UUID) -> bool:
    """Whether the guard watches, held to the end of the transaction."""
    query = select(row.id).where(row.org_id == scope.org_id, row.id == id, row.state == "watching")
    return await work.session.scalar(query.with_for_update()) is not None
