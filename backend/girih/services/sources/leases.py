"""Who may work on a sync, until when: claims, heartbeats, progress and endings, each held by the fence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, and_, cast, func, or_, select, update

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.errors import LeaseLost
from girih.services.sources.tables import Sync


@dataclass(frozen=True)
class Held:
    """A sync this process holds, for as long as nobody took its fence further. The rest is as it was when taken."""

    id: UUID
    scope: OrgScope
    store_id: UUID
    fence: int
    attempts: int
    stage: str
    place: str | None
    dry_run: bool
    whole: bool
    remove_all: bool


async def scope_of(work: Work, id: UUID) -> OrgScope | None:
    """Whom a sync belongs to (in a transaction that reads for `reconcile`)."""
    query = select(Sync.org_id, Sync.project_id, Sync.store_id).where(Sync.id == id)
    row = (await work.session.execute(query)).first()
    return OrgScope(row.org_id, row.project_id, actor=f"data-store:{row.store_id}") if row else None


async def due(work: Work, limit: int, per_organization: int) -> list[str]:
    """Ids of syncs that can be taken (in a transaction that reads for `reconcile`), fairly mixed."""
    place = func.row_number().over(partition_by=Sync.org_id, order_by=Sync.created_at)
    ranked = select(Sync.id, place.label("place")).where(_free()).subquery()
    query = select(ranked.c.id).where(ranked.c.place <= per_organization).order_by(ranked.c.place).limit(limit)
    return [str(number) for number in await work.session.scalars(query)]


async def claim(work: Work, scope: OrgScope, id: UUID, lease: timedelta, attempts: int) -> Held | None:
    """Take the sync, if it is free and has attempts left; a free one without any fails for good."""
    query = select(Sync).where(Sync.org_id == scope.org_id, Sync.id == id, _free())
    row = await work.session.scalar(query.with_for_update(skip_locked=True))
    if row is None:
        return None
    row.fence += 1
    row.status = "running"
    row.updated_at = func.now()
    held = Held(
        row.id, scope, row.store_id, row.fence, row.attempts + 1, row.stage, row.place, row.dry_run, row.whole,
        row.remove_all,
    )  # fmt: skip
    if row.attempts >= attempts:
        reason = f"gave up after {attempts} attempts" + (f"; the last one: {row.reason}" if row.reason else "")
        await work.session.flush()
        await end(work, held, "failed", reason)
        return None
    row.attempts += 1
    row.lease_until = func.now() + cast(lease, Interval)
    row.started_at = row.started_at or func.now()
    row.reason = "the worker stopped in the middle of it"
    await work.session.flush()
    return held


async def beat(work: Work, held: Held, lease: timedelta) -> None:
    """Hold the sync longer. Raises `LeaseLost`."""
    await change(work, held, lease_until=func.now() + cast(lease, Interval))


async def end(work: Work, held: Held, status: str, reason: str | None) -> None:
    """End the sync. Raises `LeaseLost`."""
    stage = {"stage": "done"} if status == "done" else {}
    await change(work, held, status=status, reason=reason, lease_until=None, finished_at=func.now(), **stage)


async def release(work: Work, held: Held, reason: str, delay: timedelta) -> None:
    """Give the sync back to be tried again after a while. Raises `LeaseLost`."""
    not_before = func.now() + cast(delay, Interval)
    await change(work, held, status="queued", reason=reason, lease_until=None, not_before=not_before)


async def hand_on(work: Work, held: Held) -> None:
    """Give the sync back because this process stops; that does not count as an attempt. Raises `LeaseLost`."""
    await change(work, held, status="queued", reason=None, lease_until=None, attempts=Sync.attempts - 1)


async def change(work: Work, held: Held, **values: Any) -> None:
    """Write into the sync's row, if it is still held. Raises `LeaseLost`."""
    mine = and_(
        Sync.org_id == held.scope.org_id, Sync.id == held.id, Sync.fence == held.fence, Sync.status == "running"
    )
    statement = update(Sync).where(mine).values(**values, updated_at=func.now()).returning(Sync.id)
    if await work.session.scalar(statement.execution_options(synchronize_session=False)) is None:
        raise LeaseLost("this sync was taken over, cancelled or deleted")


def _free() -> Any:
    return or_(
        and_(Sync.status == "queued", or_(Sync.not_before.is_(None), Sync.not_before <= func.now())),
        and_(Sync.status == "running", Sync.lease_until < func.now()),
    )
