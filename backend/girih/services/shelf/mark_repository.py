"""The rows of marks: what was said of versions, and what of that holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.errors import Conflict
from girih.services.shelf.schemas import Mark, MarkOut, Notice
from girih.services.shelf.tables import VersionMark


class Marked(NamedTuple):
    """A version of which something holds."""

    agent_id: UUID
    notice: Notice


async def add(
    work: Work, scope: OrgScope, agent_id: UUID, version_id: UUID, mark: Mark, reason: str, replaced_by: str | None
) -> None:
    """Note a mark; it holds from now on."""
    work.session.add(
        VersionMark(
            id=new_id(),
            # Two marks of one transaction, and those of transactions that waited for each other, keep their order.
            created_at=func.clock_timestamp(),
            org_id=scope.org_id,
            project_id=scope.project_id,
            agent_id=agent_id,
            version_id=version_id,
            mark=mark,
            reason=reason,
            replaced_by=replaced_by,
            actor=scope.actor,
        )
    )
    await work.session.flush()


async def history(work: Work, scope: OrgScope, version_id: UUID) -> list[MarkOut]:
    """Every mark of a version, the newest first."""
    query = select(VersionMark).where(*_of(scope), VersionMark.version_id == version_id)
    rows = await work.session.scalars(query.order_by(VersionMark.created_at.desc(), VersionMark.id.desc()))
    return [
        MarkOut.model_validate(
            {
                "mark": row.mark,
                "reason": row.reason,
                "replaced_by": row.replaced_by,
                "by": row.actor,
                "at": row.created_at,
            }
        )
        for row in rows
    ]


async def holding(
    work: Work, scope: OrgScope, *, agents: Collection[UUID] | None = None, version: UUID | None = None
) -> Mapping[UUID, Marked]:
    """What holds of the project's versions, or of those of some agents, or of one version, by the version's id."""
    newest: Select[VersionMark] = (
        select(VersionMark)
        .where(*_of(scope))
        .order_by(VersionMark.version_id, VersionMark.created_at.desc(), VersionMark.id.desc())
        .ext(distinct_on(VersionMark.version_id))
    )
    if agents is not None:
        newest = newest.where(VersionMark.agent_id.in_(agents))
    if version is not None:
        newest = newest.where(VersionMark.version_id == version)
    rows: Sequence[VersionMark] = (await work.session.scalars(newest)).all()
    return {
        row.version_id: Marked(
            row.agent_id, Notice(mark=row.mark, reason=row.reason, replaced_by=row.replaced_by, at=row.created_at)
        )
        for row in rows
        if row.mark in ("deprecated", "yanked")
    }


async def yanked(work: Work, scope: OrgScope, agents: Collection[UUID] | None = None) -> frozenset[UUID]:
    """The versions of the project, or of these agents, that ranges, `latest` and new locks leave out."""
    found = await holding(work, scope, agents=agents)
    return frozenset(version_id for version_id, one in found.items() if one.notice.mark == "yanked")


async def require_unyanked(work: Work, scope: OrgScope, version_id: UUID, called: str) -> None:
    """Raises `Conflict` for a version that nobody should begin to use."""
    found = (await holding(work, scope, version=version_id)).get(version_id)
    if found is not None and found.notice.mark == "yanked":
        raise Conflict(
            f"{called} is yanked: {found.notice.reason}", help=f"restore it first: girih restore {called} --reason ..."
        )


def _of(scope: OrgScope) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return VersionMark.org_id == scope.org_id, VersionMark.project_id == scope.project_id
