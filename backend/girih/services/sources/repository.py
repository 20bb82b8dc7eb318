"""The rows of data stores and of what they know of their sources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.knowledge.tables import Collection, Document
from girih.services.sources.schemas import DataStoreOut
from girih.services.sources.tables import DataStore, SourceItem


@dataclass(frozen=True)
class Due:
    """A data store whose moment has come, as it was seen."""

    scope: OrgScope
    id: UUID
    next_at: datetime


async def store(work: Work, scope: OrgScope, id: UUID, *, lock: bool = False) -> DataStore | None:
    """The project's data store of that id."""
    query = select(DataStore).where(
        DataStore.org_id == scope.org_id, DataStore.project_id == scope.project_id, DataStore.id == id
    )
    found: DataStore | None = await work.session.scalar(query.with_for_update() if lock else query)
    return found


async def is_named(work: Work, scope: OrgScope, name: str, *, but: UUID | None = None) -> bool:
    """Whether a data store of the project has that name, `but` for one."""
    query = select(DataStore.id).where(
        DataStore.org_id == scope.org_id, DataStore.project_id == scope.project_id, DataStore.name == name
    )
    return await work.session.scalar(query) not in (None, but)


async def described(
    work: Work, scope: OrgScope, *, id: UUID | None = None, before: UUID | None = None, limit: int = 1
) -> list[DataStoreOut]:
    """Data stores as doors see them, the newest first, from below the id `before`."""
    count = select(
        SourceItem.store_id,
        func.count(SourceItem.document_id).label("taken"),
        func.count().filter(SourceItem.status == "failed").label("failed"),
    ).where(SourceItem.org_id == scope.org_id)
    counted = count.group_by(SourceItem.store_id).subquery()
    query = (
        select(DataStore, Collection.name, func.coalesce(counted.c.taken, 0), func.coalesce(counted.c.failed, 0))
        .join(Collection, (Collection.org_id == DataStore.org_id) & (Collection.id == DataStore.collection_id))
        .outerjoin(counted, counted.c.store_id == DataStore.id)
        .where(
            DataStore.org_id == scope.org_id, DataStore.project_id == scope.project_id, Collection.deleted_at.is_(None)
        )
    )
    query = query.where(DataStore.id == id) if id is not None else query
    query = query.where(DataStore.id < before) if before is not None else query
    rows = await work.session.execute(query.order_by(DataStore.id.desc()).limit(limit))
    return [_out(row, collection, items, failed) for row, collection, items, failed in rows]


async def collection_name(work: Work, row: DataStore) -> str | None:
    """The name of its collection; `None` where that is being deleted."""
    query = select(Collection.name).where(
        Collection.org_id == row.org_id, Collection.id == row.collection_id, Collection.deleted_at.is_(None)
    )
    return await work.session.scalar(query)


async def filling(work: Work, collections: Iterable[str]) -> dict[str, list[str]]:
    """See `Dependents.data_stores`."""
    scope = work.speaks_for
    query = (
        select(Collection.name, DataStore.name)
        .join(DataStore, (Collection.org_id == DataStore.org_id) & (Collection.id == DataStore.collection_id))
        .where(
            Collection.org_id == scope.org_id,
            Collection.project_id == scope.project_id,
            Collection.deleted_at.is_(None),
            Collection.name.in_(tuple(collections)),
        )
        .order_by(DataStore.name)
    )
    found: dict[str, list[str]] = {}
    for collection, store in await work.session.execute(query):
        found.setdefault(collection, []).append(store)
    return found


async def due(work: Work, *, limit: int) -> list[Due]:
    """Data stores of all organizations whose moment has come, the earliest first."""
    query = select(DataStore.org_id, DataStore.project_id, DataStore.id, DataStore.next_at)
    rows = await work.session.execute(
        query.where(DataStore.next_at <= func.now()).order_by(DataStore.next_at).limit(limit)
    )
    return [Due(OrgScope(r.org_id, r.project_id, actor=f"data-store:{r.id}"), r.id, r.next_at) for r in rows]


async def known(work: Work, store: DataStore, refs: Iterable[str]) -> dict[str, SourceItem]:
    """What is known of these items. One whose document somebody deleted has none."""
    query = (
        select(SourceItem, Document.id)
        .outerjoin(Document, (Document.org_id == SourceItem.org_id) & (Document.id == SourceItem.document_id))
        .where(SourceItem.org_id == store.org_id, SourceItem.store_id == store.id, SourceItem.ref.in_(tuple(refs)))
    )
    found = {}
    for item, document_id in await work.session.execute(query):
        work.session.expunge(item)
        item.document_id = document_id
        found[item.ref] = item
    return found


async def gone(work: Work, store: DataStore, sync_id: UUID, *, after: str, limit: int) -> Sequence[SourceItem]:
    """Items that a sync did not see, by their `ref`."""
    query = select(SourceItem).where(
        SourceItem.org_id == store.org_id,
        SourceItem.store_id == store.id,
        SourceItem.seen_by != sync_id,
        SourceItem.ref > after,
    )
    rows = (await work.session.scalars(query.order_by(SourceItem.ref).limit(limit))).all()
    work.session.expunge_all()
    return rows


async def counts(work: Work, store: DataStore, sync_id: UUID) -> tuple[int, int]:
    """How many items are documents, and how many of those a sync did not see."""
    query = select(func.count(), func.count().filter(SourceItem.seen_by != sync_id)).where(
        SourceItem.org_id == store.org_id, SourceItem.store_id == store.id, SourceItem.document_id.is_not(None)
    )
    total, unseen = (await work.session.execute(query)).one()
    return int(total), int(unseen)


async def items(
    work: Work, scope: OrgScope, store_id: UUID, *, status: str | None, after: str, limit: int
) -> Sequence[SourceItem]:
    """Items of a data store, by their `ref`."""
    query = select(SourceItem).where(
        SourceItem.org_id == scope.org_id, SourceItem.store_id == store_id, SourceItem.ref > after
    )
    query = query.where(SourceItem.status == status) if status is not None else query
    return (await work.session.scalars(query.order_by(SourceItem.ref).limit(limit))).all()


async def remember(work: Work, scope: OrgScope, store_id: UUID, state: dict[str, str]) -> None:
    """Keep what the loader wants to know next time."""
    mine = (DataStore.org_id == scope.org_id, DataStore.id == store_id)
    await work.session.execute(update(DataStore).where(*mine).values(state=state))


def _out(row: DataStore, collection: str, items: int, failed: int) -> DataStoreOut:
    own = {"collection": collection, "source": row.config, "items": items, "failed_items": failed}
    return DataStoreOut.model_validate(
        own | {name: getattr(row, name) for name in DataStoreOut.model_fields if name not in own}
    )
