"""Versions that people took off the shelf: by name and digest for the compiler, and for aliases by their ids."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.compiler.workspace import Shelved
from girih.services.agents.tables import Agent, AgentVersion
from girih.services.shelf.mark_repository import holding, yanked


async def shelf(work: Work, scope: OrgScope) -> dict[tuple[str, str], Shelved]:
    """What is deprecated or yanked, by name and digest: of several versions with a digest, all have to be."""
    held = await holding(work, scope)
    query = (
        select(AgentVersion.id, Agent.name, AgentVersion.version, AgentVersion.digest)
        .join(Agent, (Agent.org_id == AgentVersion.org_id) & (Agent.id == AgentVersion.agent_id))
        .where(AgentVersion.org_id == scope.org_id, AgentVersion.agent_id.in_({one.agent_id for one in held.values()}))
        .order_by(AgentVersion.number)
    )
    found: dict[tuple[str, str], Shelved] = {}
    free: set[tuple[str, str]] = set()
    for version_id, name, version, digest in await work.session.execute(query) if held else ():
        if (one := held.get(version_id)) is None:
            free.add((name, digest))
        else:
            found[name, digest] = Shelved(version, one.notice.mark, one.notice.reason, one.notice.replaced_by)
    return {key: one for key, one in found.items() if key not in free}


async def unfit(work: Work, scope: OrgScope, agent: UUID) -> frozenset[UUID]:
    """The versions of an agent that no alias is led to any more: the yanked ones, and those that are collected."""
    mine = (AgentVersion.org_id == scope.org_id, AgentVersion.agent_id == agent)
    collected = await work.session.scalars(select(AgentVersion.id).where(*mine, AgentVersion.collected_at.is_not(None)))
    return frozenset(collected) | await yanked(work, scope, [agent])
