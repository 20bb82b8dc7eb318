"""The rows of schedules and of their moments."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.agents.dependents import Scheduled
from girih.services.runs.tables import Run
from girih.services.schedules.schemas import FiringOut, ScheduleOut
from girih.services.schedules.tables import Schedule, ScheduleFiring

HELD = timedelta(seconds=30)
"""After so long, a moment whose process vanished is fired by another one."""


@dataclass(frozen=True)
class Due:
    """A schedule with a moment that has come, as it was seen."""

    scope: OrgScope
    id: UUID
    next_at: datetime
    now: datetime


async def schedule(work: Work, scope: OrgScope, number: UUID, *, lock: bool = False) -> Schedule | None:
    """The project's schedule of that id."""
    query = select(Schedule).where(
        Schedule.org_id == scope.org_id, Schedule.project_id == scope.project_id, Schedule.id == number
    )
    found: Schedule | None = await work.session.scalar(query.with_for_update() if lock else query)
    return found


async def is_named(work: Work, scope: OrgScope, name: str, *, but: UUID | None = None) -> bool:
    """Whether a schedule of the project has that name, `but` for one."""
    query = select(Schedule.id).where(
        Schedule.org_id == scope.org_id, Schedule.project_id == scope.project_id, Schedule.name == name
    )
    return await work.session.scalar(query) not in (None, but)


async def schedules(work: Work, scope: OrgScope, *, before: UUID | None, limit: int) -> Sequence[Schedule]:
    """The project's schedules, the newest first, from below the id `before`."""
    query = select(Schedule).where(Schedule.org_id == scope.org_id, Schedule.project_id == scope.project_id)
    query = query.where(Schedule.id < before) if before is not None else query
    return (await work.session.scalars(query.order_by(Schedule.id.desc()).limit(limit))).all()


async def starting(work: Work, agents: Collection[str]) -> Sequence[Scheduled]:
    """See `Dependents.schedules`."""
    scope = work.speaks_for
    query = select(Schedule.name, Schedule.agent).where(
        Schedule.org_id == scope.org_id,
        Schedule.project_id == scope.project_id,
        func.split_part(Schedule.agent, "@", 1).in_(agents),
    )
    return [Scheduled(*row) for row in await work.session.execute(query.order_by(Schedule.name))]


async def remove(work: Work, row: Schedule) -> None:
    """Delete a schedule and its history. Its runs stay."""
    await work.session.execute(delete(Schedule).where(Schedule.org_id == row.org_id, Schedule.id == row.id))


async def due(work: Work, *, limit: int) -> list[Due]:
    """Schedules of all organizations whose moment has come, the earliest first."""
    query = select(Schedule.org_id, Schedule.project_id, Schedule.id, Schedule.next_at, func.now().label("now"))
    rows = await work.session.execute(
        query.where(Schedule.next_at <= func.now()).order_by(Schedule.next_at).limit(limit)
    )
    return [Due(OrgScope(r.org_id, r.project_id, actor=f"schedule:{r.id}"), r.id, r.next_at, r.now) for r in rows]


async def take(work: Work, org_id: UUID, number: UUID, moment: datetime, *, manual: bool = False) -> bool:
    """Make a moment one's own: true for the first who asks, and for another one when that one vanished."""
    row = ScheduleFiring
    statement = insert(row).values(
        org_id=org_id, schedule_id=number, due_at=moment, held_until=func.now() + HELD, manual=manual
    )
    statement = statement.on_conflict_do_update(
        index_elements=[row.org_id, row.schedule_id, row.due_at],
        set_={"held_until": func.now() + HELD},
        where=(row.outcome == "pending") & (row.held_until < func.now()),
    )
    return (await work.session.execute(statement.returning(row.due_at))).one_or_none() is not None


async def is_under_way(work: Work, org_id: UUID, number: UUID) -> bool:
    """Whether a run that the schedule started has not ended."""
    query = (
        select(Run.id)
        .join(ScheduleFiring, (ScheduleFiring.org_id == Run.org_id) & (ScheduleFiring.run_id == Run.id))
        .where(ScheduleFiring.org_id == org_id, ScheduleFiring.schedule_id == number, Run.finished_at.is_(None))
        .limit(1)
    )
    return await work.session.scalar(query) is not None


async def settle(
    work: Work, org_id: UUID, number: UUID, moment: datetime, outcome: str, *, run_id: UUID | None, error: str | None
) -> None:
    """Note what became of a moment."""
    row = ScheduleFiring
    await work.session.execute(
        update(row)
        .where(row.org_id == org_id, row.schedule_id == number, row.due_at == moment, row.outcome == "pending")
        .values(outcome=outcome, run_id=run_id, error=error, fired_at=func.now())
    )


async def advance(work: Work, seen: Due, next_at: datetime | None) -> None:
    """Wait for the next moment, if there is one, unless somebody changed the schedule or did the same meanwhile."""
    await work.session.execute(
        update(Schedule)
        .where(Schedule.org_id == seen.scope.org_id, Schedule.id == seen.id, Schedule.next_at == seen.next_at)
        .values(next_at=next_at)
    )


async def firings(work: Work, org_id: UUID, number: UUID, *, limit: int) -> list[FiringOut]:
    """What became of the schedule's newest moments."""
    row = ScheduleFiring
    query = select(row).where(row.org_id == org_id, row.schedule_id == number).order_by(row.due_at.desc()).limit(limit)
    return [
        FiringOut(
            due_at=one.due_at,
            outcome=one.outcome,
            manual=one.manual,
            run_id=str(one.run_id) if one.run_id else None,
            error=one.error,
            fired_at=one.fired_at,
        )
        for one in await work.session.scalars(query)
    ]


def out(row: Schedule) -> ScheduleOut:
    """The row as doors see it."""
    own = {"id": str(row.id), "run": row.request, "metadata": row.schedule_metadata}
    return ScheduleOut.model_validate(
        own | {name: getattr(row, name) for name in ScheduleOut.model_fields if name not in own}
    )


async def is_settled(work: Work, org_id: UUID, number: UUID, moment: datetime) -> bool:
    """Whether it is known what became of a moment."""
    row = await work.session.get(ScheduleFiring, (org_id, number, moment))
    return row is not None and row.outcome != "pending"


async def forget_firings(work: Work, scope: OrgScope, before: datetime, most: int) -> int:
    """Delete what became of moments before that one, of the project's schedules; gives how many, at most `most`."""
    row = ScheduleFiring
    # Settled so long ago too: a schedule that makes up for old moments still looks at what became of them.
    old = (
        select(row.schedule_id, row.due_at)
        .join(Schedule, (Schedule.org_id == row.org_id) & (Schedule.id == row.schedule_id))
        .where(row.org_id == scope.org_id, Schedule.project_id == scope.project_id, row.due_at < before)
        .where(row.fired_at < before, row.outcome != "pending")
        .limit(most)
    )
    gone = delete(row).where(row.org_id == scope.org_id, tuple_(row.schedule_id, row.due_at).in_(old))
    return len((await work.session.scalars(gone.returning(row.due_at))).all())
