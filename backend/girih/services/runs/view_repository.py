"""Where a run's values began, and since when it goes on: what its rows and those of its thread tell."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import and_, func, or_, select, true
from sqlalchemy.orm import aliased

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.runs import tables
from girih.services.runs.asking_repository import BY_ITSELF
from girih.services.runs.tables import Run
from girih.services.runs.thread_tables import Thread, ThreadState

_EARLIER = aliased(Run)


async def state_before(work: Work, row: Run) -> ThreadState | None:
    """The state in which the run's thread was when the run began, or is as long as it has not.

    A run has its thread for itself: nothing but an earlier run, or somebody before it, can have left that state. What
    the run has left itself tells it by its parent.
    """
    state, earlier = ThreadState, _EARLIER
    if row.finished_at is None and row.attempt > 0:
        newest = await _newest_state(work, row)
        if newest is None or newest.run_id != row.id:
            return newest
    mine = and_(state.org_id == row.org_id, state.thread_id == row.thread_id)
    own = select(state.parent_id).where(mine, state.run_id == row.id, state.source == "run")
    left = (await work.session.execute(own)).first() if row.finished_at is not None else None
    if left is not None:
        return await work.session.get(state, (row.org_id, row.thread_id, left.parent_id)) if left.parent_id else None
    of_earlier = and_(earlier.org_id == state.org_id, earlier.id == state.run_id)
    before = or_(
        and_(state.source == "run", earlier.thread_seq < row.thread_seq),
        and_(state.source != "run", true() if row.finished_at is None else state.created_at <= row.finished_at),
    )
    query = select(state).outerjoin(earlier, of_earlier).where(mine, before).order_by(state.id.desc()).limit(1)
    found: ThreadState | None = await work.session.scalar(query)
    return found


async def _newest_state(work: Work, row: Run) -> ThreadState | None:
    """The state that the run's thread is in: while a run is on it, nobody else changes it."""
    is_newest = and_(Thread.org_id == ThreadState.org_id, Thread.state_id == ThreadState.id)
    of_thread = and_(ThreadState.org_id == row.org_id, ThreadState.thread_id == row.thread_id)
    query = select(ThreadState).join(Thread, is_newest).where(of_thread, Thread.id == row.thread_id)
    found: ThreadState | None = await work.session.scalar(query)
    return found


async def standing(work: Work, scope: OrgScope, run_id: UUID) -> tuple[bool, ThreadState | None]:
    """Whether the run has not ended, and the state that its thread is in, both as of one moment.

    As long as the run is on its thread, that is the state in which it began.
    """
    of_thread = and_(Thread.org_id == Run.org_id, Thread.id == Run.thread_id)
    is_newest = and_(
        ThreadState.org_id == Thread.org_id, ThreadState.thread_id == Thread.id, ThreadState.id == Thread.state_id
    )
    query = select(Run.finished_at, ThreadState).join(Thread, of_thread).outerjoin(ThreadState, is_newest)
    found = (await work.session.execute(query.where(Run.org_id == scope.org_id, Run.id == run_id))).first()
    return (found.finished_at is None, found[1]) if found is not None else (False, None)


async def taken_up_after(work: Work, row: Run) -> int:
    """The number of the last event with which the run began to wait for somebody and went on since; 0 for none.

    What waits for a time or an event goes on by itself: that is no such wait.
    """
    event = tables.RunEvent
    mine = and_(event.org_id == row.org_id, event.run_id == row.id)
    last = select(func.max(event.seq)).where(mine).scalar_subquery()
    query = select(event.seq, event.data).where(mine, event.type == "run.interrupted", event.seq < last)
    for seq, data in await work.session.execute(query.order_by(event.seq.desc())):
        if any(pause["kind"] not in BY_ITSELF for pause in data["interrupts"]):
            return int(seq)
    return 0


async def runs_of(work: Work, scope: OrgScope, thread_id: UUID, *, after: int, limit: int) -> list[tuple[UUID, int]]:
    """The thread's runs after number `after`, in line: their ids and numbers."""
    query = (
        select(Run.id, Run.thread_seq)
        .where(
            Run.org_id == scope.org_id,
            Run.project_id == scope.project_id,
            Run.thread_id == thread_id,
            Run.thread_seq > after,
        )
        .order_by(Run.thread_seq)
        .limit(limit)
    )
    return [(found.id, int(found.thread_seq or 0)) for found in await work.session.execute(query)]


async def last_of(work: Work, scope: OrgScope, thread_id: UUID) -> Run | None:
    """The thread's last run."""
    query = select(Run).where(
        Run.org_id == scope.org_id, Run.project_id == scope.project_id, Run.thread_id == thread_id
    )
    found: Run | None = await work.session.scalar(query.order_by(Run.thread_seq.desc()).limit(1))
    return found
