"""Finding runs: by what they are of, how they stand, when they were asked for, and what their callers said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, and_, case, cast, false, func, not_, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.runs.tables import Run

UNSEARCHABLE = r"\\u(0000|[dD][89abAB])"
"""What metadata may hold that has no form the database can search in: such metadata is never found."""


@dataclass(frozen=True)
class Wanted:
    """Which runs: all that is given has to hold. `tags` must all be there, `metadata` must be part of the run's."""

    agent: str | None = None
    status: str | None = None
    thread_id: UUID | None = None
    user: str | None = None
    tags: Sequence[str] = ()
    metadata: JsonObject = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    delayed: bool | None = None
    """Whether it waits for its time to come."""


async def runs(work: Work, scope: OrgScope, wanted: Wanted, *, before: UUID | None, limit: int) -> Sequence[Run]:
    """The project's runs, the newest first, from below the id `before`."""
    query = select(Run).where(Run.org_id == scope.org_id, Run.project_id == scope.project_id)
    conditions = [*_named(wanted), *_told(wanted), *([Run.id < before] if before is not None else [])]
    return (await work.session.scalars(query.where(*conditions).order_by(Run.id.desc()).limit(limit))).all()


async def queued(work: Work, org_id: UUID, *, most: int, delayed: bool = False) -> tuple[int, int]:
    """How many runs wait: the organization's, and those of all. Nothing is counted beyond `most`.

    Counts those that may begin, or, `delayed`, those whose time has not come.
    """
    waiting = select(Run.org_id).where(Run.status == "queued", _is_delayed(delayed))
    mine, everybody = (
        select(func.count()).select_from(rows.limit(most).subquery()).scalar_subquery()
        for rows in (waiting.where(Run.org_id == org_id), waiting)
    )
    row = (await work.session.execute(select(mine, everybody))).one()
    return int(row[0]), int(row[1])


async def open_now(work: Work, scope: OrgScope) -> tuple[int, int]:
    """How many runs are begun or wait for a slot: the caller's, and all of the organization."""
    mine = func.count().filter(Run.actor == scope.actor)
    # As the partial index of open runs has it: of the runs that wait for their time or for an answer none is.
    is_open = Run.status.in_(("queued", "running"))
    query = select(mine, func.count()).where(Run.org_id == scope.org_id, is_open, _is_delayed(False))
    row = (await work.session.execute(query)).one()
    return int(row[0]), int(row[1])


def _waits_for_its_time(wanted: bool) -> ColumnElement[bool]:
    waits = and_(Run.status == "queued", _is_delayed(True))
    return waits if wanted else not_(func.coalesce(waits, false()))


def _is_delayed(delayed: bool) -> ColumnElement[bool]:
    return Run.not_before > func.now() if delayed else or_(Run.not_before.is_(None), Run.not_before <= func.now())


def _named(wanted: Wanted) -> list[ColumnElement[bool]]:
    columns = {
        Run.agent: wanted.agent,
        Run.status: wanted.status,
        Run.thread_id: wanted.thread_id,
        Run.end_user: wanted.user,
    }
    return [column == value for column, value in columns.items() if value is not None]


def _told(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.tags:
        conditions.append(Run.tags.op("@>")(cast(list(wanted.tags), ARRAY(Text))))
    if wanted.metadata:
        text = cast(Run.run_metadata, Text)
        found = cast(text, JSONB).contains(wanted.metadata)
        conditions.append(case((text.regexp_match(UNSEARCHABLE), false()), else_=found))
    if wanted.since is not None:
        conditions.append(Run.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(Run.created_at < wanted.until)
    if wanted.delayed is not None:
        conditions.append(_waits_for_its_time(wanted.delayed))
    return conditions
