"""Agents and versions as people read them."""

from __future__ import annotations

from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.agents import repository
from girih.services.agents.schemas import AgentDetail, AgentOut, VersionOut
from girih.services.shelf import marks


async def agents(work: Work, scope: OrgScope, name: str | None = None) -> list[AgentOut]:
    """Every agent of the project, or the one of that name."""
    rows = await repository.agents(work, scope, name)
    aliases = await repository.aliases(work, scope, [row.agent.id for row in rows])
    return [
        AgentOut(
            name=row.agent.name,
            title=row.title,
            description=row.description,
            version=row.version.version,
            number=row.version.number,
            digest=row.version.digest,
            chat=row.chat,
            aliases=aliases[row.agent.id],
            created_at=row.agent.created_at,
            updated_at=row.version.created_at,
        )
        for row in rows
    ]


async def agent(work: Work, scope: OrgScope, name: str, version_id: UUID | None = None) -> AgentDetail | None:
    """The agent of that name, with the contract and the text of that version; of the latest, if none is given."""
    found = await agents(work, scope, name)
    if not found:
        return None
    if version_id is None:
        shown = (await repository.latest(work, scope, [name]))[name]
    else:
        shown = await repository.version(work, scope, version_id)
    said = {key: shown.plan[key] for key in ("title", "description", "inputs", "outputs", "chat")}
    own = {key: getattr(shown, key) for key in ("version", "number", "digest", "path", "source")}
    return AgentDetail(**(found[0].model_dump() | said | own))


async def versions(work: Work, scope: OrgScope, name: str) -> list[VersionOut]:
    """Every version of the agent of that name, the newest first; none if there is no such agent."""
    rows = await repository.versions(work, scope, name)
    aliases = await repository.aliases(work, scope, {row.agent_id for row in rows})
    held = await marks.holding(work, scope, agents={row.agent_id for row in rows})
    return [
        VersionOut(
            version=row.version,
            number=row.number,
            digest=row.digest,
            aliases=[alias for alias, version in aliases[row.agent_id].items() if version == row.version],
            path=row.path,
            created_by=row.created_by,
            created_at=row.created_at,
            collected_at=row.collected_at,
            **held[row.id].notice.said if row.id in held else {},
        )
        for row in rows
    ]
