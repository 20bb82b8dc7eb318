"""The rows of ingestion jobs, as they are listed, found stuck, and followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, Select, Text, and_, case, cast, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.knowledge.job_tables import DocumentEnd
from girih.services.knowledge.progress import LONG_WAIT, MANY_ATTEMPTS, MOST_BEFORE
from girih.services.knowledge.tables import Collection, Document, IngestJob, SearchIndex

OPEN = ("queued", "running")


@dataclass(frozen=True)
class Listed:
    """A job with what it is about, the database's time, and how many of its project's go before it."""

    job: IngestJob
    document: Document
    collection: str
    index: int
    now: datetime
    before: int


async def page(
    work: Work,
    scope: OrgScope,
    *,
    status: str | None = None,
    stuck: bool = False,
    collection_id: UUID | None = None,
    principals: Sequence[str] | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int,
) -> list[Listed]:
    """The project's jobs of documents that `principals` may read, the newest first, from before that one on."""
    query = _listed(scope).where(*_readable(Document.readers, principals))
    if status is not None:
        query = query.where(IngestJob.status == status)
    if stuck:
        query = query.where(_stuck())
    if collection_id is not None:
        query = query.where(Document.collection_id == collection_id)
    if before is not None:
        query = query.where(tuple_(IngestJob.created_at, IngestJob.id) < tuple_(*before))
    query = query.order_by(IngestJob.created_at.desc(), IngestJob.id.desc()).limit(limit)
    return [Listed(*row) for row in await work.session.execute(query)]


async def job(work: Work, scope: OrgScope, id: UUID) -> Listed | None:
    """One job of the project."""
    row = (await work.session.execute(_listed(scope).where(IngestJob.id == id))).one_or_none()
    return Listed(*row) if row is not None else None


async def changed_of_document(work: Work, scope: OrgScope, id: UUID) -> Listed | None:
    """The job that says how a document's newest content is doing."""
    query = _listed(scope).where(Document.id == id, _shown())
    row = (await work.session.execute(query)).one_or_none()
    return Listed(*row) if row is not None else None


async def changed_in(
    work: Work, scope: OrgScope, collection_id: UUID, after: int, limit: int, principals: Sequence[str] | None
) -> list[Listed]:
    """The jobs of a collection's active index that changed after that number, in the order of their changes.

    Of documents that `principals` may read; `None`: of all.
    """
    query = _listed(scope).where(Document.collection_id == collection_id, _shown(), IngestJob.revision > after)
    query = query.where(*_readable(Document.readers, principals))
    return [Listed(*row) for row in await work.session.execute(query.order_by(IngestJob.revision).limit(limit))]


async def ends_in(
    work: Work, scope: OrgScope, collection_id: UUID, after: int, limit: int, principals: Sequence[str] | None
) -> Sequence[DocumentEnd]:
    """The documents of a collection that were deleted after that number, and that `principals` could read."""
    query = select(DocumentEnd).where(
        DocumentEnd.org_id == scope.org_id,
        DocumentEnd.collection_id == collection_id,
        DocumentEnd.revision > after,
        *_readable(DocumentEnd.readers, principals),
    )
    return (await work.session.scalars(query.order_by(DocumentEnd.revision).limit(limit))).all()


async def cancel(work: Work, document: Document, reason: str) -> int:
    """End the open jobs of a document, which must be held; whoever works on one loses it. Gives their number."""
    mine = and_(IngestJob.org_id == document.org_id, IngestJob.document_id == document.id, IngestJob.status.in_(OPEN))
    ended = update(IngestJob).where(mine).returning(IngestJob.id)
    values: dict[str, Any] = {"status": "cancelled", "reason": reason, "lease_until": None, "updated_at": func.now()}
    ended = ended.values(**values, fence=IngestJob.fence + 1).execution_options(synchronize_session=False)
    return len((await work.session.scalars(ended)).all())


async def failed(work: Work, collection: Collection, reason: str | None, limit: int) -> Sequence[Document]:
    """Failed documents of a collection, held; those whose reason has these words in it, in any case of letters."""
    query = select(Document).where(
        Document.org_id == collection.org_id, Document.collection_id == collection.id, Document.status == "failed"
    )
    if reason:
        query = query.where(func.strpos(func.lower(Document.reason), reason.lower()) > 0)
    return (
        await work.session.scalars(query.order_by(Document.id).limit(limit).with_for_update(skip_locked=True))
    ).all()


def _listed(scope: OrgScope) -> Select[Any]:
    other = aliased(IngestJob)
    goes_first = (
        select(other.id)
        .where(
            other.org_id == IngestJob.org_id,
            other.project_id == IngestJob.project_id,
            other.lane == IngestJob.lane,
            other.status == "queued",
            tuple_(other.priority, other.created_at, other.id)
            < tuple_(IngestJob.priority, IngestJob.created_at, IngestJob.id),
        )
        .correlate(IngestJob)
        .limit(MOST_BEFORE)
        .subquery()
    )
    counted = select(func.count()).select_from(goes_first).correlate(IngestJob).scalar_subquery()
    waiting = case((IngestJob.status == "queued", counted), else_=0)
    return (
        select(IngestJob, Document, Collection.name, SearchIndex.number, func.clock_timestamp(), waiting)
        .join(Document, and_(Document.org_id == IngestJob.org_id, Document.id == IngestJob.document_id))
        .join(Collection, and_(Collection.org_id == Document.org_id, Collection.id == Document.collection_id))
        .join(SearchIndex, and_(SearchIndex.org_id == IngestJob.org_id, SearchIndex.id == IngestJob.index_id))
        .where(
            IngestJob.org_id == scope.org_id, IngestJob.project_id == scope.project_id, Collection.deleted_at.is_(None)
        )
    )


def _readable(readers: Any, principals: Sequence[str] | None) -> list[ColumnElement[bool]]:
    """That a document names no readers, or one of these; nothing is asked where `principals` is `None`."""
    if principals is None:
        return []
    return [or_(readers.is_(None), readers.op("&&")(cast(list(principals), ARRAY(Text))))]


def _shown() -> Any:
    """The job is the one its document speaks of."""
    return and_(IngestJob.index_id == Collection.index_id, IngestJob.generation == Document.generation)


def _stuck() -> Any:
    due = or_(IngestJob.not_before.is_(None), IngestJob.not_before <= func.now())
    long = and_(IngestJob.status == "queued", due, IngestJob.updated_at < func.now() - cast(LONG_WAIT, Interval))
    again = and_(
        IngestJob.status.in_(OPEN), or_(IngestJob.attempts >= MANY_ATTEMPTS, IngestJob.crashes >= MANY_ATTEMPTS)
    )
    left = and_(IngestJob.status == "running", IngestJob.lease_until < func.now())
    return or_(long, again, left)
