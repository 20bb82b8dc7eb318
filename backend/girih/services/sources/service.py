"""Data stores: sources bound to collections, tried out, synced on demand and by the clock, deleted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import BadCursor, Conflict, Forbidden, InvalidInput, NotFound
from girih.jobs import SYNC
from girih.providers.loaders.base import SourceFault, Unchanged
from girih.providers.loaders.opening import open_loader
from girih.providers.loaders.options import Source
from girih.providers.loaders.reach import Reach
from girih.services.knowledge import finding
from girih.services.knowledge.following import News
from girih.services.schedules.cron import next_moment
from girih.services.secrets.ports import SecretValues
from girih.services.sources import repository, sync_repository
from girih.services.sources.following import SyncTail
from girih.services.sources.schemas import (
    DataStoreChange,
    DataStoreIn,
    DataStoreOut,
    DataStorePage,
    ItemOut,
    ItemPage,
    SeenItem,
    SyncChangeOut,
    SyncChangePage,
    SyncIn,
    SyncOut,
    SyncPage,
    TrialOut,
)
from girih.services.sources.syncing import source_of
from girih.services.sources.tables import DataStore

TRIAL_SECONDS = 20.0
TRIAL_ITEMS = 10


class SourceService:
    """Keeps data stores and their syncs; a worker runs them."""

    def __init__(self, uow: UnitOfWork, reach: Reach, news: News, secrets: SecretValues) -> None:
        self._uow = uow
        self._secrets = secrets
        self._reach = reach
        self._news = news

    async def create(self, scope: OrgScope, body: DataStoreIn) -> DataStoreOut:
        """A new data store. Raises `NotFound` (collection), `Conflict` (name), `InvalidInput` (source, cron)."""
        await self._require_usable(scope, body.source)
        next_at = _next_at(body.cron, body.timezone, enabled=body.enabled)
        async with self._uow(scope) as work:
            parent = await finding.collection(work, scope, body.collection)
            await _check_name(work, scope, body.name)
            row = DataStore(
                id=new_id(),
                org_id=scope.org_id,
                project_id=scope.project_id,
                collection_id=parent.id,
                name=body.name,
                kind=body.source.kind,
                config=body.source.model_dump(mode="json"),
                readers=body.readers,
                cron=body.cron,
                timezone=body.timezone,
                enabled=body.enabled,
                next_at=next_at,
                most_removed=body.most_removed,
                created_by=scope.actor,
            )
            work.session.add(row)
            return await _described(work, scope, row.id)

    async def data_store(self, scope: OrgScope, id: UUID) -> DataStoreOut:
        """One data store as it stands. Raises `NotFound`."""
        async with self._uow(scope) as work:
            return await _described(work, scope, id)

    async def data_stores(self, scope: OrgScope, *, cursor: str | None = None, limit: int = 50) -> DataStorePage:
        """The project's data stores, the newest first. Raises `BadCursor`."""
        before = _number(cursor)
        async with self._uow(scope) as work:
            items = await repository.described(work, scope, before=before, limit=limit + 1)
        return DataStorePage(items=items[:limit], next=str(items[limit - 1].id) if len(items) > limit else None)

    async def change(self, scope: OrgScope, id: UUID, body: DataStoreChange) -> DataStoreOut:
        """Change a data store; its clock goes on from now. Raises as `create` does."""
        if body.source is not None:
            await self._require_usable(scope, body.source)
        given = body.model_dump(mode="json", exclude_unset=True)
        async with self._uow(scope) as work:
            row = await _found(work, scope, id, lock=True)
            if body.name is not None:
                await _check_name(work, scope, body.name, but=id)
            if body.source is not None:
                # What the loader remembers is of another source.
                row.kind, row.config, row.state = body.source.kind, given["source"], {}
            for name in ("cron", "readers"):
                if name in given:
                    setattr(row, name, given[name])
            for name in ("name", "timezone", "enabled", "most_removed"):
                if given.get(name) is not None:
                    setattr(row, name, given[name])
            row.next_at = _next_at(row.cron, row.timezone, enabled=row.enabled)
            row.updated_at = datetime.now(UTC)
            return await _described(work, scope, id)

    async def delete(self, scope: OrgScope, id: UUID, *, documents: bool) -> SyncOut | None:
        """Delete a data store and its history; with `documents` a worker deletes those first, and its sync is given."""
        async with self._uow(scope) as work:
            row = await _found(work, scope, id, lock=True)
            await sync_repository.cancel(work, scope, id, "the data store is deleted")
            if not documents:
                await work.session.delete(row)
                return None
            row.deleting, row.enabled, row.next_at = True, False, None
            asked = SyncIn(remove_all=True)
            made = await sync_repository.begin(work, row, asked, scope.actor, stage="remove", found={"whole": True})
            return await _begun(work, scope, id, made)

    async def try_out(self, scope: OrgScope, id: UUID) -> TrialOut:
        """List the first things of the source, from here and now; nothing is taken. Raises `NotFound`."""
        async with self._uow(scope) as work:
            source = source_of(await _found(work, scope, id))
        try:
            async with asyncio.timeout(TRIAL_SECONDS):
                items = await _first(source, await self._reach_of(scope, source))
        except SourceFault as fault:
            return TrialOut(ok=False, reason=fault.message, help=fault.help)
        except TimeoutError:
            return TrialOut(ok=False, reason=f"the source was not listed within {TRIAL_SECONDS:g} s")
        return TrialOut(ok=True, items=items)

    async def sync(self, scope: OrgScope, id: UUID, asked: SyncIn) -> SyncOut:
        """Queue a sync. Raises `NotFound`, and `Conflict` while one is under way."""
        async with self._uow(scope) as work:
            row = await _found(work, scope, id, lock=True)
            if row.deleting:
                raise Conflict("the data store is being deleted")
            made = await sync_repository.begin(work, row, asked, scope.actor)
            return await _begun(work, scope, id, made)

    async def one_sync(self, scope: OrgScope, id: UUID, sync_id: UUID) -> SyncOut:
        """One sync as it stands. Raises `NotFound`."""
        async with self._uow(scope) as work:
            return await _sync(work, scope, id, sync_id)

    async def follow(self, scope: OrgScope, id: UUID, sync_id: UUID, after: int) -> SyncTail:
        """The sync's changes after that number, up to the one that ends it. Raises `NotFound`."""
        return await SyncTail(self._uow, self._news, scope, id, sync_id, after).open()

    async def syncs(self, scope: OrgScope, id: UUID, *, cursor: str | None = None, limit: int = 50) -> SyncPage:
        """A data store's syncs, the newest first. Raises `NotFound`, `BadCursor`."""
        before = _number(cursor)
        async with self._uow(scope) as work:
            await _found(work, scope, id)
            rows = await sync_repository.syncs(work, scope, id, before=before, limit=limit + 1)
            items = [sync_repository.out(row) for row in rows[:limit]]
        return SyncPage(items=items, next=str(items[-1].id) if len(rows) > limit else None)

    async def cancel(self, scope: OrgScope, id: UUID, sync_id: UUID) -> SyncOut:
        """Stop a sync; what it has done stays. Raises `NotFound`, and `Conflict` for one that has ended."""
        async with self._uow(scope) as work:
            row = await _found(work, scope, id, lock=True)
            found = await _sync(work, scope, id, sync_id)
            if found.status not in sync_repository.OPEN:
                raise Conflict(f"the sync has ended: it is {found.status}")
            if row.deleting:
                raise Conflict("the data store is being deleted", help="what is deleted does not come back")
            await sync_repository.cancel(work, scope, id, f"cancelled by {scope.actor}")
            return await _sync(work, scope, id, sync_id)

    async def changes(
        self,
        scope: OrgScope,
        id: UUID,
        sync_id: UUID,
        *,
        action: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> SyncChangePage:
        """What a sync did, or would have done, item by item. Raises `NotFound`, and `Forbidden` as `items` does."""
        async with self._uow(scope) as work:
            await _sync(work, scope, id, sync_id)
            _require_shown(await _found(work, scope, id), scope)
            rows = await sync_repository.changes(
                work, scope, sync_id, action=action, after=cursor or "", limit=limit + 1
            )
            items = [SyncChangeOut.model_validate(row) for row in rows[:limit]]
        return SyncChangePage(items=items, next=items[-1].ref if len(rows) > limit else None)

    async def items(
        self, scope: OrgScope, id: UUID, *, status: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> ItemPage:
        """What a data store knows of its source's things.

        Raises `NotFound`, and `Forbidden` where its documents name readers, for who does not manage data stores.
        """
        async with self._uow(scope) as work:
            _require_shown(await _found(work, scope, id), scope)
            rows = await repository.items(work, scope, id, status=status, after=cursor or "", limit=limit + 1)
            items = [ItemOut.model_validate(row) for row in rows[:limit]]
        return ItemPage(items=items, next=items[-1].ref if len(rows) > limit else None)

    async def _reach_of(self, scope: OrgScope, source: Source) -> Reach:
        return await self._reach.with_secrets(source, partial(self._secrets.value, scope))

    async def _require_usable(self, scope: OrgScope, source: Source) -> None:
        """Refuse a source that this installation cannot reach. Raises `InvalidInput`."""
        try:
            open_loader(source, await self._reach_of(scope, source), {}, whole=True)
        except SourceFault as fault:
            raise InvalidInput(fault.message, help=fault.help) from fault


async def _first(source: Source, reach: Reach) -> list[SeenItem]:
    try:
        pages = open_loader(source, reach, {}, whole=True).pages(None)
        async for page in pages:
            if page.items:
                return [SeenItem.model_validate(item) for item in page.items[:TRIAL_ITEMS]]
    except Unchanged:
        return []
    return []


async def _begun(work: Work, scope: OrgScope, id: UUID, made: UUID | None) -> SyncOut:
    if made is None:
        raise Conflict("a sync of this data store is under way", help="wait for its end, or cancel it")
    work.after_commit(SYNC, made)
    return await _sync(work, scope, id, made)


async def _sync(work: Work, scope: OrgScope, id: UUID, sync_id: UUID) -> SyncOut:
    row = await sync_repository.sync(work, scope, id, sync_id)
    if row is None:
        raise NotFound("there is no such sync")
    return sync_repository.out(row)


async def _described(work: Work, scope: OrgScope, id: UUID) -> DataStoreOut:
    await work.session.flush()
    work.session.expire_all()
    rows = await repository.described(work, scope, id=id)
    if not rows:
        raise _absent()
    return rows[0]


async def _found(work: Work, scope: OrgScope, id: UUID, *, lock: bool = False) -> DataStore:
    row = await repository.store(work, scope, id, lock=lock)
    if row is None:
        raise _absent()
    return row


def _require_shown(store: DataStore, scope: OrgScope) -> None:
    """Nobody in particular asks here, and what a source calls its things says much of what is in them."""
    if store.readers is not None and "sources:write" not in scope.permissions:
        raise Forbidden(
            "the documents of this data store are for named readers only",
            help="list the collection's documents for one of them, or use a key with sources:write",
        )


async def _check_name(work: Work, scope: OrgScope, name: str, *, but: UUID | None = None) -> None:
    if await repository.is_named(work, scope, name, but=but):
        raise Conflict(f"a data store is named '{name}' already", help="choose another name, or change that one")


def _absent() -> NotFound:
    return NotFound("there is no such data store", help="list the project's data stores to see which there are")


def _next_at(cron: str | None, timezone: str, *, enabled: bool) -> datetime | None:
    """The first moment from now. Raises `InvalidInput` also where it is not waited for."""
    found = next_moment(cron or "0 0 * * *", timezone, datetime.now(UTC))
    return found if cron is not None and enabled else None


def _number(cursor: str | None) -> UUID | None:
    try:
        return UUID(cursor) if cursor is not None else None
    except ValueError:
        raise BadCursor("the cursor is not one of this list", help="send the `next` of the page before") from None
