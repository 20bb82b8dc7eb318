"""What documents hold: their versions, their passages as searches find them, and the files as they were uploaded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from functools import partial
from pathlib import Path
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import BadCursor, NotFound
from girih.providers.storage.base import Storage
from girih.services.knowledge import document_repository, finding
from girih.services.knowledge.blobs import Blobs
from girih.services.knowledge.document_schemas import ChunkOut, Original, VersionOut
from girih.services.knowledge.readers import require_readable
from girih.services.knowledge.tables import Chunk, Document, DocumentVersion


class ContentService:
    """Looks into documents. Documents with readers are shown to those alone, and to who manages documents.

    `principals` are for whom it is asked, as documents name their readers: `user:ID`, `group:NAME`, `role:NAME`.
    """

    def __init__(self, uow: UnitOfWork, storage: Storage, data_dir: Path) -> None:
        self._uow = uow
        self._blobs = Blobs(storage, data_dir / "arriving")

    async def versions(
        self, scope: OrgScope, id: UUID, principals: Collection[str], *, cursor: str | None = None, limit: int = 50
    ) -> tuple[list[VersionOut], str | None]:
        """The document's versions, the newest first, and the cursor of the next page.

        Raises `NotFound`, `Forbidden`.
        """
        before = _number(cursor)
        async with self._uow(scope) as work:
            document = await _readable(work, scope, id, principals)
            newest = [row.id for row in await document_repository.versions(work, document, limit=1)]
            rows = await document_repository.versions(work, document, before=before, limit=limit + 1)
        items = [_version_out(row, current=row.id in newest) for row in rows]
        return items[:limit], str(items[limit - 1].version) if len(rows) > limit else None

    async def chunks(
        self, scope: OrgScope, id: UUID, principals: Collection[str], *, cursor: str | None = None, limit: int = 50
    ) -> tuple[list[ChunkOut], str | None]:
        """The document's passages in order, and the cursor of the next page. Raises `NotFound`, `Forbidden`."""
        after = _number(cursor)
        async with self._uow(scope) as work:
            document = await _readable(work, scope, id, principals)
            rows = await document_repository.chunks(work, document, -1 if after is None else after, limit + 1)
        items = [_chunk_out(row, document) for row in rows[:limit]]
        return items, str(items[-1].ordinal) if len(rows) > limit else None

    async def original(
        self, scope: OrgScope, id: UUID, principals: Collection[str], version: int | None = None
    ) -> Original:
        """The file of the document's newest content, or of a version. Raises `NotFound`, `Forbidden`."""
        async with self._uow(scope) as work:
            document = await _readable(work, scope, id, principals)
            before = None if version is None else version + 1
            found = await document_repository.versions(work, document, before=before, limit=1)
        if not found or version not in (None, found[0].generation):
            raise NotFound(f"the document has no version {version}", help="list its versions")
        return _original(self._blobs, found[0])


async def _readable(work: Work, scope: OrgScope, id: UUID, principals: Collection[str]) -> Document:
    document = await finding.document(work, scope, id)
    require_readable(document, scope, principals)
    return document


def _original(blobs: Blobs, version: DocumentVersion) -> Original:
    read: partial[AsyncIterator[bytes]] = partial(blobs.read, version.org_id, version.sha256)
    return Original(version.name, version.size, version.sha256, version.media_type, read)


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
        raise BadCursor("this is no cursor of this list", help="send the `next` of the page before")
    return int(cursor)


def _version_out(row: DocumentVersion, *, current: bool) -> VersionOut:
    return VersionOut(
        version=row.generation,
        current=current,
        name=row.name,
        size=row.size,
        sha256=row.sha256,
        media_type=row.media_type,
        metadata=row.facts,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def _chunk_out(row: Chunk, document: Document) -> ChunkOut:
    return ChunkOut(
        id=row.id,
        ordinal=row.ordinal,
        text=row.text,
        page=row.page,
        heading=row.heading,
        start=row.start,
        end=row.end,
        metadata=document.facts,
    )
