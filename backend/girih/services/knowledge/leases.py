"""Who may work on an ingestion, until when: claims, heartbeats, progress and endings, each held by the fence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, and_, cast, func, or_, select, update

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.errors import LeaseLost
from girih.services.knowledge.lanes import LANE_OF, STATUS_OF, Lane
from girih.services.knowledge.schemas import Stage
from girih.services.knowledge.tables import Collection, Document, IngestJob

DIED = "the worker stopped in the middle of it"
"""What a job says while it is worked on: it stays if nobody comes back to say something else."""


@dataclass(frozen=True)
class Held:
    """A job this process holds, for as long as nobody took its fence further. `attempts` are those of its stage."""

    id: UUID
    scope: OrgScope
    document_id: UUID
    index_id: UUID
    generation: int
    fence: int
    attempts: int
    stage: Stage
    crashes: int

    @property
    def lane(self) -> Lane:
        """Whose work its stage is."""
        return LANE_OF[self.stage]


async def scope_of(work: Work, id: UUID) -> OrgScope | None:
    """Whom a job belongs to, from its row (in a transaction that reads for `ingest` and this id)."""
    row = (await work.session.execute(select(IngestJob.org_id, IngestJob.project_id).where(IngestJob.id == id))).first()
    return OrgScope(row.org_id, row.project_id, actor="worker") if row else None


async def claim(work: Work, scope: OrgScope, id: UUID, lease: timedelta, attempts: int) -> Held | None:
    """Take the job, if it is free and has attempts left; a free one without any fails for good."""
    free = or_(
        and_(IngestJob.status == "queued", or_(IngestJob.not_before.is_(None), IngestJob.not_before <= func.now())),
        _abandoned(),
    )
    job = await _taken(work, scope, id, free)
    if job is None:
        return None
    held = _fenced(scope, job)
    if await _is_given_up(work, job, held, attempts):
        return None
    job.status, job.reason = "running", DIED
    job.attempts += 1
    job.lease_until = func.now() + cast(lease, Interval)
    job.stage_began = func.now()
    await work.session.flush()
    await _show(work, held, STATUS_OF[held.stage], None)
    return replace(held, attempts=job.attempts)


async def give_back(work: Work, scope: OrgScope, id: UUID, attempts: int) -> bool:
    """Put a job whose holder died back among those that wait, or fail it; False where another was faster."""
    job = await _taken(work, scope, id, _abandoned())
    if job is None:
        return False
    held = _fenced(scope, job)
    if not await _is_given_up(work, job, held, attempts):
        job.status, job.lease_until = "queued", None
        await work.session.flush()
        await _show(work, held, "queued", None)
    return True


async def beat(work: Work, held: Held, lease: timedelta) -> bool:
    """Hold the job longer; False where its holder has ended it meanwhile. Raises `LeaseLost`."""
    try:
        await _change(work, held, lease_until=func.now() + cast(lease, Interval))
    except LeaseLost:
        # The holder's last transaction moves no fence: whoever takes the job over does.
        mine = and_(IngestJob.org_id == held.scope.org_id, IngestJob.id == held.id, IngestJob.fence == held.fence)
        if await work.session.scalar(select(IngestJob.id).where(mine)) is None:
            raise
        return False
    return True


async def progress(work: Work, held: Held, done: int, total: int, reused: int = 0) -> None:
    """Note how far the stage is. Raises `LeaseLost`."""
    await _change(work, held, done=done, total=total, reused=reused)


async def advance(work: Work, held: Held, stage: Stage, total: int = 0) -> Held:
    """Go on with another stage of the same lane, with fresh attempts. Raises `LeaseLost`."""
    await _hold(work, held.scope, held.document_id)
    fresh = {"done": 0, "total": total, "attempts": 1, "stage_began": func.now()}
    await _change(work, held, stage=stage, **fresh)
    await _show(work, held, STATUS_OF[stage], None)
    return replace(held, stage=stage, attempts=1)


async def hand_over(work: Work, held: Held, stage: Stage, total: int = 0) -> None:
    """Let the job wait for a stage of another lane, with fresh attempts. Raises `LeaseLost`."""
    await _hold(work, held.scope, held.document_id)
    fresh = {"done": 0, "total": total, "attempts": 0, "stage_began": None, "reason": None}
    await _change(work, held, status="queued", stage=stage, lane=LANE_OF[stage], lease_until=None, **fresh)
    await _show(work, held, STATUS_OF[stage], None)


async def keep(work: Work, held: Held) -> None:
    """Hold the job's row to the end of the transaction. Raises `LeaseLost`."""
    if await work.session.scalar(select(IngestJob.id).where(_mine(held)).with_for_update()) is None:
        raise LeaseLost("this ingestion was taken over, replaced or deleted")


async def finish(work: Work, held: Held, total: int) -> None:
    """End the job well. Raises `LeaseLost`."""
    await _change(work, held, status="done", stage="done", done=total, total=total, reason=None, lease_until=None)


async def fail(work: Work, held: Held, reason: str) -> None:
    """End the job badly, with a reason for the document's owner. Raises `LeaseLost`."""
    await _hold(work, held.scope, held.document_id)
    await _change(work, held, status="failed", reason=reason, lease_until=None)
    await _show(work, held, "failed", reason)


async def release(work: Work, held: Held, reason: str, delay: timedelta, *, has_progressed: bool = False) -> None:
    """Give the job back to be tried again after a while; progress brings fresh attempts. Raises `LeaseLost`."""
    await _hold(work, held.scope, held.document_id)
    fresh: dict[str, Any] = {"attempts": 0} if has_progressed else {}
    not_before = func.now() + cast(delay, Interval)
    await _change(work, held, status="queued", reason=reason, lease_until=None, not_before=not_before, **fresh)
    await _show(work, held, "queued", None)


async def hand_on(work: Work, held: Held) -> None:
    """Give the job back because this process stops; that does not count as an attempt. Raises `LeaseLost`."""
    await _hold(work, held.scope, held.document_id)
    await _change(work, held, status="queued", reason=None, lease_until=None, attempts=IngestJob.attempts - 1)
    await _show(work, held, "queued", None)


def _abandoned() -> ColumnElement[bool]:
    return and_(IngestJob.status == "running", IngestJob.lease_until < func.now())


async def _taken(work: Work, scope: OrgScope, id: UUID, free: ColumnElement[bool]) -> IngestJob | None:
    """The job, held together with its document, if it is free."""
    mine = and_(IngestJob.org_id == scope.org_id, IngestJob.id == id)
    document_id = await work.session.scalar(select(IngestJob.document_id).where(mine))
    if document_id is None:
        return None
    await _hold(work, scope, document_id)
    return await work.session.scalar(select(IngestJob).where(mine, free).with_for_update(skip_locked=True))


def _fenced(scope: OrgScope, job: IngestJob) -> Held:
    """Move the job's fence: whoever held it before changes nothing more."""
    job.fence += 1
    job.crashes += job.status == "running"
    job.updated_at = func.now()
    stage: Any = job.stage
    return Held(
        job.id, scope, job.document_id, job.index_id, job.generation, job.fence, job.attempts, stage, job.crashes
    )


async def _is_given_up(work: Work, job: IngestJob, held: Held, attempts: int) -> bool:
    # Whoever kills its workers in one stage after another is no better than who does it in the same.
    if max(job.attempts, job.crashes) < attempts:
        return False
    reason = f"gave up after {attempts} attempts" + (f"; the last one: {job.reason}" if job.reason else "")
    job.status = "running"
    await work.session.flush()
    await fail(work, held, f"{reason}. Retry it, or report the document.")
    return True


async def _hold(work: Work, scope: OrgScope, document_id: UUID) -> None:
    """Hold the document: whoever changes both holds it before its job, so that no two wait for each other."""
    query = select(Document.id).where(Document.org_id == scope.org_id, Document.id == document_id)
    await work.session.execute(query.with_for_update())


def _mine(held: Held) -> ColumnElement[bool]:
    return and_(
        IngestJob.org_id == held.scope.org_id,
        IngestJob.id == held.id,
        IngestJob.fence == held.fence,
        IngestJob.status == "running",
    )


async def _change(work: Work, held: Held, **values: Any) -> None:
    statement = update(IngestJob).where(_mine(held)).values(**values, updated_at=func.now()).returning(IngestJob.id)
    if await work.session.scalar(statement.execution_options(synchronize_session=False)) is None:
        raise LeaseLost("this ingestion was taken over, replaced or deleted")


async def _show(work: Work, held: Held, status: str, reason: str | None) -> None:
    """Let the document say what its job does, if that is for the index searches read, and no newer content came."""
    searched = select(Collection.id).where(Collection.org_id == Document.org_id, Collection.index_id == held.index_id)
    statement = update(Document).where(
        Document.org_id == held.scope.org_id,
        Document.id == held.document_id,
        Document.generation == held.generation,
        Document.collection_id.in_(searched),
    )
    values: dict[str, Any] = {"status": status, "reason": reason, "updated_at": func.now()}
    await work.session.execute(statement.values(**values).execution_options(synchronize_session=False))
