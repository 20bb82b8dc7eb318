"""The rows that say who calls a published graph, and where its aliases point."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, column, func, select

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.compiler.plan import Plan
from girih.services.agents.references import LATEST
from girih.services.agents.tables import Agent, AgentAlias, AgentVersion


class Calling(NamedTuple):
    """The newest version of a graph, and one that it calls: by name and digest."""

    caller: str
    version: str
    name: str
    digest: str


class Called(NamedTuple):
    """A version that is called."""

    version: str
    plan: Plan


async def callings(work: Work, scope: OrgScope, names: Collection[str]) -> Sequence[Calling]:
    """Every newest version in the project that calls one of these graphs."""
    entry = func.json_array_elements(AgentVersion.plan["lock"]).table_valued(column("value")).render_derived()
    scheme, name, digest = (func.json_extract_path_text(entry.c.value, key) for key in ("scheme", "name", "digest"))
    query = (
        select(Agent.name, AgentVersion.version, name, digest)
        .select_from(Agent)
        .join(AgentAlias, (AgentAlias.org_id == Agent.org_id) & (AgentAlias.agent_id == Agent.id))
        .join(AgentVersion, _pointed_at())
        .join(entry, (scheme == "graph") & name.in_(names))
        .where(
            Agent.org_id == scope.org_id,
            Agent.project_id == scope.project_id,
            Agent.retired_at.is_(None),
            AgentAlias.alias == LATEST,
        )
        .distinct()
        .order_by(Agent.name)
    )
    return [Calling(*row) for row in await work.session.execute(query)]


async def plans(work: Work, scope: OrgScope, digests: Collection[str]) -> dict[str, Called]:
    """The versions of these digests, by digest; of several with one digest, the newest."""
    query = (
        select(AgentVersion.digest, AgentVersion.version, AgentVersion.plan)
        .where(
            AgentVersion.org_id == scope.org_id,
            AgentVersion.project_id == scope.project_id,
            AgentVersion.digest.in_(digests),
            AgentVersion.collected_at.is_(None),
        )
        .order_by(AgentVersion.number)
    )
    rows = await work.session.execute(query) if digests else ()
    return {digest: Called(version, Plan.model_validate(plan)) for digest, version, plan in rows}


async def aliases(work: Work, scope: OrgScope, names: Collection[str]) -> dict[str, dict[str, str]]:
    """Agent → alias → version, of these agents."""
    query = (
        select(Agent.name, AgentAlias.alias, AgentVersion.version)
        .join(AgentAlias, (AgentAlias.org_id == Agent.org_id) & (AgentAlias.agent_id == Agent.id))
        .join(AgentVersion, _pointed_at())
        .where(Agent.org_id == scope.org_id, Agent.project_id == scope.project_id, Agent.name.in_(names))
        .order_by(AgentAlias.alias)
    )
    found: dict[str, dict[str, str]] = {}
    for agent, alias, version in await work.session.execute(query):
        found.setdefault(agent, {})[alias] = version
    return found


def _pointed_at() -> ColumnElement[bool]:
    return (AgentAlias.org_id == AgentVersion.org_id) & (AgentAlias.version_id == AgentVersion.id)
