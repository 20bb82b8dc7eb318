"""The rows of uploads that come in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.uploads.tables import Upload, UploadPart


async def upload(work: Work, scope: OrgScope, id: UUID, *, lock: bool = False) -> Upload | None:
    """The project's upload with that id, unless its time is over; with `lock`, held."""
    query = select(Upload).where(
        Upload.org_id == scope.org_id,
        Upload.project_id == scope.project_id,
        Upload.id == id,
        Upload.expires_at > func.now(),
    )
    return await work.session.scalar(query.with_for_update() if lock else query)


async def add_part(work: Work, upload: Upload, start: int, size: int, key: str) -> bool:
    """Note a piece at its place; false if another one has come there. The upload must be held."""
    row = {"org_id": upload.org_id, "upload_id": upload.id, "start": start, "size": size, "key": key}
    made = insert(UploadPart).values(**row).on_conflict_do_nothing().returning(UploadPart.start)
    if upload.received != start or await work.session.scalar(made) is None:
        return False
    upload.received += size
    await work.session.flush()
    return True


async def parts(work: Work, upload: Upload) -> Sequence[UploadPart]:
    """The pieces, in order."""
    query = select(UploadPart).where(UploadPart.org_id == upload.org_id, UploadPart.upload_id == upload.id)
    return (await work.session.scalars(query.order_by(UploadPart.start))).all()


async def count_parts(work: Work, upload: Upload) -> int:
    """How many pieces have come."""
    query = select(func.count()).where(UploadPart.org_id == upload.org_id, UploadPart.upload_id == upload.id)
    return await work.session.scalar(query) or 0


async def forget_parts(work: Work, upload: Upload) -> None:
    """Remove the rows of all pieces."""
    gone = delete(UploadPart).where(UploadPart.org_id == upload.org_id, UploadPart.upload_id == upload.id)
    await work.session.execute(gone)


async def end(work: Work, upload: Upload, document_id: UUID | None, reason: str | None) -> None:
    """Say what became of the upload."""
    own = Upload.org_id == upload.org_id, Upload.id == upload.id
    await work.session.execute(update(Upload).where(*own).values(document_id=document_id, reason=reason))


async def expired(work: Work, now: datetime, limit: int) -> list[tuple[UUID, UUID, UUID, UUID]]:
    """Organization, project, collection and id of uploads whose time is over, of all organizations."""
    query = select(Upload.org_id, Upload.project_id, Upload.collection_id, Upload.id).where(Upload.expires_at <= now)
    rows = await work.session.execute(query.order_by(Upload.expires_at).limit(limit))
    return [(row[0], row[1], row[2], row[3]) for row in rows]
