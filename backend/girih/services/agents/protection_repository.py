"""The rows of protected aliases: of one agent, or of every agent of a project."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.agents.alias_schemas import ProtectionOut
from girih.services.agents.alias_tables import AgentProtection
from girih.services.agents.tables import Agent

row = AgentProtection


async def covers(work: Work, scope: OrgScope, agent_id: UUID, alias: str) -> bool:
    """Whether a second person has to agree to moves of the agent's alias."""
    query = select(row.id).where(*_of(scope, alias), or_(row.agent_id == agent_id, row.agent_id.is_(None)))
    return await work.session.scalar(query.limit(1)) is not None


async def put(work: Work, scope: OrgScope, agent_id: UUID | None, alias: str) -> bool:
    """Protect an alias, of the agent or of all; whether it was not before."""
    owned = {"org_id": scope.org_id, "project_id": scope.project_id, "agent_id": agent_id}
    statement = insert(row).values(id=new_id(), **owned, alias=alias, protected_by=scope.actor)
    return await work.session.scalar(statement.on_conflict_do_nothing().returning(row.id)) is not None


async def remove(work: Work, scope: OrgScope, agent_id: UUID | None, alias: str) -> bool:
    """Protect an alias no longer, of the agent or of all; whether it was before."""
    own = row.agent_id == agent_id if agent_id is not None else row.agent_id.is_(None)
    query = delete(row).where(*_of(scope, alias), own).returning(row.id)
    return await work.session.scalar(query) is not None


async def listed(work: Work, scope: OrgScope) -> Sequence[ProtectionOut]:
    """Every protected alias of the project."""
    query = (
        select(Agent.name, row.alias, row.protected_by, row.created_at)
        .outerjoin(Agent, (Agent.org_id == row.org_id) & (Agent.id == row.agent_id))
        .where(row.org_id == scope.org_id, row.project_id == scope.project_id)
        .order_by(row.alias, Agent.name.nulls_first())
    )
    found = await work.session.execute(query)
    return [ProtectionOut(agent=agent, alias=alias, protected_by=by, since=at) for agent, alias, by, at in found]


def _of(scope: OrgScope, alias: str) -> tuple[ColumnElement[bool], ColumnElement[bool], ColumnElement[bool]]:
    return row.org_id == scope.org_id, row.project_id == scope.project_id, row.alias == alias
