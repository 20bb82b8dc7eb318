"""The rows of agents, versions and aliases."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, TypeVarTuple
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Integer, Select, false, func, literal, select, text
from sqlalchemy.orm import defer

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.semantic import parse_range
from girih.language.spec.tree import JsonObject, JsonSchema
from girih.services.agents.lock_repository import numbers
from girih.services.agents.references import LATEST, Reference
from girih.services.agents.tables import Agent, AgentAlias, AgentVersion

Columns = TypeVarTuple("Columns")

_APPLY_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('apply:' || :project_id, 0))")


class Resolved(NamedTuple):
    """Which version a reference means, without its plan."""

    agent_id: UUID
    version_id: UUID
    version: str
    digest: str


class Contract(NamedTuple):
    """What the latest version of an agent takes and gives."""

    name: str
    digest: str
    inputs: JsonSchema
    outputs: JsonSchema


class Pointer(NamedTuple):
    """A version, and all that it is called by: its number, its digest and its aliases."""

    version_id: UUID
    version: str
    digest: str
    names: frozenset[str]


class Listed(NamedTuple):
    """An agent, its latest version without plan and text, and what that says of itself."""

    agent: Agent
    version: AgentVersion
    title: str | None
    description: str | None
    chat: JsonObject | None


_IS_KEPT = AgentVersion.collected_at.is_(None)
"""Whether a version has its plan and its text; another one can only be listed."""

_HEAD_ONLY = tuple(
    defer(column, raiseload=True)
    for column in (AgentVersion.plan, AgentVersion.source, AgentVersion.report, AgentVersion.lock)
)


async def lock_project(work: Work, scope: OrgScope) -> None:
    """Let one apply at a time into a project, to the end of the transaction."""
    await work.session.execute(_APPLY_LOCK, {"project_id": str(scope.project_id)})


async def contracts(work: Work, scope: OrgScope) -> Sequence[Contract]:
    """The contract of every agent of the project."""
    columns = (Agent.name, AgentVersion.digest, AgentVersion.plan["inputs"], AgentVersion.plan["outputs"])
    rows = await work.session.execute(_latest(scope, select(*columns)))
    return [Contract(*row) for row in rows]


async def digests(work: Work, scope: OrgScope) -> dict[str, str]:
    """The digest of every agent's latest version, by the agent's name."""
    return dict((await work.session.execute(_latest(scope, select(Agent.name, AgentVersion.digest)))).all())


async def heads(work: Work, scope: OrgScope) -> dict[str, tuple[str, str]]:
    """Version and digest of every agent's latest version, by the agent's name."""
    rows = await work.session.execute(_latest(scope, select(Agent.name, AgentVersion.version, AgentVersion.digest)))
    return {name: (version, digest) for name, version, digest in rows}


async def contracts_of(work: Work, scope: OrgScope, versions: Collection[UUID]) -> dict[UUID, Contract]:
    """The contract of each of these versions."""
    columns = (Agent.name, AgentVersion.digest, AgentVersion.plan["inputs"], AgentVersion.plan["outputs"])
    query = (
        select(AgentVersion.id, *columns)
        .join(Agent, (Agent.org_id == AgentVersion.org_id) & (Agent.id == AgentVersion.agent_id))
        .where(*_of(scope, AgentVersion), AgentVersion.id.in_(versions))
    )
    return {version_id: Contract(*contract) for version_id, *contract in await work.session.execute(query)}


async def pointers(work: Work, scope: OrgScope, names: Collection[str]) -> dict[str, list[Pointer]]:
    """Every version of these agents that is kept, the newest first, by the agent's name."""
    called = func.array_remove(func.array_agg(AgentAlias.alias), None)
    query = (
        select(Agent.name, AgentVersion.id, AgentVersion.version, AgentVersion.digest, called)
        .join(AgentVersion, (AgentVersion.org_id == Agent.org_id) & (AgentVersion.agent_id == Agent.id))
        .outerjoin(AgentAlias, _points_at_version())
        .where(*_of(scope, Agent), Agent.name.in_(names), _IS_KEPT)
        .group_by(Agent.name, AgentVersion.id)
        .order_by(AgentVersion.number.desc())
    )
    found: dict[str, list[Pointer]] = {}
    for name, version_id, version, digest, aliases in await work.session.execute(query):
        found.setdefault(name, []).append(Pointer(version_id, version, digest, frozenset({version, digest, *aliases})))
    return found


async def latest(work: Work, scope: OrgScope, names: Collection[str]) -> dict[str, AgentVersion]:
    """The latest version of each of these agents, by name; agents that do not exist are missing."""
    query = _latest(scope, select(Agent.name, AgentVersion)).where(Agent.name.in_(names))
    return dict((await work.session.execute(query)).all())


async def version(work: Work, scope: OrgScope, version_id: UUID) -> AgentVersion:
    """The version of that id, which exists."""
    query = select(AgentVersion).where(*_of(scope, AgentVersion), AgentVersion.id == version_id)
    return (await work.session.scalars(query)).one()


async def agents(
    work: Work, scope: OrgScope, name: str | None = None, *, after: str | None = None, limit: int | None = None
) -> Sequence[Listed]:
    """Every agent of the project, or the one of that name, by name; so many of them, beginning after that name."""
    said = (
        AgentVersion.plan["title"].as_string(),
        AgentVersion.plan["description"].as_string(),
        AgentVersion.plan["chat"],
    )
    query = _latest(scope, select(Agent, AgentVersion, *said)).options(*_HEAD_ONLY).order_by(Agent.name)
    if name is not None:
        query = query.where(Agent.name == name)
    if after is not None:
        query = query.where(Agent.name > after)
    return [Listed(*row) for row in await work.session.execute(query.limit(limit))]


async def names(work: Work, scope: OrgScope) -> Sequence[str]:
    """The names of the project's agents, at most a hundred: for suggestions."""
    query = select(Agent.name).where(*_of(scope, Agent)).order_by(Agent.name).limit(100)
    return (await work.session.scalars(query)).all()


async def aliases(work: Work, scope: OrgScope, agents: Collection[UUID]) -> dict[UUID, dict[str, str]]:
    """Alias → version of each of these agents, by the agent's id."""
    query = (
        select(AgentAlias.agent_id, AgentAlias.alias, AgentVersion.version)
        .join(AgentVersion, AgentVersion.id == AgentAlias.version_id)
        .where(*_of(scope, AgentAlias), AgentAlias.agent_id.in_(agents))
        .order_by(AgentAlias.alias)
    )
    found: dict[UUID, dict[str, str]] = {agent: {} for agent in agents}
    for agent_id, alias, version in await work.session.execute(query):
        found[agent_id][alias] = version
    return found


async def versions(
    work: Work, scope: OrgScope, name: str, *, before: int | None = None, limit: int | None = None
) -> Sequence[AgentVersion]:
    """Every version of the agent of that name, the newest first, without plans and texts; so many, before a number."""
    query = (
        select(AgentVersion)
        .join(Agent, (Agent.org_id == AgentVersion.org_id) & (Agent.id == AgentVersion.agent_id))
        .where(*_of(scope, Agent), Agent.name == name)
        .order_by(AgentVersion.number.desc())
        .limit(limit)
    )
    query = query.where(AgentVersion.number < before) if before is not None else query
    return (await work.session.scalars(query.options(*_HEAD_ONLY))).all()


async def resolve(work: Work, scope: OrgScope, reference: Reference, without: Collection[UUID] = ()) -> Resolved | None:
    """The version a reference means, if it is kept; of several with the same digest, the newest.

    A range means the highest of its versions that is not one of `without`.
    """
    query = (
        select(Agent.id, AgentVersion.id, AgentVersion.version, AgentVersion.digest)
        .join(AgentVersion, (AgentVersion.org_id == Agent.org_id) & (AgentVersion.agent_id == Agent.id))
        .where(*_of(scope, Agent), Agent.name == reference.name, _IS_KEPT)
    )
    if reference.by == "alias":
        query = query.join(AgentAlias, _points_at_version()).where(AgentAlias.alias == reference.value)
    elif reference.by == "version":
        query = query.where(AgentVersion.version == reference.value)
    elif reference.by == "range":
        query = _highest(query, reference.value).where(AgentVersion.id.not_in(without))
    else:
        query = query.where(AgentVersion.digest == reference.value).order_by(AgentVersion.number.desc())
    row = (await work.session.execute(query.limit(1))).first()
    return Resolved(*row) if row else None


async def plan(work: Work, scope: OrgScope, digest: str) -> JsonObject | None:
    """The plan of that digest, if a version of the project has it."""
    query = select(AgentVersion.plan).where(*_of(scope, AgentVersion), AgentVersion.digest == digest, _IS_KEPT)
    found: JsonObject | None = await work.session.scalar(query.limit(1))
    return found


async def add_agent(work: Work, scope: OrgScope, name: str) -> UUID:
    """A new agent; returns its id."""
    agent = Agent(id=new_id(), org_id=scope.org_id, project_id=scope.project_id, name=name)
    work.session.add(agent)
    await work.session.flush()
    return agent.id


async def add_versions(work: Work, versions: Iterable[AgentVersion]) -> None:
    """Store versions, for good."""
    work.session.add_all(versions)
    await work.session.flush()


def _latest(scope: OrgScope, query: Select[*Columns]) -> Select[*Columns]:
    return (
        query.select_from(Agent)
        .join(AgentAlias, (AgentAlias.org_id == Agent.org_id) & (AgentAlias.agent_id == Agent.id))
        .join(AgentVersion, _points_at_version())
        .where(*_of(scope, Agent), AgentAlias.alias == LATEST)
    )


def _highest(query: Select[*Columns], written: str) -> Select[*Columns]:
    """Of the versions that a range takes, the highest first."""
    asked, version = parse_range(written), numbers(AgentVersion.version)
    if asked is None:
        return query.where(false())
    least, below = (literal(list(bound), ARRAY(Integer)) for bound in (asked.least, asked.below))
    return query.where(version >= least, version < below).order_by(version.desc())


def _points_at_version() -> ColumnElement[bool]:
    return (
        (AgentAlias.org_id == AgentVersion.org_id)
        & (AgentAlias.agent_id == AgentVersion.agent_id)
        & (AgentAlias.version_id == AgentVersion.id)
    )


def _of(scope: OrgScope, table: type[Agent] | type[AgentVersion] | type[AgentAlias]) -> tuple[ColumnElement[bool], ...]:
    """Rows of the scope's project; of agents those that are not retired, as all that is found by an agent's name."""
    owned = (table.org_id == scope.org_id, table.project_id == scope.project_id)
    return (*owned, Agent.retired_at.is_(None)) if table is Agent else owned
