"""The rows of retention policies, and the lock that lets one process sweep at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import Project
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.retention.tables import RetentionPolicy

SWEEPING = 4713022613
"""The number of the lock."""


@dataclass(frozen=True)
class DueProject:
    """A project that was not seen to for a while, and what the database's clock says."""

    scope: OrgScope
    now: datetime


async def policy(work: Work, scope: OrgScope) -> RetentionPolicy | None:
    """The project's row, if it has one."""
    return await work.session.get(RetentionPolicy, (scope.org_id, scope.project_id))


async def put(work: Work, scope: OrgScope, **values: object) -> None:
    """Write some columns of the project's row."""
    row = {"org_id": scope.org_id, "project_id": scope.project_id, **values}
    statement = insert(RetentionPolicy).values(row)
    await work.session.execute(statement.on_conflict_do_update(index_elements=["org_id", "project_id"], set_=values))


async def moment(work: Work) -> datetime:
    """The database's clock."""
    now: datetime = (await work.session.execute(select(func.now()))).scalar_one()
    return now


async def due(work: Work, *, every: timedelta, settled: timedelta, limit: int) -> list[DueProject]:
    """Projects of all organizations that were not seen to for so long; none whose days have just been changed."""
    row = RetentionPolicy
    query = (
        select(Project.org_id, Project.id, func.now().label("now"))
        .outerjoin(row, (row.org_id == Project.org_id) & (row.project_id == Project.id))
        .where(or_(row.swept_at.is_(None), row.swept_at <= func.now() - every))
        .where(or_(row.changed_at.is_(None), row.changed_at <= func.now() - settled))
        .order_by(row.swept_at.nulls_first(), Project.id)
        .limit(limit)
    )
    return [DueProject(OrgScope(r.org_id, r.id), r.now) for r in await work.session.execute(query)]


async def is_alone(work: Work) -> bool:
    """Whether no other process sweeps now; until this transaction ends none will."""
    return bool(await work.session.scalar(select(func.pg_try_advisory_xact_lock(SWEEPING))))
