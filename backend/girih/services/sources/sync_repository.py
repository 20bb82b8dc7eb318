"""The rows of syncs and of what they changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.sources.schemas import SyncIn, SyncOut
from girih.services.sources.tables import DataStore, Sync, SyncChange

KEPT = 100
"""So many syncs of a data store are kept; the oldest go first."""
OPEN = ("queued", "running")


async def begin(
    work: Work,
    store: DataStore,
    asked: SyncIn,
    actor: str,
    *,
    due_at: datetime | None = None,
    stage: str = "list",
    found: dict[str, Any] | None = None,
) -> UUID | None:
    """Queue a sync, unless one of the data store is under way or its moment was taken: `None` then."""
    statement = insert(Sync).values(
        id=new_id(),
        org_id=store.org_id,
        project_id=store.project_id,
        store_id=store.id,
        stage=stage,
        due_at=due_at,
        created_by=actor,
        found=found or {},
        **asked.model_dump(),
    )
    return await work.session.scalar(statement.on_conflict_do_nothing().returning(Sync.id))


async def skip(work: Work, store: DataStore, due_at: datetime, actor: str, reason: str) -> None:
    """Note that nothing was done at a moment, and why, unless that moment was taken by another process."""
    statement = insert(Sync).values(
        id=new_id(),
        org_id=store.org_id,
        project_id=store.project_id,
        store_id=store.id,
        status="skipped",
        stage="done",
        due_at=due_at,
        created_by=actor,
        found={},
        reason=reason,
        finished_at=func.now(),
    )
    await work.session.execute(statement.on_conflict_do_nothing())


async def sync(work: Work, scope: OrgScope, store_id: UUID, id: UUID) -> Sync | None:
    """A sync of the project's data store."""
    query = select(Sync).where(
        Sync.org_id == scope.org_id, Sync.project_id == scope.project_id, Sync.store_id == store_id, Sync.id == id
    )
    return await work.session.scalar(query.execution_options(populate_existing=True))


async def open_sync(work: Work, store: DataStore) -> UUID | None:
    """The sync of a data store that has not ended."""
    query = select(Sync.id).where(Sync.org_id == store.org_id, Sync.store_id == store.id, Sync.status.in_(OPEN))
    return await work.session.scalar(query)


async def syncs(work: Work, scope: OrgScope, store_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Sync]:
    """Syncs of a data store, the newest first, from below the id `before`."""
    query = select(Sync).where(
        Sync.org_id == scope.org_id, Sync.project_id == scope.project_id, Sync.store_id == store_id
    )
    query = query.where(Sync.id < before) if before is not None else query
    return (await work.session.scalars(query.order_by(Sync.id.desc()).limit(limit))).all()


async def cancel(work: Work, scope: OrgScope, store_id: UUID, reason: str) -> None:
    """End the sync of a data store that has not ended; whoever runs it notices with its next write."""
    statement = update(Sync).where(Sync.org_id == scope.org_id, Sync.store_id == store_id, Sync.status.in_(OPEN))
    ended = {"status": "cancelled", "reason": reason, "lease_until": None}
    await work.session.execute(
        statement.values(**ended, fence=Sync.fence + 1, finished_at=func.now(), updated_at=func.now())
    )


async def changes(
    work: Work, scope: OrgScope, sync_id: UUID, *, action: str | None, after: str, limit: int
) -> Sequence[SyncChange]:
    """What a sync changed, by `ref`."""
    query = select(SyncChange).where(
        SyncChange.org_id == scope.org_id, SyncChange.sync_id == sync_id, SyncChange.ref > after
    )
    query = query.where(SyncChange.action == action) if action is not None else query
    return (await work.session.scalars(query.order_by(SyncChange.ref).limit(limit))).all()


async def noted(work: Work, scope: OrgScope, sync_id: UUID, refs: Iterable[str]) -> set[str]:
    """Which of these a sync has noted already."""
    query = select(SyncChange.ref).where(
        SyncChange.org_id == scope.org_id, SyncChange.sync_id == sync_id, SyncChange.ref.in_(tuple(refs))
    )
    return set(await work.session.scalars(query))


async def forget_old(work: Work, scope: OrgScope, store_id: UUID) -> None:
    """Keep the newest syncs of a data store only."""
    mine = (Sync.org_id == scope.org_id, Sync.store_id == store_id)
    old = select(Sync.id).where(*mine).order_by(Sync.id.desc()).offset(KEPT)
    await work.session.execute(delete(Sync).where(*mine, Sync.id.in_(old), Sync.status.not_in(OPEN)))


def out(row: Sync) -> SyncOut:
    """The row as doors see it."""
    own = {"data_store_id": row.store_id, "eta_seconds": _eta_seconds(row)}
    return SyncOut.model_validate(own | {name: getattr(row, name) for name in SyncOut.model_fields if name not in own})


def _eta_seconds(row: Sync) -> float | None:
    if row.status != "running" or row.stage != "list" or row.total is None or row.started_at is None or not row.listed:
        return None
    took = (row.updated_at - row.started_at).total_seconds()
    return round(took / row.listed * max(row.total - row.listed, 0), 1)
