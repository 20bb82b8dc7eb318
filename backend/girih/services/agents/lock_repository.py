"""Reads which versions of graphs there are, for what refers to them, and what those were resolved to themselves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Integer, Text, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute as Attribute
from sqlalchemy.orm import aliased

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.agents.references import LATEST
from girih.services.agents.tables import Agent, AgentAlias, AgentVersion


class Referred(NamedTuple):
    """A version that something refers to. `lock` is what was written down of its own references, if anything was."""

    name: str
    version_id: UUID
    version: str
    digest: str
    lock: Sequence[JsonObject] | None


class Latest(NamedTuple):
    """The latest version of an agent; its plan as the text that is stored, which is seldom read."""

    version: str
    digest: str
    plan: str


class Counted(NamedTuple):
    """How far the versions of an agent have come: their highest count, and the versions above the latest one."""

    number: int
    above: frozenset[str]


async def referred(work: Work, scope: OrgScope, digests: Collection[str]) -> list[Referred]:
    """Every version with one of these digests, the newest first."""
    query = (
        select(Agent.name, AgentVersion.id, AgentVersion.version, AgentVersion.digest, AgentVersion.lock)
        .join(AgentVersion, (AgentVersion.org_id == Agent.org_id) & (AgentVersion.agent_id == Agent.id))
        .where(
            AgentVersion.org_id == scope.org_id,
            AgentVersion.project_id == scope.project_id,
            AgentVersion.digest.in_(digests),
        )
        .order_by(AgentVersion.number.desc())
    )
    return [Referred(*row) for row in await work.session.execute(query)]


async def latest(work: Work, scope: OrgScope, names: Collection[str]) -> dict[str, Latest]:
    """The latest version of each of these agents, by name; also of retired ones."""
    query = (
        select(Agent.name, AgentVersion.version, AgentVersion.digest, cast(AgentVersion.plan, Text))
        .join(
            AgentAlias,
            (AgentAlias.org_id == Agent.org_id) & (AgentAlias.agent_id == Agent.id) & (AgentAlias.alias == LATEST),
        )
        .join(AgentVersion, (AgentVersion.org_id == AgentAlias.org_id) & (AgentVersion.id == AgentAlias.version_id))
        .where(Agent.org_id == scope.org_id, Agent.project_id == scope.project_id, Agent.name.in_(names))
    )
    return {name: Latest(*row) for name, *row in await work.session.execute(query)}


async def counted(work: Work, scope: OrgScope, names: Collection[str]) -> dict[str, Counted]:
    """How far the versions of each of these agents have come, by the agent's name; also of retired ones."""
    newest = aliased(AgentVersion)
    above = func.array_agg(AgentVersion.version).filter(numbers(AgentVersion.version) > numbers(newest.version))
    query = (
        select(Agent.name, func.max(AgentVersion.number), above)
        .join(AgentVersion, (AgentVersion.org_id == Agent.org_id) & (AgentVersion.agent_id == Agent.id))
        .join(
            AgentAlias,
            (AgentAlias.org_id == Agent.org_id) & (AgentAlias.agent_id == Agent.id) & (AgentAlias.alias == LATEST),
        )
        .join(newest, (newest.org_id == AgentAlias.org_id) & (newest.id == AgentAlias.version_id))
        .where(Agent.org_id == scope.org_id, Agent.project_id == scope.project_id, Agent.name.in_(names))
        .group_by(Agent.name)
    )
    return {name: Counted(number, frozenset(found or ())) for name, number, found in await work.session.execute(query)}


def numbers(version: Attribute[str]) -> ColumnElement[Sequence[int]]:
    """The numbers of a version, which compare as versions do."""
    return cast(func.string_to_array(version, "."), ARRAY(Integer))
