"""Ingestion jobs as their owners see them: listed, found stuck, cancelled, tried again, followed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import func

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import BadCursor, Conflict, NotFound
from girih.services.knowledge import finding, job_repository, queueing, repository
from girih.services.knowledge.following import CollectionTail, DocumentTail, News
from girih.services.knowledge.job_repository import Listed
from girih.services.knowledge.job_schemas import JobOut, JobStatus, Retried
from girih.services.knowledge.lanes import BULK
from girih.services.knowledge.progress import eta_seconds, waits_for
from girih.services.knowledge.readers import require_readable, shown_to
from girih.services.knowledge.reindexing import ReindexingService, building

_CANCELLED = "cancelled before it was done"
_RETRIED_AT_ONCE = 1000


class JobService:
    """What can be done with ingestions that wait, are under way, or ended."""

    def __init__(self, uow: UnitOfWork, news: News) -> None:
        self._uow = uow
        self._news = news
        self._indexes = ReindexingService(uow)

    async def jobs(
        self,
        scope: OrgScope,
        *,
        status: JobStatus | None = None,
        stuck: bool = False,
        collection: str | None = None,
        principals: Collection[str] = (),
        cursor: str | None = None,
        limit: int = 50,
    ) -> tuple[list[JobOut], str | None]:
        """The project's jobs, the newest first, and the cursor of the next page.

        `stuck` ones could have been taken for minutes, were tried before, or lost their worker. Those of documents with
        readers are left out as `shown_to` says. Raises `NotFound` (the collection), `BadCursor`.
        """
        before = _read_cursor(cursor)
        async with self._uow(scope) as work:
            parent = await finding.collection(work, scope, collection) if collection is not None else None
            found = await job_repository.page(
                work,
                scope,
                status=status,
                stuck=stuck,
                collection_id=parent.id if parent is not None else None,
                principals=shown_to(scope, principals),
                before=before,
                limit=limit + 1,
            )
        items = [_out(each) for each in found[:limit]]
        more = f"{items[-1].created_at.isoformat()} {items[-1].id}" if len(found) > limit else None
        return items, more

    async def job(self, scope: OrgScope, id: UUID, principals: Collection[str] = ()) -> JobOut:
        """One job. Raises `NotFound`, and `Forbidden` where its document is for others."""
        async with self._uow(scope) as work:
            found = await job_repository.job(work, scope, id)
            if found is None:
                raise NotFound("there is no such job")
            require_readable(found.document, scope, principals)
            return _out(found)

    async def cancel(self, scope: OrgScope, document_id: UUID) -> None:
        """Stop bringing a document in; content that searches found before stays. Raises `NotFound`, `Conflict`."""
        async with self._uow(scope) as work:
            document = await finding.document(work, scope, document_id, lock=True)
            if not await job_repository.cancel(work, document, _CANCELLED):
                raise Conflict("nothing of this document is under way", help="a document that is ready can be deleted")
            if document.status != "ready":
                document.status, document.reason, document.updated_at = "failed", _CANCELLED, func.now()
            waiting = building(await repository.indexes_of(work, document))
        await self._indexes.settle_without(scope, waiting)

    async def retry_failed(self, scope: OrgScope, collection: str, reason: str | None = None) -> Retried:
        """Try failed documents of a collection again: all, or those whose reason holds these words.

        A thousand at once; they come behind documents somebody waits for. Raises `NotFound`.
        """
        async with self._uow(scope) as work:
            parent = await finding.collection(work, scope, collection)
            found = await job_repository.failed(work, parent, reason, _RETRIED_AT_ONCE + 1)
            for document in found[:_RETRIED_AT_ONCE]:
                await queueing.retry(work, document, BULK)
        return Retried(retried=min(len(found), _RETRIED_AT_ONCE), more=len(found) > _RETRIED_AT_ONCE)

    async def follow_document(
        self, scope: OrgScope, id: UUID, after: int, principals: Collection[str] = ()
    ) -> DocumentTail:
        """The document's changes after that number, up to the one that ends its ingestion.

        Raises `NotFound`, and `Forbidden` where it is for others.
        """
        return await DocumentTail(self._uow, self._news, scope, id, after, principals).open()

    async def follow_collection(
        self, scope: OrgScope, name: str, after: int, principals: Collection[str] = ()
    ) -> CollectionTail:
        """The changes of a collection's documents after that number, without end. Raises `NotFound`.

        Documents with readers are left out as `shown_to` says.
        """
        return await CollectionTail(self._uow, self._news, scope, name, after, principals).open()


def _read_cursor(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    moment, _, last = cursor.partition(" ")
    try:
        return datetime.fromisoformat(moment), UUID(last)
    except ValueError as fault:
        raise BadCursor("this is no cursor of this list", help="send the `next` of the page before") from fault


def _out(found: Listed) -> JobOut:
    job = found.job
    return JobOut.model_validate(
        {
            "id": job.id,
            "document_id": job.document_id,
            "document": found.document.name,
            "collection": found.collection,
            "version": job.generation,
            "index": found.index,
            "status": job.status,
            "stage": job.stage,
            "done": job.done,
            "total": job.total,
            "reused": job.reused,
            "eta_seconds": eta_seconds(job, found.now),
            "attempts": job.attempts,
            "priority": job.priority,
            "reason": job.reason,
            "waits_for": waits_for(job, found.now, found.before),
            "created_at": job.created_at,
            "updated_at": job.updated_at,
        }
    )
