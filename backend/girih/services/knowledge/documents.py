"""Documents: uploaded, listed, changed, moved, tried again, deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from collections.abc import Collection as Principals
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from sqlalchemy import func

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, GirihError, InvalidInput, NotFound, Unavailable
from girih.providers.parsers.formats import suffix_of
from girih.providers.storage.base import Storage
from girih.services.knowledge import discards, document_repository, finding, index, queueing, repository
from girih.services.knowledge.blobs import Blobs, StoredBlob, key_of
from girih.services.knowledge.discards import Collector
from girih.services.knowledge.document_facts import require_fitting, require_storable
from girih.services.knowledge.document_schemas import (
    Deleted,
    DocumentChange,
    DocumentFilter,
    Given,
    SortBy,
    display_name,
)
from girih.services.knowledge.document_view import document_out
from girih.services.knowledge.lanes import BULK, INTERACTIVE
from girih.services.knowledge.media_types import media_type_of
from girih.services.knowledge.readers import require_readable, shown_to
from girih.services.knowledge.reindexing import ReindexingService, building
from girih.services.knowledge.schemas import DocumentOut
from girih.services.knowledge.tables import Collection, Document

MOST_AT_ONCE = 500
"""Documents that one request deletes."""


class DocumentService:
    """What can be done with documents. `data_dir` is where files lie while they arrive, and half-done work."""

    def __init__(
        self,
        uow: UnitOfWork,
        storage: Storage,
        data_dir: Path,
        *,
        max_upload_bytes: int = 50 * 2**20,
        versions: int = 10,
    ) -> None:
        self._uow = uow
        self._blobs = Blobs(storage, data_dir / "arriving")
        self._collector = Collector(uow, storage)
        self._max_upload_bytes = max_upload_bytes
        self._versions = versions
        self._indexes = ReindexingService(uow)

    async def upload(
        self, scope: OrgScope, collection: str, given: Given | str, content: AsyncIterator[bytes] | bytes
    ) -> DocumentOut:
        """Take a document (a name may be all that is given) and queue its ingestion.

        What is there already under that key and is equal is not brought in again. Other bytes under the same key
        replace the document's once they are ready; until then the old ones are found. Raises `NotFound` (the
        collection), `Unsupported` (the ending), `InvalidInput` (empty, bad name), `TooLarge`.
        """
        given = checked(Given(given) if isinstance(given, str) else given)
        async with self._uow(scope) as work:
            parent = await finding.collection(work, scope, collection)
            if given.metadata is not None:
                require_fitting(parent, given.metadata)
        blob = await self._blobs.receive(scope.org_id, content, self._max_upload_bytes)
        try:
            out, gone = await self._take(scope, collection, given, blob)
        except GirihError:
            await self._leave(scope, blob)
            raise
        await self._collector.collect(scope, gone)
        return out

    async def documents(
        self,
        scope: OrgScope,
        collection: str,
        wanted: DocumentFilter | None = None,
        principals: Principals[str] = (),
        *,
        sort: SortBy = "name",
        cursor: str | None = None,
        limit: int = 50,
    ) -> tuple[list[DocumentOut], str | None]:
        """Documents of a collection and the cursor of the next page, for whom `shown_to` says.

        Raises `NotFound`, `BadCursor`.
        """
        wanted = replace(wanted or DocumentFilter(), principals=shown_to(scope, principals))
        async with self._uow(scope) as work:
            parent = await finding.collection(work, scope, collection)
            rows, after = await document_repository.page(
                work, scope, parent.id, wanted, sort=sort, cursor=cursor, limit=limit
            )
            return [document_out(row) for row in rows], after

    async def document(self, scope: OrgScope, id: UUID, principals: Principals[str] = ()) -> DocumentOut:
        """One document and how far it is. Raises `NotFound`, `Forbidden`."""
        async with self._uow(scope) as work:
            require_readable(await finding.document(work, scope, id), scope, principals)
            return await _described(work, scope, id)

    async def change(self, scope: OrgScope, id: UUID, change: DocumentChange) -> DocumentOut:
        """Rename a document, change its metadata or readers, or move it, which brings it in anew.

        Raises `NotFound`, `InvalidInput`, and `Conflict` where the new place has such a document.
        """
        async with self._uow(scope) as work:
            document = await finding.document(work, scope, id)
            target = await finding.collection(work, scope, change.collection) if change.collection else None
            moves = target is not None and target.id != document.collection_id
            # Indexes before documents: see `Ingestion`.
            held = await repository.indexes_of(work, document, lock=True) if moves else []
            waiting = building(held)
            await work.session.refresh(document, with_for_update=True)
            _apply(document, change)
            await _require_free(work, document, target)
            if moves or change.metadata is not None:
                place = target or await finding.collection_of(work, document)
                require_fitting(place, document.facts)
            if target is not None and moves:
                for one in held:
                    await index.clear(work, one, document)
                document.collection_id, document.passages, document.pages = target.id, 0, None
                await queueing.new_content(work, document)
            out = await _described(work, scope, id)
        await self._indexes.settle_without(scope, waiting)
        return out

    async def retry(self, scope: OrgScope, id: UUID) -> DocumentOut:
        """Ingest a failed document again, with fresh attempts; one that is under way stays so.

        Raises `NotFound`, and `Conflict` for a document that is ready.
        """
        async with self._uow(scope) as work:
            document = await finding.document(work, scope, id, lock=True)
            if document.status == "ready":
                raise Conflict("the document is ready; there is nothing to retry", help="upload it to replace it")
            if document.status == "failed":
                await queueing.retry(work, document)
            return await _described(work, scope, id)

    async def restore(self, scope: OrgScope, id: UUID, version: int) -> DocumentOut:
        """Let the document hold again what it held in that version; that is a new version. Raises `NotFound`."""
        async with self._uow(scope) as work:
            document = await finding.document(work, scope, id, lock=True)
            wanted = await document_repository.versions(work, document, before=version + 1, limit=1)
            if not wanted or wanted[0].generation != version:
                raise NotFound(f"the document has no version {version}", help="list its versions")
            gone: list[str] = []
            if wanted[0].sha256 != document.sha256:
                document.media_type = wanted[0].media_type
                gone = await self._hold(work, document, StoredBlob(wanted[0].sha256, wanted[0].size))
            out = await _described(work, scope, id)
        await self._collector.collect(scope, gone)
        return out

    async def delete(self, scope: OrgScope, id: UUID) -> None:
        """Delete a document with its passages, its versions and its files. Raises `NotFound`."""
        async with self._uow(scope) as work:
            document = await finding.document(work, scope, id)
            held = await repository.indexes_of(work, document, lock=True)
            for one in held:
                await index.clear(work, one, document)
            hashes = await document_repository.hashes(work, document)
            gone = await discards.discard(work, (key_of(scope.org_id, sha256) for sha256 in hashes))
            await work.session.delete(document)
        await self._indexes.settle_without(scope, building(held))
        await self._collector.collect(scope, gone)

    async def delete_many(
        self, scope: OrgScope, ids: Iterable[UUID] = (), *, collection: str = "", wanted: DocumentFilter | None = None
    ) -> Deleted:
        """Delete these documents, or the first ones of a collection that fit, each by itself. Raises `NotFound`."""
        ids, more = list(dict.fromkeys(ids)), False
        if collection:
            async with self._uow(scope) as work:
                parent = await finding.collection(work, scope, collection)
                found = await document_repository.ids(work, parent.id, wanted or DocumentFilter(), MOST_AT_ONCE + 1)
            ids, more = list(found[:MOST_AT_ONCE]), len(found) > MOST_AT_ONCE
        missing = set()
        for each in ids:
            try:
                await self.delete(scope, each)
            except NotFound:
                missing.add(each)
        gone = [each for each in ids if each not in missing]
        return Deleted(deleted=gone, missing=sorted(missing), more=more)

    async def _take(
        self, scope: OrgScope, collection: str, given: Given, blob: StoredBlob
    ) -> tuple[DocumentOut, list[str]]:
        """Make stored bytes a document; gives it, and the files that go with its oldest versions."""
        async with self._uow(scope) as work:
            await discards.lock(work, key_of(scope.org_id, blob.sha256))
            if not await self._blobs.exists(scope.org_id, blob.sha256):
                raise Unavailable("the upload was removed with an equal document", help="upload it again")
            parent = await finding.collection(work, scope, collection)
            document = await document_repository.put(work, scope, parent.id, given.key or given.name, given.name)
            _describe(document, given)
            require_fitting(parent, document.facts)
            gone = await self._hold(work, document, blob) if document.sha256 != blob.sha256 else []
            return await _described(work, scope, document.id), gone

    async def _leave(self, scope: OrgScope, blob: StoredBlob) -> None:
        """Give up bytes that became no document."""
        async with self._uow(scope) as work:
            gone = await discards.discard(work, [key_of(scope.org_id, blob.sha256)])
        await self._collector.collect(scope, gone)

    async def _hold(self, work: Work, document: Document, blob: StoredBlob) -> list[str]:
        """Make these bytes the document's newest; gives the files that go with its oldest versions."""
        document.sha256, document.size = blob.sha256, blob.size
        # Nobody waits for what a data store brings: uploads go before it.
        await queueing.new_content(work, document, INTERACTIVE if document.source_id is None else BULK)
        await document_repository.add_version(work, document, work.speaks_for.actor)
        gone = await document_repository.forget_versions(work, document, self._versions)
        return await discards.discard(work, (key_of(document.org_id, sha256) for sha256 in gone))


def checked(given: Given) -> Given:
    """The same with the name as people see it. Raises `InvalidInput`, `Unsupported`."""
    name = display_name(given.name)
    suffix = suffix_of(name)
    key = display_name(given.key, "key") if given.key is not None else None
    require_storable(given.metadata)
    return Given(
        name=name,
        key=key,
        metadata=given.metadata,
        readers=given.readers,
        media_type=given.media_type or media_type_of(suffix),
        source_id=given.source_id,
        source_ref=given.source_ref,
    )


def _describe(document: Document, given: Given) -> None:
    """Let the row say what the caller says; it is touched only where that is new."""
    said = {
        "name": given.name,
        "media_type": given.media_type,
        "facts": None if given.metadata is None else dict(given.metadata),
        "readers": given.readers,
        "source_id": given.source_id,
        # What a data store brought keeps its name there, whoever uploads it again.
        "source_ref": given.source_ref if given.source_id or document.source_id is None else None,
    }
    for column, value in said.items():
        if value is not None and getattr(document, column) != value:
            setattr(document, column, value)
            document.updated_at = func.now()


def _apply(document: Document, change: DocumentChange) -> None:
    given = change.model_fields_set
    if change.name is not None:
        name = display_name(change.name)
        if suffix_of(name) != suffix_of(document.name):
            raise InvalidInput("a new name keeps the ending of the old one", help="upload the file under that name")
        # What was told apart by its name still is.
        document.key = name if document.key == document.name else document.key
        document.name = name
    if change.metadata is not None:
        require_storable(change.metadata)
        document.facts = dict(change.metadata)
    if "readers" in given:
        document.readers = change.readers
    document.updated_at = func.now()


async def _require_free(work: Work, document: Document, target: Collection | None) -> None:
    place = target.id if target is not None else document.collection_id
    with work.session.no_autoflush:
        if await document_repository.is_taken(work, place, document.key, but=document.id):
            raise Conflict(f"the collection has another document `{document.key}`", help="delete or rename that first")


async def _described(work: Work, scope: OrgScope, id: UUID) -> DocumentOut:
    await work.session.flush()
    work.session.expire_all()
    row = await document_repository.described(work, scope, id)
    if row is None:
        raise finding.no_document()
    return document_out(row)
