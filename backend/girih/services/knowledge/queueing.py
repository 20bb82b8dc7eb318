"""Which ingestions a document needs: of new content, of the same content for another index, and once more."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, update

from girih.db.base import new_id
from girih.db.unit_of_work import Work
from girih.jobs import INGEST
from girih.services.knowledge.lanes import INTERACTIVE, REINDEX
from girih.services.knowledge.tables import Collection, Document, IngestJob, SearchIndex

_FILLED = ("active", "building")
"""Indexes of these statuses get what is uploaded."""


async def new_content(work: Work, document: Document, priority: int = INTERACTIVE) -> list[UUID]:
    """Queue the next generation of the document for the active and every building index; the jobs of former ones end.

    `priority` is one of those in `lanes`: somebody waits for it, or it is one of many. The document must be held.
    Returns the jobs' ids; they are rung for after the commit.
    """
    closed = update(IngestJob).where(
        IngestJob.org_id == document.org_id,
        IngestJob.document_id == document.id,
        IngestJob.status.in_(("queued", "running")),
    )
    # The fence moves, so that whoever runs the former job changes nothing more.
    await work.session.execute(closed.values(status="superseded", fence=IngestJob.fence + 1, updated_at=func.now()))
    document.generation += 1
    _show_queued(document)
    return [await _add(work, document, index_id, priority) for index_id in await _filled(work, document)]


async def for_index(work: Work, document: Document, index_id: UUID, priority: int = REINDEX) -> UUID:
    """Queue the document's present generation for one index, also if it is in there already.

    The document must be held. It says that it is queued only if that index is the one that searches read.
    """
    active = select(Collection.index_id).where(
        Collection.org_id == document.org_id, Collection.id == document.collection_id
    )
    if await work.session.scalar(active) == index_id:
        _show_queued(document)
    job = await _job(work, document, index_id)
    if job is None:
        return await _add(work, document, index_id, priority)
    _reset(work, job)
    return job.id


async def retry(work: Work, document: Document, priority: int = INTERACTIVE) -> list[UUID]:
    """Queue what failed of the document's present generation again, with fresh attempts. The document must be held."""
    query = select(IngestJob).where(
        IngestJob.org_id == document.org_id,
        IngestJob.document_id == document.id,
        IngestJob.generation == document.generation,
        IngestJob.status.in_(("failed", "cancelled")),
    )
    jobs = (await work.session.scalars(query.with_for_update())).all()
    for job in jobs:
        _reset(work, job)
        job.priority = priority
    _show_queued(document)
    return [job.id for job in jobs]


async def _filled(work: Work, document: Document) -> Sequence[UUID]:
    query = select(SearchIndex.id).where(
        SearchIndex.org_id == document.org_id,
        SearchIndex.collection_id == document.collection_id,
        SearchIndex.status.in_(_FILLED),
    )
    return (await work.session.scalars(query.order_by(SearchIndex.number))).all()


async def _job(work: Work, document: Document, index_id: UUID) -> IngestJob | None:
    query = select(IngestJob).where(
        IngestJob.org_id == document.org_id,
        IngestJob.document_id == document.id,
        IngestJob.generation == document.generation,
        IngestJob.index_id == index_id,
    )
    return await work.session.scalar(query.with_for_update())


async def _add(work: Work, document: Document, index_id: UUID, priority: int) -> UUID:
    job = IngestJob(
        id=new_id(),
        org_id=document.org_id,
        project_id=document.project_id,
        document_id=document.id,
        index_id=index_id,
        generation=document.generation,
        status="queued",
        stage="parse",
        priority=priority,
    )
    work.session.add(job)
    await work.session.flush()
    work.after_commit(INGEST, job.id)
    return job.id


def _reset(work: Work, job: IngestJob) -> None:
    job.status, job.stage, job.lane = "queued", "parse", "parse"
    job.done = job.total = job.attempts = job.crashes = job.reused = 0
    job.fence += 1
    job.lease_until = job.not_before = job.stage_began = job.reason = None
    job.updated_at = func.now()
    work.after_commit(INGEST, job.id)


def _show_queued(document: Document) -> None:
    document.status, document.reason = "queued", None
    document.updated_at = func.now()
