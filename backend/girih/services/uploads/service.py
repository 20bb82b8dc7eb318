"""Uploads in pieces: begun, continued by any process after any interruption, turned into a document, or given up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, GirihError, InvalidInput, NotFound, TooLarge, Unavailable
from girih.providers.storage.base import Storage
from girih.services.knowledge import discards, finding
from girih.services.knowledge.discards import Collector
from girih.services.knowledge.document_schemas import Given
from girih.services.knowledge.documents import DocumentService, checked
from girih.services.uploads import repository
from girih.services.uploads.pieces import Piece, keep, read
from girih.services.uploads.schemas import UploadOut
from girih.services.uploads.tables import Upload

MOST_PIECES = 10_000
"""Pieces of one upload: a caller that sends byte by byte fills no storage with files."""
_AT_ONCE = 100


class UploadService:
    """Takes files in pieces. `keep_for` is how long one is kept after its last piece."""

    def __init__(
        self,
        uow: UnitOfWork,
        storage: Storage,
        documents: DocumentService,
        *,
        max_upload_bytes: int = 50 * 2**20,
        keep_for: timedelta = timedelta(hours=24),
    ) -> None:
        self._uow = uow
        self._storage = storage
        self._documents = documents
        self._collector = Collector(uow, storage)
        self._max = max_upload_bytes
        self._keep_for = keep_for

    async def create(self, scope: OrgScope, collection: str, given: Given, length: int) -> UploadOut:
        """Begin an upload of `length` bytes. Raises `NotFound`, `TooLarge`, `InvalidInput`, `Unsupported`."""
        given = checked(given)
        if length > self._max:
            raise TooLarge(f"the file is larger than the limit of {self._max / 2**20:.4g} MB", limit=self._max)
        if length == 0:
            raise InvalidInput("the file is empty (0 bytes)", help="upload a file that has content")
        said = ("name", "key", "metadata", "readers", "source_ref")
        document = {one: getattr(given, one) for one in said}
        async with self._uow(scope) as work:
            parent = await finding.collection(work, scope, collection)
            row = Upload(
                id=new_id(),
                org_id=scope.org_id,
                project_id=scope.project_id,
                collection_id=parent.id,
                document=document | {"collection": parent.name},
                length=length,
                received=0,
                expires_at=self._expiry(),
                created_by=scope.actor,
            )
            work.session.add(row)
            await work.session.flush()
            await work.session.refresh(row)
            return _out(row)

    async def upload(self, scope: OrgScope, id: UUID) -> UploadOut:
        """How far an upload is. Raises `NotFound`."""
        async with self._uow(scope) as work:
            return _out(await _found(work, scope, id))

    async def append(
        self, scope: OrgScope, id: UUID, offset: int, content: AsyncIterator[bytes], checksum: tuple[str, bytes] | None
    ) -> UploadOut:
        """Take the bytes from `offset` on, as many as come; with the last one the upload becomes a document.

        Pieces that have come stay, also when the caller goes away in the middle; with a `checksum` (algorithm and
        digest) all of them stay, or none. Raises `NotFound`, `Conflict` for another offset, `TooLarge`,
        `ChecksumMismatch`, and what `DocumentService.upload` raises.
        """
        async with self._uow(scope) as work:
            row = await _found(work, scope, id)
            if row.received != offset:
                raise _elsewhere(row)
            if await repository.count_parts(work, row) >= MOST_PIECES:
                raise TooLarge(f"an upload has {MOST_PIECES} pieces at most", help="send larger pieces")
        prefix, room = prefix_of(row), row.length - offset

        async def note(pieces: Sequence[Piece]) -> None:
            await self._note(scope, id, pieces)

        await keep(self._storage, prefix, content, Piece("", offset, 0), room, checksum, note)
        out = await self.upload(scope, id)
        return await self._finish(scope, id) if out.received == out.length else out

    async def terminate(self, scope: OrgScope, id: UUID) -> None:
        """Give an upload up, and its pieces with it; what became a document stays. Raises `NotFound`."""
        async with self._uow(scope) as work:
            row = await _found(work, scope, id, lock=True)
            gone = await discards.discard(work, [prefix_of(row)])
            await work.session.delete(row)
        await self._collector.collect(scope, gone)

    async def expire(self) -> int:
        """Remove the uploads whose time is over, of all organizations; gives how many."""
        async with self._uow.reading_for("reconcile") as work:
            found = await repository.expired(work, datetime.now(UTC), _AT_ONCE)
        for org_id, project_id, collection_id, id_ in found:
            scope = OrgScope(org_id, project_id)
            async with self._uow(scope) as work:
                gone = await discards.discard(work, [f"uploads/{org_id}/{collection_id}/{id_}/"])
                await work.session.execute(delete(Upload).where(Upload.org_id == org_id, Upload.id == id_))
            await self._collector.collect(scope, gone)
        return len(found)

    async def _note(self, scope: OrgScope, id: UUID, pieces: Sequence[Piece]) -> None:
        """Count pieces as received. Raises `Conflict` when others have come there meanwhile."""
        async with self._uow(scope) as work:
            row = await _found(work, scope, id, lock=True)
            for piece in pieces:
                if not await repository.add_part(work, row, piece.start, piece.size, piece.key):
                    raise _elsewhere(row)
            row.expires_at = self._expiry()

    async def _finish(self, scope: OrgScope, id: UUID) -> UploadOut:
        """Make the document of an upload that is whole; done twice, it is the same document."""
        async with self._uow(scope) as work:
            row = await _found(work, scope, id)
            parts = await repository.parts(work, row)
        if row.document_id is not None or row.reason is not None:
            return _out(row)
        said = dict(row.document)
        collection = str(said.pop("collection"))
        pieces = read(self._storage, [part.key for part in parts])
        try:
            document = await self._documents.upload(scope, collection, Given(**said), pieces)
        except Unavailable:
            raise
        except GirihError as fault:
            await self._end(scope, row, None, fault.message)
            raise
        await self._end(scope, row, document.id, None)
        return await self.upload(scope, id)

    async def _end(self, scope: OrgScope, row: Upload, document_id: UUID | None, reason: str | None) -> None:
        async with self._uow(scope) as work:
            await repository.end(work, row, document_id, reason)
            await repository.forget_parts(work, row)
            gone = await discards.discard(work, [prefix_of(row)])
        await self._collector.collect(scope, gone)

    def _expiry(self) -> datetime:
        return datetime.now(UTC) + self._keep_for


def prefix_of(row: Upload) -> str:
    """Where the pieces of an upload lie."""
    return f"uploads/{row.org_id}/{row.collection_id}/{row.id}/"


async def _found(work: Work, scope: OrgScope, id: UUID, *, lock: bool = False) -> Upload:
    row = await repository.upload(work, scope, id, lock=lock)
    if row is None:
        raise NotFound("there is no such upload, or its time is over", help="begin it anew")
    return row


def _elsewhere(row: Upload) -> Conflict:
    return Conflict(
        f"the upload goes on at byte {row.received}", help="ask for its offset with HEAD, and send from there"
    )


def _out(row: Upload) -> UploadOut:
    return UploadOut(
        id=row.id,
        collection=row.document["collection"],
        name=row.document["name"],
        length=row.length,
        received=row.received,
        document_id=row.document_id,
        reason=row.reason,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
