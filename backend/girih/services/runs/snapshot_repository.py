"""Where the moments of threads are kept: their states, and the checkpoints of the runs on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.runs.tables import Run, RunCheckpoint, RunPause
from girih.services.runs.thread_tables import ThreadState


def _on(scope: OrgScope, thread_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return Run.org_id == scope.org_id, Run.project_id == scope.project_id, Run.thread_id == thread_id


async def last_run(work: Work, scope: OrgScope, thread_id: UUID) -> Run | None:
    """The thread's last run that has begun."""
    query = select(Run).where(*_on(scope, thread_id), Run.attempt > 0).order_by(Run.thread_seq.desc()).limit(1)
    found: Run | None = await work.session.scalar(query)
    return found


async def runs_before(
    work: Work, scope: OrgScope, thread_id: UUID, before: datetime | None, *, limit: int, offset: int
) -> Sequence[Run]:
    """The thread's runs that began before a moment, the newest first."""
    query = select(Run).where(*_on(scope, thread_id), Run.attempt > 0)
    query = query if before is None else query.where(Run.started_at <= before)
    return (await work.session.scalars(query.order_by(Run.thread_seq.desc()).limit(limit).offset(offset))).all()


async def states_before(
    work: Work, org_id: UUID, thread_id: UUID, before: datetime | None, *, limit: int
) -> Sequence[ThreadState]:
    """The thread's states until a moment, the newest first."""
    query = select(ThreadState).where(ThreadState.org_id == org_id, ThreadState.thread_id == thread_id)
    query = query if before is None else query.where(ThreadState.created_at <= before)
    return (await work.session.scalars(query.order_by(ThreadState.id.desc()).limit(limit))).all()


async def state_left_by(work: Work, run: Run) -> ThreadState | None:
    """The state that the run left to its thread."""
    query = select(ThreadState).where(
        ThreadState.org_id == run.org_id,
        ThreadState.thread_id == run.thread_id,
        ThreadState.run_id == run.id,
        ThreadState.source == "run",
    )
    found: ThreadState | None = await work.session.scalar(query.order_by(ThreadState.id.desc()).limit(1))
    return found


async def checkpoints_before(work: Work, run: Run, before: str | None, *, limit: int) -> Sequence[str]:
    """The ids of the checkpoints of the run's own graph, the newest first."""
    row = RunCheckpoint
    query = select(row.checkpoint_id).where(row.org_id == run.org_id, row.run_id == run.id, row.ns == "")
    query = query if before is None else query.where(row.checkpoint_id < before)
    return (await work.session.scalars(query.order_by(row.checkpoint_id.desc()).limit(limit))).all()


async def newest_space(work: Work, org_id: UUID, run_id: UUID, begins: str) -> str | None:
    """The namespace of the graph that a node ran last; behind its beginning stands which visit of the node it was."""
    row = RunCheckpoint
    query = select(row.ns).where(row.org_id == org_id, row.run_id == run_id, row.ns.startswith(begins, autoescape=True))
    query = query.where(func.strpos(func.substr(row.ns, len(begins) + 1), "/") == func.length(row.ns) - len(begins))
    found: str | None = await work.session.scalar(query.order_by(row.checkpoint_id.desc()).limit(1))
    return found


async def state_before(work: Work, run: Run) -> ThreadState | None:
    """The state that the thread was in when the run began.

    A run has its thread for itself, so nobody but the run can have left one while it was under way.
    """
    left = await state_left_by(work, run)
    query = select(ThreadState).where(ThreadState.org_id == run.org_id, ThreadState.thread_id == run.thread_id)
    if left is not None:
        query = query.where(ThreadState.id == left.parent_id)
    elif run.finished_at is not None:
        query = query.where(ThreadState.created_at <= run.finished_at)
    found: ThreadState | None = await work.session.scalar(query.order_by(ThreadState.id.desc()).limit(1))
    return found


async def run_on(work: Work, scope: OrgScope, thread_id: UUID, run_id: UUID) -> Run | None:
    """The thread's run of that id, if it has begun."""
    query = select(Run).where(*_on(scope, thread_id), Run.id == run_id, Run.attempt > 0)
    found: Run | None = await work.session.scalar(query)
    return found


async def run_of_checkpoint(work: Work, scope: OrgScope, thread_id: UUID, checkpoint_id: str) -> Run | None:
    """The thread's run that has a checkpoint of that id."""
    query = (
        select(Run)
        .join(RunCheckpoint, (RunCheckpoint.org_id == Run.org_id) & (RunCheckpoint.run_id == Run.id))
        .where(*_on(scope, thread_id), RunCheckpoint.ns == "", RunCheckpoint.checkpoint_id == checkpoint_id)
    )
    found: Run | None = await work.session.scalar(query.order_by(Run.thread_seq).limit(1))
    return found


async def outputs_at(work: Work, state: ThreadState) -> JsonObject | None:
    """The outputs of the last run that had ended when the thread was in that state."""
    until = (ThreadState.org_id == state.org_id, ThreadState.thread_id == state.thread_id, ThreadState.id <= state.id)
    # Where the thread went back to an earlier moment, what ended in between does not count.
    back = select(func.max(ThreadState.created_at)).where(*until, ThreadState.source == "fork").scalar_subquery()
    query = (
        select(Run.outputs)
        .join(ThreadState, (ThreadState.org_id == Run.org_id) & (ThreadState.run_id == Run.id))
        .where(*until, Run.outputs.is_not(None), or_(back.is_(None), ThreadState.created_at >= back))
    )
    found: JsonObject | None = await work.session.scalar(query.order_by(ThreadState.id.desc()).limit(1))
    return found


async def open_pauses(work: Work, org_id: UUID, run_ids: Collection[UUID]) -> Sequence[RunPause]:
    """What the runs wait for now, in the order it began."""
    query = select(RunPause).where(RunPause.org_id == org_id, RunPause.run_id.in_(run_ids), RunPause.state == "open")
    return (await work.session.scalars(query.order_by(RunPause.opened_at, RunPause.id))).all()


async def open_runs(work: Work, org_id: UUID, thread_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The run that is on each of the threads, if there is one: thread → run."""
    query = select(Run.thread_id, Run.id).where(
        Run.org_id == org_id, Run.thread_id.in_(thread_ids), Run.finished_at.is_(None), Run.attempt > 0
    )
    return {row[0]: row[1] for row in await work.session.execute(query) if row[0] is not None}
