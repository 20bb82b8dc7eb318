"""The rows that bundles are made of, and made into."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, cast, select
from sqlalchemy.dialects.postgresql import JSONB

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.agents.tables import Agent, AgentVersion
from girih.services.pipelines.tables import Pipeline, PipelineVersion
from girih.services.shelf.tables import SpecText


class Known(NamedTuple):
    """A version that is there, without its plan and its text."""

    version: str
    number: int
    digest: str
    is_collected: bool


class Text(NamedTuple):
    """The text that a document was applied with."""

    path: str
    source: str


async def version_of(work: Work, scope: OrgScope, name: str, digest: str) -> AgentVersion | None:
    """The newest version of that agent with that digest, also of an agent that was retired."""
    query = (
        select(AgentVersion)
        .join(Agent, (Agent.org_id == AgentVersion.org_id) & (Agent.id == AgentVersion.agent_id))
        .where(
            Agent.org_id == scope.org_id,
            Agent.project_id == scope.project_id,
            Agent.name == name,
            AgentVersion.digest == digest,
        )
        .order_by(AgentVersion.number.desc())
        .limit(1)
    )
    return (await work.session.scalars(query)).first()


async def agent(work: Work, scope: OrgScope, name: str) -> Agent | None:
    """The agent of that name, also one that was retired."""
    query = select(Agent).where(Agent.org_id == scope.org_id, Agent.project_id == scope.project_id, Agent.name == name)
    return (await work.session.scalars(query)).first()


async def known(work: Work, agent: Agent) -> Sequence[Known]:
    """Every version of an agent, the newest first."""
    query = (
        select(AgentVersion.version, AgentVersion.number, AgentVersion.digest, AgentVersion.collected_at.is_not(None))
        .where(AgentVersion.org_id == agent.org_id, AgentVersion.agent_id == agent.id)
        .order_by(AgentVersion.number.desc())
    )
    return [Known(*row) for row in await work.session.execute(query)]


async def text(work: Work, scope: OrgScope, kind: str, name: str, digest: str) -> Text | None:
    """The text that a document of that digest was applied with, if it is kept."""
    query = select(SpecText.path, SpecText.source).where(
        SpecText.org_id == scope.org_id,
        SpecText.project_id == scope.project_id,
        SpecText.kind == kind,
        SpecText.name == name,
        SpecText.digest == digest,
    )
    row = (await work.session.execute(query)).first()
    return Text(*row) if row is not None else None


async def pipeline_versions(work: Work, scope: OrgScope, name: str) -> Sequence[PipelineVersion]:
    """Every version of the pipeline of that name, the newest first, also of one that was retired."""
    query = (
        select(PipelineVersion)
        .join(Pipeline, (Pipeline.org_id == PipelineVersion.org_id) & (Pipeline.id == PipelineVersion.pipeline_id))
        .where(Pipeline.org_id == scope.org_id, Pipeline.project_id == scope.project_id, Pipeline.name == name)
        .order_by(PipelineVersion.number.desc())
    )
    return (await work.session.scalars(query)).all()


async def reports(work: Work, scope: OrgScope, versions: Collection[UUID]) -> dict[UUID, JsonObject]:
    """The report of each of these versions that has one, without the single tests, by the version's id."""
    short: ColumnElement[Any] = cast(AgentVersion.report, JSONB).op("-", return_type=JSONB())("tests")
    query = select(AgentVersion.id, short).where(
        AgentVersion.org_id == scope.org_id, AgentVersion.id.in_(versions), AgentVersion.report.is_not(None)
    )
    found = await work.session.execute(query)
    return {version_id: {**report, "tests": []} for version_id, report in found}
