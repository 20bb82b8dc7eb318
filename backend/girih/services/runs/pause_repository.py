"""The rows of what runs wait for: which are open, which are due, and how each comes to its one end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Float, and_, cast, func, or_, select, tuple_, update

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.repository import Due
from girih.services.runs.tables import Run, RunPause


@dataclass(frozen=True)
class Unreminded:
    """An open question whose time for an answer is partly over, and what a reminder of it says."""

    scope: OrgScope
    pause_id: UUID
    data: JsonObject


async def of_run(work: Work, org_id: UUID, run_id: UUID) -> Sequence[RunPause]:
    """Everything the run has ever waited for, in the order it began."""
    query = select(RunPause).where(RunPause.org_id == org_id, RunPause.run_id == run_id)
    return (await work.session.scalars(query.order_by(RunPause.opened_at, RunPause.id))).all()


async def pause(work: Work, scope: OrgScope, pause_id: UUID) -> RunPause | None:
    """The project's pause of that id, whatever its state."""
    query = select(RunPause).where(
        RunPause.org_id == scope.org_id, RunPause.project_id == scope.project_id, RunPause.id == pause_id
    )
    found: RunPause | None = await work.session.scalar(query)
    return found


async def open_pauses(
    work: Work,
    scope: OrgScope,
    *,
    everywhere: bool,
    agent: str | None,
    kind: str | None,
    node: str | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[RunPause]:
    """What is open in the project, or `everywhere` in its organization, the oldest first; timers only if asked for."""
    query = select(RunPause).where(RunPause.org_id == scope.org_id, RunPause.state == "open")
    for wanted in (
        RunPause.project_id == scope.project_id if not everywhere else None,
        RunPause.agent == agent if agent is not None else None,
        RunPause.kind == kind if kind is not None else RunPause.kind.in_(["ask", "approve"]),
        RunPause.node == node if node is not None else None,
        tuple_(RunPause.opened_at, RunPause.id) > after if after is not None else None,
    ):
        query = query if wanted is None else query.where(wanted)
    return (await work.session.scalars(query.order_by(RunPause.opened_at, RunPause.id).limit(limit))).all()


async def answer(work: Work, row: RunPause, value: JsonValue, by: str) -> bool:
    """Answer a pause if it is still open; the run's row has to be locked."""
    return await _close(work, row.id, state="answered", answer=value, answered_by=by, answered_at=func.now())


async def answer_with_event(work: Work, row_id: UUID, event_id: UUID, data: JsonObject, source: str) -> bool:
    """Answer a wait with an event if it is still open; the run's row has to be locked."""
    return await _close(
        work, row_id, state="answered", answer=data, answered_by=source, answered_at=func.now(), event_id=event_id
    )


async def _close(work: Work, row_id: UUID, **values: object) -> bool:
    statement = update(RunPause).where(RunPause.id == row_id, RunPause.state == "open").values(**values)
    return (await work.session.execute(statement.returning(RunPause.id))).one_or_none() is not None


async def go_on(work: Work, org_id: UUID, run_id: UUID) -> bool:
    """Queue a run that waits, for whichever process takes it. False when it runs or waits for a process already."""
    statement = (
        update(Run)
        .where(Run.org_id == org_id, Run.id == run_id, Run.status == "interrupted")
        .values(status="queued")
        .returning(Run.id)
    )
    return (await work.session.execute(statement)).one_or_none() is not None


async def waiting_for(work: Work, scope: OrgScope, type: str, data: JsonObject) -> list[tuple[UUID, UUID]]:
    """The runs and pauses that wait for an event of that type and data, by run, the oldest first."""
    query = (
        select(RunPause.run_id, RunPause.id)
        .where(
            RunPause.org_id == scope.org_id,
            RunPause.project_id == scope.project_id,
            RunPause.state == "open",
            RunPause.kind == "event",
            RunPause.event == type,
            RunPause.match.contained_by(data),
        )
        .order_by(RunPause.run_id, RunPause.opened_at, RunPause.id)
    )
    return [(row.run_id, row.id) for row in await work.session.execute(query)]


async def due(work: Work, *, limit: int) -> list[Due]:
    """Runs of all organizations with a deadline that has passed: of a pause or their own, the earliest first."""
    pauses = select(RunPause.org_id, RunPause.project_id, RunPause.run_id, RunPause.expires_at).where(
        RunPause.state == "open", RunPause.expires_at <= func.now()
    )
    expiring = select(Run.org_id, Run.project_id, Run.id, Run.expires_at).where(_is_over())
    moments = (
        pauses.order_by(RunPause.expires_at).limit(limit).union_all(expiring.order_by(Run.expires_at).limit(limit))
    )
    found = moments.subquery()
    query = (
        select(found.c.org_id, found.c.project_id, found.c.run_id, func.min(found.c.expires_at).label("at"))
        .group_by(found.c.org_id, found.c.project_id, found.c.run_id)
        .order_by("at")
        .limit(limit)
    )
    return [Due(OrgScope(r.org_id, r.project_id), r.run_id, 0) for r in await work.session.execute(query)]


async def unreminded(work: Work, *, share: float, limit: int) -> list[Unreminded]:
    """Open questions of all organizations of whose time that share is over, and not all; the most urgent first."""
    row = RunPause
    query = select(row).where(
        row.state == "open",
        row.kind.in_(["ask", "approve"]),
        row.reminded_at.is_(None),
        row.expires_at > func.now(),
        func.extract("epoch", row.expires_at - row.opened_at) * cast(share, Float)
        <= func.extract("epoch", func.now() - row.opened_at),
    )
    rows = await work.session.scalars(query.order_by(row.expires_at).limit(limit))
    return [Unreminded(OrgScope(one.org_id, one.project_id), one.id, _reminder(one)) for one in rows]


async def reminded(work: Work, pause_id: UUID) -> None:
    """Note that a reminder was published."""
    await work.session.execute(update(RunPause).where(RunPause.id == pause_id).values(reminded_at=func.now()))


async def time_out(work: Work, org_id: UUID, run_id: UUID) -> bool:
    """Close the run's pauses whose time is over; the run's row has to be locked. False when there was none."""
    statement = (
        update(RunPause)
        .where(
            RunPause.org_id == org_id,
            RunPause.run_id == run_id,
            RunPause.state == "open",
            RunPause.expires_at <= func.now(),
        )
        .values(state="timed_out")
        .returning(RunPause.id)
    )
    return bool((await work.session.execute(statement)).all())


async def expired(work: Work, scope: OrgScope, run_id: UUID) -> Run | None:
    """The run, locked, if its own time is over and nobody works on it."""
    query = select(Run).where(Run.org_id == scope.org_id, Run.id == run_id, _is_over())
    found: Run | None = await work.session.scalar(query.with_for_update())
    return found


def _is_over() -> ColumnElement[bool]:
    return and_(Run.expires_at <= func.now(), or_(Run.status == "queued", Run.status == "interrupted"))


def _reminder(row: RunPause) -> JsonObject:
    """What a reminder says: the same whenever it is said again."""
    named = {name: getattr(row, name) for name in ("agent", "node", "kind", "message")}
    ids = {"interrupt_id": str(row.id), "run_id": str(row.run_id)}
    return ids | named | {"expires_at": row.expires_at.isoformat() if row.expires_at else None}
