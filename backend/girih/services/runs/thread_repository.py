"""The rows of threads and their states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, and_, case, delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.runs.asking_repository import asks_somebody
from girih.services.runs.tables import Run, RunPause
from girih.services.runs.thread_schemas import StateOut, ThreadOut
from girih.services.runs.thread_tables import Thread, ThreadState


@dataclass(frozen=True)
class WantedThreads:
    """Which threads: all that is given has to hold. `metadata` must be part of the thread's."""

    status: str | None = None
    agent: str | None = None
    metadata: JsonObject = field(default_factory=dict)


async def state_of(work: Work, org_id: UUID, thread_id: UUID) -> JsonObject:
    """The values the thread holds now."""
    query = (
        select(ThreadState.state)
        .join(Thread, (Thread.org_id == ThreadState.org_id) & (Thread.state_id == ThreadState.id))
        .where(ThreadState.org_id == org_id, ThreadState.thread_id == thread_id, Thread.id == thread_id)
    )
    return await work.session.scalar(query) or {}


async def thread(work: Work, scope: OrgScope, thread_id: UUID, *, lock: bool = False) -> Thread | None:
    """The project's thread of that id."""
    query = select(Thread).where(*_of(scope), Thread.id == thread_id)
    found: Thread | None = await work.session.scalar(query.with_for_update() if lock else query)
    return found


async def shown(work: Work, scope: OrgScope, thread_id: UUID) -> ThreadOut | None:
    """The project's thread of that id, as doors see it."""
    row = (await work.session.execute(select(Thread, status_of()).where(*_of(scope), Thread.id == thread_id))).first()
    return out(row[0], row[1]) if row is not None else None


async def threads(
    work: Work, scope: OrgScope, wanted: WantedThreads, *, before: UUID | None, limit: int
) -> list[ThreadOut]:
    """The project's threads, the newest first, from below the id `before`."""
    status = status_of()
    query = select(Thread, status).where(*_of(scope)).order_by(Thread.id.desc()).limit(limit)
    for condition in (
        Thread.id < before if before is not None else None,
        Thread.agent == wanted.agent if wanted.agent is not None else None,
        Thread.thread_metadata.contains(wanted.metadata) if wanted.metadata else None,
        status == wanted.status if wanted.status is not None else None,
    ):
        query = query if condition is None else query.where(condition)
    return [out(row, status) for row, status in await work.session.execute(query)]


async def add(
    work: Work, scope: OrgScope, *, metadata: JsonObject, ttl: timedelta | None, agent: str | None = None
) -> Thread:
    """A new thread, without a state."""
    row = Thread(
        id=new_id(),
        org_id=scope.org_id,
        project_id=scope.project_id,
        thread_metadata=metadata,
        ttl=ttl,
        expires_at=datetime.now(UTC) + ttl if ttl is not None else None,
        agent=agent,
    )
    work.session.add(row)
    await work.session.flush()
    return row


async def add_as(
    work: Work, scope: OrgScope, thread_id: UUID, *, metadata: JsonObject, ttl: timedelta | None, agent: str | None
) -> Thread | None:
    """A new thread of that id, without a state; `None` if there is one of that id in the organization."""
    statement = insert(Thread).values(
        id=thread_id,
        org_id=scope.org_id,
        project_id=scope.project_id,
        thread_metadata=metadata,
        ttl=ttl,
        expires_at=datetime.now(UTC) + ttl if ttl is not None else None,
        agent=agent,
    )
    made: Thread | None = await work.session.scalar(statement.on_conflict_do_nothing().returning(Thread))
    return made


async def move(
    work: Work,
    row: Thread,
    state: JsonObject,
    *,
    source: str,
    run_id: UUID | None = None,
    parent_id: UUID | None = None,
) -> ThreadState:
    """Give a locked (or new) thread its next state: one that follows the newest, or an earlier one."""
    made = ThreadState(
        org_id=row.org_id,
        thread_id=row.id,
        id=new_id(),
        parent_id=parent_id or row.state_id,
        run_id=run_id,
        source=source,
        state=state,
    )
    work.session.add(made)
    row.state_id, row.version = made.id, row.version + 1
    await touch(work, row)
    await work.session.flush()
    await work.session.refresh(made)
    return made


async def touch(work: Work, row: Thread) -> None:
    """Note that a locked thread was used: its time begins anew."""
    moment: datetime = (await work.session.execute(select(func.now()))).scalar_one()
    row.updated_at = moment
    row.expires_at = moment + row.ttl if row.ttl is not None else None
    await work.session.flush()


async def states(
    work: Work, org_id: UUID, thread_id: UUID, *, before: UUID | None = None, limit: int | None = None
) -> Sequence[ThreadState]:
    """The thread's states, the newest first."""
    query = select(ThreadState).where(ThreadState.org_id == org_id, ThreadState.thread_id == thread_id)
    query = query.where(ThreadState.id < before) if before is not None else query
    return (await work.session.scalars(query.order_by(ThreadState.id.desc()).limit(limit))).all()


async def state(work: Work, org_id: UUID, thread_id: UUID, state_id: UUID) -> ThreadState | None:
    """One state of the thread."""
    return await work.session.get(ThreadState, (org_id, thread_id, state_id))


async def open_runs(work: Work, org_id: UUID, thread_id: UUID) -> list[UUID]:
    """The thread's runs that have not ended, in line."""
    query = select(Run.id).where(Run.org_id == org_id, Run.thread_id == thread_id, Run.finished_at.is_(None))
    return list((await work.session.scalars(query.order_by(Run.thread_seq))).all())


async def remove(work: Work, row: Thread) -> None:
    """Delete a locked thread, with its states, its runs and all that belongs to them."""
    await work.session.execute(delete(Thread).where(Thread.org_id == row.org_id, Thread.id == row.id))


async def overdue(work: Work, *, limit: int) -> list[tuple[OrgScope, UUID]]:
    """Threads of all organizations whose time is over, the earliest first."""
    query = select(Thread.org_id, Thread.project_id, Thread.id).where(Thread.expires_at <= func.now())
    rows = await work.session.execute(query.order_by(Thread.expires_at).limit(limit))
    return [(OrgScope(row.org_id, row.project_id), row.id) for row in rows]


async def remove_overdue(work: Work, org_id: UUID, thread_id: UUID) -> bool:
    """Delete a thread whose time is over; not one that a run is on."""
    query = select(Thread).where(Thread.org_id == org_id, Thread.id == thread_id, Thread.expires_at <= func.now())
    row = await work.session.scalar(query.with_for_update(skip_locked=True))
    if row is None:
        return False
    if await open_runs(work, org_id, thread_id):
        await touch(work, row)
        return False
    await remove(work, row)
    return True


def state_out(row: ThreadState) -> StateOut:
    """The state as doors see it."""
    return StateOut(
        id=str(row.id),
        parent_id=str(row.parent_id) if row.parent_id else None,
        run_id=str(row.run_id) if row.run_id else None,
        source=row.source,
        state=row.state,
        created_at=row.created_at,
    )


def _of(scope: OrgScope) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Thread.org_id == scope.org_id, Thread.project_id == scope.project_id


def status_of() -> ColumnElement[str]:
    """How the thread of a query's row stands."""
    mine = (Run.org_id == Thread.org_id) & (Run.thread_id == Thread.id)
    ours = mine & Run.finished_at.is_(None)
    first: ScalarSelect[str] = select(Run.status).where(ours).order_by(Run.thread_seq).limit(1).scalar_subquery()
    # What is within a subquery of a subquery does not find the query's row by itself.
    of_first = select(Run.id).where(ours).order_by(Run.thread_seq).limit(1).correlate(Thread).scalar_subquery()
    mine_too = RunPause.org_id == Thread.org_id
    asks = exists().where(*asks_somebody(), mine_too, RunPause.run_id == of_first).correlate(Thread)
    ended = mine & Run.finished_at.is_not(None) & (Run.attempt > 0)
    last: ScalarSelect[str] = select(Run.status).where(ended).order_by(Run.thread_seq.desc()).limit(1).scalar_subquery()
    newest: ScalarSelect[int] = select(func.max(Run.thread_seq)).where(ended).correlate(Thread).scalar_subquery()
    is_last_removed = and_(Thread.removed_status == "failed", Thread.removed_seq > func.coalesce(newest, 0))
    return case(
        (and_(first == "interrupted", asks), "interrupted"),
        (first.is_not(None), "busy"),
        (or_(last == "failed", is_last_removed), "error"),
        else_="idle",
    )


def out(row: Thread, status: str) -> ThreadOut:
    """The thread as doors see it."""
    return ThreadOut(
        id=str(row.id),
        status=status,
        agent=row.agent,
        metadata=row.thread_metadata,
        version=row.version,
        state_id=str(row.state_id) if row.state_id else None,
        ttl=row.ttl.total_seconds() if row.ttl is not None else None,
        created_at=row.created_at,
        updated_at=row.updated_at,
        expires_at=row.expires_at,
    )
