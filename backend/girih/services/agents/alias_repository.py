"""The rows of aliases, and of every move of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.agents.tables import Agent, AgentAlias, AgentMove, AgentVersion

Conditions: TypeAlias = tuple[ColumnElement[bool], ColumnElement[bool], ColumnElement[bool], ColumnElement[bool]]
Reason = Literal[
    "set", "split", "split_ended", "promoted_automatically", "rolled_back", "rolled_back_automatically", "removed"
]


class Moved(NamedTuple):
    """One move: the version an alias was led to (`None`: it was removed), why, by whom and when.

    `commit`, `dirty` and `message` are those of the version.
    """

    id: UUID
    version_id: UUID | None
    version: str | None
    reason: str
    actor: str
    at: datetime
    details: JsonObject | None = None
    commit: str | None = None
    dirty: bool | None = None
    message: str | None = None


class Pointing(NamedTuple):
    """Where an alias points, and since when."""

    version_id: UUID
    version: str
    at: datetime


async def hold(work: Work, scope: OrgScope, agent_id: UUID) -> None:
    """Let nobody else move an alias of the agent until the transaction ends."""
    query = select(Agent.id).where(Agent.org_id == scope.org_id, Agent.id == agent_id)
    await work.session.execute(query.with_for_update(key_share=True))


async def point(work: Work, scope: OrgScope, agent_id: UUID, alias: str, version_id: UUID) -> None:
    """Point an alias at a version, without noting it: `latest` follows from the versions."""
    await point_each(work, scope, alias, {agent_id: version_id})


async def point_each(work: Work, scope: OrgScope, alias: str, versions: Mapping[UUID, UUID]) -> None:
    """The same for several agents; agent → version."""
    if not versions:
        return
    owned = {"org_id": scope.org_id, "project_id": scope.project_id, "alias": alias}
    rows = [
        {"id": new_id(), **owned, "agent_id": agent_id, "version_id": version_id}
        for agent_id, version_id in versions.items()
    ]
    statement = insert(AgentAlias).values(rows)
    changed = {"version_id": statement.excluded.version_id, "updated_at": func.now()}
    await work.session.execute(
        statement.on_conflict_do_update(index_elements=["org_id", "agent_id", "alias"], set_=changed)
    )


async def move(
    work: Work,
    scope: OrgScope,
    agent_id: UUID,
    alias: str,
    version_id: UUID,
    reason: Reason,
    details: JsonObject | None = None,
) -> None:
    """Point an alias at a version and note it."""
    await point(work, scope, agent_id, alias, version_id)
    await _note(work, scope, agent_id, alias, version_id, reason, details)


async def remove(work: Work, scope: OrgScope, agent_id: UUID, alias: str, details: JsonObject | None = None) -> bool:
    """Remove an alias and note it; whether there was one."""
    query = delete(AgentAlias).where(*_of(scope, AgentAlias, agent_id, alias)).returning(AgentAlias.id)
    if await work.session.scalar(query) is None:
        return False
    await _note(work, scope, agent_id, alias, None, "removed", details)
    return True


async def held(work: Work, scope: OrgScope, agent_id: UUID, alias: str) -> UUID | None:
    """The version an alias points at, held to the end of the transaction; `None` where there is none."""
    query = select(AgentAlias.version_id).where(*_of(scope, AgentAlias, agent_id, alias))
    found: UUID | None = await work.session.scalar(query.with_for_update())
    return found


async def pointing(work: Work, scope: OrgScope, agent_id: UUID, alias: str) -> Pointing | None:
    """Where an alias points; `None` where there is none."""
    query = (
        select(AgentAlias.version_id, AgentVersion.version, AgentAlias.updated_at)
        .join(AgentVersion, (AgentVersion.org_id == AgentAlias.org_id) & (AgentVersion.id == AgentAlias.version_id))
        .where(*_of(scope, AgentAlias, agent_id, alias))
    )
    row = (await work.session.execute(query)).first()
    return Pointing(*row) if row else None


async def moves(work: Work, scope: OrgScope, agent_id: UUID, alias: str) -> Sequence[Moved]:
    """Every move of an alias, the first one first."""
    query = (
        select(
            AgentMove.id,
            AgentMove.version_id,
            AgentVersion.version,
            AgentMove.reason,
            AgentMove.actor,
            AgentMove.created_at,
            AgentMove.details,
            AgentVersion.commit,
            AgentVersion.dirty,
            AgentVersion.message,
        )
        .outerjoin(AgentVersion, (AgentVersion.org_id == AgentMove.org_id) & (AgentVersion.id == AgentMove.version_id))
        .where(*_of(scope, AgentMove, agent_id, alias))
        .order_by(AgentMove.created_at, AgentMove.id)
    )
    return [Moved(*row) for row in await work.session.execute(query)]


async def last_move(work: Work, scope: OrgScope, agent_id: UUID, alias: str) -> UUID | None:
    """The newest move of an alias; `None` before the first."""
    query = select(AgentMove.id).where(*_of(scope, AgentMove, agent_id, alias))
    newest = query.order_by(AgentMove.created_at.desc(), AgentMove.id.desc()).limit(1)
    found: UUID | None = await work.session.scalar(newest)
    return found


async def _note(
    work: Work,
    scope: OrgScope,
    agent_id: UUID,
    alias: str,
    version_id: UUID | None,
    reason: Reason,
    details: JsonObject | None,
) -> None:
    values: dict[str, Any] = {"org_id": scope.org_id, "project_id": scope.project_id, "agent_id": agent_id}
    values |= {"alias": alias, "version_id": version_id, "reason": reason, "actor": scope.actor, "details": details}
    # Counted when the alias is held: who began earlier and waited for it comes later.
    work.session.add(AgentMove(id=new_id(), created_at=func.clock_timestamp(), **values))
    await work.session.flush()


def _of(scope: OrgScope, table: type[AgentAlias] | type[AgentMove], agent_id: UUID, alias: str) -> Conditions:
    return (
        table.org_id == scope.org_id,
        table.project_id == scope.project_id,
        table.agent_id == agent_id,
        table.alias == alias,
    )
