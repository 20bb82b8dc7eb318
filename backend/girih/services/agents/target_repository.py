"""The rows of the shares that versions have of an alias's traffic."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import delete, insert, select

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.agents.alias_tables import AgentTarget
from girih.services.agents.lookups import Target
from girih.services.agents.tables import AgentVersion


async def shares(work: Work, scope: OrgScope, agent_id: UUID, alias: str) -> list[Target]:
    """The shares of the alias's traffic, the oldest version first; none where it leads to one version alone."""
    row = AgentTarget
    query = (
        select(row.version_id, AgentVersion.version, AgentVersion.digest, row.weight)
        .join(AgentVersion, (AgentVersion.org_id == row.org_id) & (AgentVersion.id == row.version_id))
        .where(row.org_id == scope.org_id, row.project_id == scope.project_id)
        .where(row.agent_id == agent_id, row.alias == alias)
        .order_by(AgentVersion.number)
    )
    return [Target(*found) for found in await work.session.execute(query)]


async def put(work: Work, scope: OrgScope, agent_id: UUID, alias: str, weights: Mapping[UUID, int]) -> bool:
    """Let the versions have these shares and no others; whether there were some before."""
    row = AgentTarget
    mine = row.org_id == scope.org_id, row.project_id == scope.project_id, row.agent_id == agent_id, row.alias == alias
    before = (await work.session.scalars(delete(row).where(*mine).returning(row.id))).all()
    owned = {"org_id": scope.org_id, "project_id": scope.project_id, "agent_id": agent_id, "alias": alias}
    if weights:
        rows = [{"id": new_id(), **owned, "version_id": one, "weight": weight} for one, weight in weights.items()]
        await work.session.execute(insert(row), rows)
    return bool(before)
