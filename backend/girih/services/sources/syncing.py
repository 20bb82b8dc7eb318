"""One sync under its lease: the source's items page by page, then what it does not name any more."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from pydantic import TypeAdapter

from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import LeaseLost, NotFound
from girih.providers.loaders.base import Loader, Page, SourceFault, Unchanged
from girih.providers.loaders.opening import open_loader
from girih.providers.loaders.options import Source
from girih.providers.loaders.reach import Reach
from girih.services.secrets.ports import SecretValues
from girih.services.sources import leases, repository, sync_repository
from girih.services.sources.leases import Held
from girih.services.sources.ports import Documents
from girih.services.sources.recording import Outcome, record, record_removed
from girih.services.sources.tables import DataStore, SourceItem, Sync
from girih.services.sources.taking import Subject, take

BATCH = 100
_SOURCE: TypeAdapter[Source] = TypeAdapter(Source)


def source_of(store: DataStore) -> Source:
    """The typed options of a data store."""
    return _SOURCE.validate_python(store.config)


class Syncing:
    """What a sync does from its beginning to its end, as often as it has to begin."""

    def __init__(self, uow: UnitOfWork, documents: Documents, reach: Reach, secrets: SecretValues) -> None:
        self._uow = uow
        self._secrets = secrets
        self._documents = documents
        self._reach = reach

    async def run(self, held: Held) -> None:
        """Do what is left of a sync. Raises `SourceFault`, `LeaseLost`."""
        store, collection = await self._store(held)
        if held.stage == "list":
            await self._list(held, store, collection)
            held = replace(held, stage="remove")
        await self._remove(held, store)
        await self._finish(held, store)

    async def _store(self, held: Held) -> tuple[DataStore, str]:
        async with self._uow(held.scope) as work:
            store = await repository.store(work, held.scope, held.store_id)
            collection = await repository.collection_name(work, store) if store is not None else None
            if store is None or collection is None:
                raise LeaseLost("the data store was deleted")
            work.session.expunge(store)
        return store, collection

    async def _list(self, held: Held, store: DataStore, collection: str) -> None:
        source = source_of(store)
        reach = await self._reach.with_secrets(source, partial(self._secrets.value, held.scope))
        loader = open_loader(source, reach, store.state, whole=held.whole)
        subject = Subject(held.scope, store.id, collection, store.readers, held.dry_run, self._reach.max_bytes)
        state: dict[str, str] = {}
        try:
            async for page in loader.pages(held.place):
                await self._page(held, store, subject, loader, page)
                state |= page.state
        except Unchanged:
            await self._nothing_new(held, store)
            return
        found = {"whole": loader.is_whole, "state": state}
        async with self._uow(held.scope) as work:
            await leases.change(work, held, stage="remove", found=found)

    async def _nothing_new(self, held: Held, store: DataStore) -> None:
        """The source says so itself: all is as it was, and nothing was listed that could be missing."""
        async with self._uow(held.scope) as work:
            total, _ = await repository.counts(work, store, held.id)
            found = {"whole": False, "state": dict(store.state)}
            await leases.change(work, held, stage="remove", found=found, unchanged=total, listed=total)

    async def _page(self, held: Held, store: DataStore, subject: Subject, loader: Loader, page: Page) -> None:
        """Take the items of a page that this sync has not seen yet. Changes are noted at once, the rest together."""
        items = {item.ref: item for item in page.items}
        known, done = await self._known(held, store, list(items))
        same: list[Outcome] = []
        for item in items.values():
            if item.ref in done:
                continue
            outcome = await take(subject, self._documents, loader, item, known.get(item.ref))
            if outcome is not None and outcome.action == "unchanged":
                same.append(outcome)
            elif outcome is not None:
                async with self._uow(held.scope) as work:
                    await record(work, held, [outcome], total=page.total)
        async with self._uow(held.scope) as work:
            await record(work, held, same, page.place, total=page.total)

    async def _known(self, held: Held, store: DataStore, refs: Sequence[str]) -> tuple[dict[str, SourceItem], set[str]]:
        """What is known of items, and which of them this sync has done before it was interrupted."""
        async with self._uow(held.scope) as work:
            known = await repository.known(work, store, refs)
            noted = await sync_repository.noted(work, held.scope, held.id, refs)
        return known, noted | {ref for ref, item in known.items() if item.seen_by == held.id}

    async def _remove(self, held: Held, store: DataStore) -> None:
        async with self._uow(held.scope) as work:
            if not await self._may_remove(work, held, store):
                return
        after = ""
        while True:
            async with self._uow(held.scope) as work:
                gone = await repository.gone(work, store, held.id, after=after, limit=BATCH)
                noted = await sync_repository.noted(work, held.scope, held.id, [item.ref for item in gone])
            if not gone:
                return
            for item in gone:
                if item.ref not in noted:
                    await self._remove_one(held, item)
            after = gone[-1].ref

    async def _may_remove(self, work: Work, held: Held, store: DataStore) -> bool:
        """Whether what was not seen is gone. Raises `SourceFault` where that would be suspiciously much."""
        row = await _row(work, held)
        if not row.found.get("whole"):
            return False
        total, unseen = await repository.counts(work, store, held.id)
        is_alone = unseen == 1 and row.listed > 0
        if unseen * 100 > store.most_removed * total and not is_alone and not held.remove_all:
            raise SourceFault(
                f"the source no longer names {unseen} of {total} documents, and at most {store.most_removed} % are "
                "removed without being told to",
                help="look whether the source is all right; if it is, sync with `remove_all`",
            )
        return True

    async def _remove_one(self, held: Held, item: SourceItem) -> None:
        if not held.dry_run and item.document_id is not None:
            async with self._uow(held.scope) as work:
                await leases.change(work, held)
            # Somebody may have been quicker, or we were before we stopped.
            with suppress(NotFound):
                await self._documents.delete(held.scope, item.document_id)
        async with self._uow(held.scope) as work:
            await record_removed(work, held, item)

    async def _finish(self, held: Held, store: DataStore) -> None:
        """End it well. What the loader remembers is kept only where nothing failed, so that all of that comes again."""
        async with self._uow(held.scope) as work:
            row = await _row(work, held)
            await leases.end(work, held, "done", None)
            if store.deleting:
                current = await repository.store(work, held.scope, store.id, lock=True)
                await work.session.delete(current)
                return
            if not held.dry_run and not row.failed:
                await repository.remember(work, held.scope, store.id, row.found.get("state", {}))
            await sync_repository.forget_old(work, held.scope, store.id)


async def _row(work: Work, held: Held) -> Sync:
    row = await sync_repository.sync(work, held.scope, held.store_id, held.id)
    if row is None:
        raise LeaseLost("the data store was deleted")
    return row
