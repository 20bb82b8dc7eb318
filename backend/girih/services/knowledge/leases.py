"""Who may work on an ingestion, until when: claims, heartbeats, progress and endings, each held by the fence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, and_, cast, func, or_, select, update

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.errors import LeaseLost
from girih.services.knowledge.schemas import Stage
from girih.services.knowledge.tables import Collection, Document, IngestJob


@dataclass(frozen=True)
class Held:
    """A job this process holds, for as long as nobody took its fence further."""

    id: UUID
    scope: OrgScope
    document_id: UUID
    index_id: UUID
    generation: int
    fence: int
    attempts: int


async def scope_of(work: Work, id: UUID) -> OrgScope | None:
    """Whom a job belongs to, from its row (in a transaction that reads for `ingest` and this id)."""
    row = (await work.session.execute(select(IngestJob.org_id, IngestJob.project_id).where(IngestJob.id == id))).first()
    return OrgScope(row.org_id, row.project_id, actor="worker") if row else None


async def due(work: Work, limit: int, per_organization: int, idle: timedelta) -> list[str]:
    """Ids of jobs that somebody should be rung for (in a transaction that reads for `reconcile`), fairly mixed.

    Those are queued ones nobody touched for `idle`, and running ones whose holder let the lease run out.
    """
    place = func.row_number().over(partition_by=IngestJob.org_id, order_by=IngestJob.created_at)
    waiting = and_(
        IngestJob.status == "queued",
        IngestJob.updated_at < func.now() - cast(idle, Interval),
        or_(IngestJob.not_before.is_(None), IngestJob.not_before <= func.now()),
    )
    abandoned = and_(IngestJob.status == "running", IngestJob.lease_until < func.now())
    ranked = select(IngestJob.id, place.label("place")).where(or_(waiting, abandoned)).subquery()
    query = select(ranked.c.id).where(ranked.c.place <= per_organization).order_by(ranked.c.place).limit(limit)
    return [str(job_id) for job_id in await work.session.scalars(query)]


async def claim(work: Work, scope: OrgScope, id: UUID, lease: timedelta, attempts: int) -> Held | None:
    """Take the job, if it is free and has attempts left; a free one without any fails for good."""
    free = or_(
        and_(IngestJob.status == "queued", or_(IngestJob.not_before.is_(None), IngestJob.not_before <= func.now())),
        and_(IngestJob.status == "running", IngestJob.lease_until < func.now()),
    )
    mine = and_(IngestJob.org_id == scope.org_id, IngestJob.id == id)
    document_id = await work.session.scalar(select(IngestJob.document_id).where(mine))
    if document_id is None:
        return None
    await _hold(work, scope, document_id)
    query = select(IngestJob).where(mine, free)
    job = await work.session.scalar(query.with_for_update(skip_locked=True))
    if job is None:
        return None
    job.fence += 1
    job.status = "running"
    job.updated_at = func.now()
    held = Held(job.id, scope, job.document_id, job.index_id, job.generation, job.fence, job.attempts + 1)
    if job.attempts >= attempts:
        reason = f"gave up after {attempts} attempts" + (f"; the last one: {job.reason}" if job.reason else "")
        await work.session.flush()
        await fail(work, held, f"{reason}. Retry it, or report the document.")
        return None
    job.attempts += 1
    job.lease_until = func.now() + cast(lease, Interval)
    job.reason = "the worker stopped in the middle of it"
    await work.session.flush()
    await _show(work, held, "running", None)
    return held


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


async def progress(work: Work, held: Held, stage: Stage, done: int, total: int) -> None:
    """Note how far the job is. Raises `LeaseLost`."""
    await _change(work, held, stage=stage, done=done, total=total)


async def finish(work: Work, held: Held, total: int) -> None:
    """End the job well. Raises `LeaseLost`."""
    await _change(work, held, status="done", stage="done", done=total, total=total, reason=None, lease_until=None)


async def fail(work: Work, held: Held, reason: str) -> None:
    """End the job badly, with a reason for the document's owner. Raises `LeaseLost`."""
    await _hold(work, held.scope, held.document_id)
    await _change(work, held, status="failed", reason=reason, lease_until=None)
    await _show(work, held, "failed", reason)


async def release(work: Work, held: Held, reason: str, delay: timedelta) -> None:
    """Give the job back to be tried again after a while. Raises `LeaseLost`."""
    await _hold(work, held.scope, held.document_id)
    not_before = func.now() + cast(delay, Interval)
    await _change(work, held, status="queued", reason=reason, lease_until=None, not_before=not_before)
    await _show(work, held, "queued", None)


async def hand_on(work: Work, held: Held) -> None:
    """Give the job back because this process stops; that does not count as an attempt. Raises `LeaseLost`."""
    await _hold(work, held.scope, held.document_id)
    await _change(work, held, status="queued", reason=None, lease_until=None, attempts=IngestJob.attempts - 1)
    await _show(work, held, "queued", None)


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
