"""The rows of agents that are retired and brought back, and what the versions that somebody may run refer to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, cast, func, or_, select, update

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.agents.tables import Agent, AgentAlias, AgentVersion


class Reaching(NamedTuple):
    """A version that somebody may run, where its text is, what it refers to (`LockEntry`), and who leads to it."""

    name: str
    version: str
    version_id: UUID
    digest: str
    path: str
    source: str
    lock: Sequence[JsonObject]
    aliases: Sequence[str]
    retired: bool


_POINTS = (AgentAlias.org_id == AgentVersion.org_id, AgentAlias.version_id == AgentVersion.id)


async def retire(work: Work, scope: OrgScope, names: Collection[str]) -> None:
    """Let these agents not be found by their names any more; their versions and aliases stay."""
    query = update(Agent).where(*_of(scope), Agent.retired_at.is_(None), Agent.name.in_(names))
    await work.session.execute(query.values(retired_at=func.now()))


async def retired(work: Work, scope: OrgScope) -> Sequence[str]:
    """The names of the agents that are retired."""
    return (await work.session.scalars(select(Agent.name).where(*_of(scope), Agent.retired_at.is_not(None)))).all()


async def bring_back(work: Work, scope: OrgScope, names: Collection[str]) -> None:
    """Let these agents be found again."""
    await work.session.execute(update(Agent).where(*_of(scope), Agent.name.in_(names)).values(retired_at=None))


async def reaching(work: Work, scope: OrgScope, in_use: Collection[UUID]) -> list[Reaching]:
    """The versions that an alias of an agent that is not retired points at, and those of `in_use`."""
    pointed = select(AgentAlias.id).where(*_POINTS, Agent.retired_at.is_(None)).exists()
    return await _read(work, scope, or_(pointed, AgentVersion.id.in_(in_use)))


async def of_digests(work: Work, scope: OrgScope, digests: Collection[str]) -> list[Reaching]:
    """The versions of these digests."""
    return await _read(work, scope, AgentVersion.digest.in_(digests))


async def _read(work: Work, scope: OrgScope, which: ColumnElement[bool]) -> list[Reaching]:
    aliases = select(func.array_agg(AgentAlias.alias)).where(*_POINTS).scalar_subquery()
    query = (
        select(
            Agent.name,
            AgentVersion.version,
            AgentVersion.id,
            AgentVersion.digest,
            AgentVersion.path,
            AgentVersion.source,
            AgentVersion.plan["lock"],
            func.coalesce(aliases, cast([], ARRAY(Text))),
            Agent.retired_at.is_not(None),
        )
        .join(AgentVersion, (AgentVersion.org_id == Agent.org_id) & (AgentVersion.agent_id == Agent.id))
        .where(*_of(scope), which, AgentVersion.collected_at.is_(None))
        .order_by(Agent.name, AgentVersion.number.desc())
    )
    return [Reaching(*row) for row in await work.session.execute(query)]


def _of(scope: OrgScope) -> tuple[ColumnElement[bool], ...]:
    return Agent.org_id == scope.org_id, Agent.project_id == scope.project_id
