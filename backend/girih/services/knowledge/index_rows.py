"""The rows of a collection's indexes: which there are, what is missing in one, and how far one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, text, update

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.knowledge.index_config import IndexConfig
from girih.services.knowledge.job_tables import IngestJob
from girih.services.knowledge.lanes import REINDEX
from girih.services.knowledge.tables import Collection, SearchIndex

OPEN = ("queued", "running")
"""Statuses of jobs that have not ended."""

_MISSING = text("""
INSERT INTO ingest_jobs (id, org_id, project_id, document_id, index_id, generation, status, stage, lane, priority)
SELECT gen_random_uuid(), d.org_id, d.project_id, d.id, :index_id, d.generation, 'queued', 'parse', 'parse', :priority
FROM documents d
WHERE d.org_id = :org_id AND d.collection_id = :collection_id AND d.generation > 0
  AND NOT EXISTS (
    SELECT FROM ingest_jobs j
    WHERE j.org_id = d.org_id AND j.document_id = d.id AND j.generation = d.generation AND j.index_id = :index_id
  )
ORDER BY d.id
ON CONFLICT DO NOTHING
RETURNING id
""")

_RESUMED = text("""
UPDATE ingest_jobs j
SET status = 'queued', stage = 'parse', lane = 'parse', done = 0, total = 0, attempts = 0, crashes = 0, reused = 0,
    fence = j.fence + 1, priority = :priority, lease_until = NULL, not_before = NULL, stage_began = NULL, reason = NULL,
    updated_at = now()
FROM documents d
WHERE j.org_id = :org_id AND j.index_id = :index_id AND j.status IN ('failed', 'superseded', 'cancelled')
  AND d.org_id = j.org_id AND d.id = j.document_id AND d.generation = j.generation
RETURNING j.id
""")

_PROGRESS = text("""
SELECT count(*) AS total,
       count(*) FILTER (WHERE j.status = 'done') AS done,
       count(*) FILTER (WHERE j.status IN ('failed', 'cancelled', 'superseded')) AS failed,
       count(*) FILTER (WHERE j.id IS NULL) AS missing
FROM documents d
LEFT JOIN ingest_jobs j
  ON j.org_id = d.org_id AND j.document_id = d.id AND j.generation = d.generation AND j.index_id = :index_id
WHERE d.org_id = :org_id AND d.collection_id = :collection_id AND d.generation > 0
""")

_PACE = text("""
SELECT extract(epoch FROM now() - i.began_at) AS seconds,
       (SELECT count(*) FROM ingest_jobs j
        WHERE j.org_id = i.org_id AND j.index_id = i.id AND j.status IN ('done', 'failed')
          AND j.updated_at >= i.began_at) AS ended
FROM search_indexes i
WHERE i.org_id = :org_id AND i.id = :index_id
""")

_LOST = text("""
SELECT count(*) AS held,
       count(*) FILTER (WHERE n.status IS DISTINCT FROM 'done') AS lost,
       (array_agg(d.name || ': ' || n.reason ORDER BY d.name)
         FILTER (WHERE n.status IS DISTINCT FROM 'done' AND n.reason IS NOT NULL))[1] AS example
FROM ingest_jobs a
JOIN documents d ON d.org_id = a.org_id AND d.id = a.document_id AND d.generation = a.generation
LEFT JOIN ingest_jobs n
  ON n.org_id = a.org_id AND n.document_id = a.document_id AND n.generation = a.generation AND n.index_id = :index_id
WHERE a.org_id = :org_id AND a.index_id = :active_id AND a.status = 'done'
""")

_SHOW = text("""
UPDATE documents d
SET status = CASE j.status WHEN 'done' THEN 'ready' WHEN 'queued' THEN 'queued' WHEN 'running' THEN 'running'
             ELSE 'failed' END,
    reason = CASE WHEN j.status IN ('done', 'queued', 'running') THEN NULL ELSE j.reason END,
    passages = (SELECT count(*) FROM chunks c WHERE c.org_id = d.org_id AND c.index_id = :index_id
                AND c.document_id = d.id)
FROM ingest_jobs j
WHERE d.org_id = :org_id AND d.collection_id = :collection_id
  AND j.org_id = d.org_id AND j.document_id = d.id AND j.generation = d.generation AND j.index_id = :index_id
""")


@dataclass(frozen=True)
class Progress:
    """How many of a collection's documents are in an index: in it, failed, of how many, and not asked for yet."""

    done: int
    failed: int
    total: int
    missing: int = 0

    @property
    def waiting(self) -> int:
        """Those that are still to come."""
        return self.total - self.done - self.failed

    @property
    def open(self) -> int:
        """Those of them that were asked for."""
        return self.waiting - self.missing


@dataclass(frozen=True)
class Loss:
    """Documents that the active index holds, how many of them another one lacks, and why one of them failed."""

    held: int
    lost: int
    example: str | None


async def held_collection(work: Work, scope: OrgScope, id: UUID) -> Collection | None:
    """The collection as it is now, held to the end of the transaction."""
    query = select(Collection).where(Collection.org_id == scope.org_id, Collection.id == id)
    query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return await work.session.scalar(query)


async def indexes(work: Work, collection: Collection, *, lock: bool = False) -> Sequence[SearchIndex]:
    """Every index of the collection, by number; with `lock`, as they are now and held."""
    query = select(SearchIndex).where(
        SearchIndex.org_id == collection.org_id, SearchIndex.collection_id == collection.id
    )
    query = query.order_by(SearchIndex.number)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return (await work.session.scalars(query)).all()


async def unsettled(work: Work, limit: int) -> list[tuple[OrgScope, UUID, str]]:
    """Indexes of all organizations that are being built or removed, or were just switched to.

    Works in a transaction that reads for `reconcile`, whose policy says which these are (see migration 0019).
    """
    query = select(SearchIndex.org_id, SearchIndex.project_id, SearchIndex.id, SearchIndex.status)
    query = query.order_by(func.random()).limit(limit)
    return [(OrgScope(row[0], row[1], actor="worker"), row[2], row[3]) for row in await work.session.execute(query)]


async def add(
    work: Work, collection: Collection, number: int, config: IndexConfig, pipeline: str | None
) -> SearchIndex:
    """A new index, to be built."""
    made = SearchIndex(
        id=new_id(),
        org_id=collection.org_id,
        project_id=collection.project_id,
        collection_id=collection.id,
        number=number,
        status="building",
        config=config.as_json,
        pipeline=pipeline,
        began_at=func.now(),
    )
    work.session.add(made)
    await work.session.flush()
    await work.session.refresh(made)
    return made


async def queue_missing(work: Work, index: SearchIndex) -> list[UUID]:
    """Queue every document whose present content was not asked for in the index; returns the jobs' ids."""
    return list(await work.session.scalars(_MISSING, _whose(index) | {"priority": REINDEX}))


async def queue_again(work: Work, index: SearchIndex) -> list[UUID]:
    """Queue what failed or was stopped in the index, with fresh attempts; returns the jobs' ids."""
    whose = {"org_id": index.org_id, "index_id": index.id, "priority": REINDEX}
    return list(await work.session.scalars(_RESUMED, whose))


async def stop_jobs(work: Work, index: SearchIndex) -> None:
    """End the open jobs of the index; whoever runs one changes nothing more."""
    statement = update(IngestJob).where(
        IngestJob.org_id == index.org_id, IngestJob.index_id == index.id, IngestJob.status.in_(OPEN)
    )
    values = {"status": "superseded", "fence": IngestJob.fence + 1, "updated_at": func.now()}
    await work.session.execute(statement.values(**values).execution_options(synchronize_session=False))


async def progress(work: Work, index: SearchIndex) -> Progress:
    """How far the index is."""
    row = (await work.session.execute(_PROGRESS, _whose(index))).one()
    return Progress(row.done, row.failed, row.total, row.missing)


async def loss(work: Work, index: SearchIndex, active_id: UUID) -> Loss:
    """What searches would not find any more if they read the index instead of the active one."""
    values = {"org_id": index.org_id, "index_id": index.id, "active_id": active_id}
    row = (await work.session.execute(_LOST, values)).one()
    return Loss(row.held, row.lost, row.example)


async def show_documents(work: Work, index: SearchIndex) -> None:
    """Let documents say how they stand in the index, which has become the active one."""
    await work.session.execute(_SHOW, _whose(index))


async def pace(work: Work, index: SearchIndex) -> float | None:
    """Seconds that a document took since the index began to be built, on average; `None` while none has ended."""
    row = (await work.session.execute(_PACE, {"org_id": index.org_id, "index_id": index.id})).one()
    return float(row.seconds) / row.ended if row.ended else None


def _whose(index: SearchIndex) -> dict[str, UUID]:
    return {"org_id": index.org_id, "index_id": index.id, "collection_id": index.collection_id}
