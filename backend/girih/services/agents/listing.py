"""Agents and versions as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.agents import bundle_repository, repository
from girih.services.agents.schemas import AgentDetail, AgentOut, VersionOut
from girih.services.agents.tables import AgentVersion
from girih.services.agents.trial_reports import report_from
from girih.services.shelf import mark_repository as marks
from girih.services.shelf.mark_repository import Marked

_SEALED = ("forced", "signature", "imported")
_PLAIN = (
    *("version", "number", "digest", "path", "commit", "dirty", "message", "created_by", "created_at"),
    *("forced", "imported", "collected_at"),
)
"""What is listed of a version as its row has it."""


async def agents(
    work: Work, scope: OrgScope, name: str | None = None, *, after: str | None = None, limit: int | None = None
) -> list[AgentOut]:
    """Every agent of the project, or the one of that name; so many of them, beginning after that name."""
    rows = await repository.agents(work, scope, name, after=after, limit=limit)
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
    own |= {"report": report_from(shown.report)} | {key: getattr(shown, key) for key in _SEALED}
    return AgentDetail(**(found[0].model_dump() | said | own))


async def versions(
    work: Work, scope: OrgScope, name: str, *, before: int | None = None, limit: int | None = None
) -> list[VersionOut]:
    """Every version of the agent of that name, the newest first; none if there is no such agent.

    So many of them, beginning before that number.
    """
    rows = await repository.versions(work, scope, name, before=before, limit=limit)
    aliases = await repository.aliases(work, scope, {row.agent_id for row in rows})
    held = await marks.holding(work, scope, agents={row.agent_id for row in rows})
    reports = await bundle_repository.reports(work, scope, [row.id for row in rows])
    return [version(row, aliases[row.agent_id], reports.get(row.id), held.get(row.id)) for row in rows]


def version(
    row: AgentVersion, aliases: Mapping[str, str], report: JsonObject | None, held: Marked | None
) -> VersionOut:
    """A version as it is listed; `aliases` are all those of its agent, `held` is what holds of it."""
    return VersionOut(
        **{key: getattr(row, key) for key in _PLAIN},
        aliases=[alias for alias, version in aliases.items() if version == row.version],
        report=report_from(report),
        signed_by=row.signature["kid"] if row.signature is not None else None,
        **held.notice.said if held is not None else {},
    )
