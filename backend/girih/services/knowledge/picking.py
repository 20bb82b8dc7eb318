"""Which ingestion comes next: organizations in turn, within each what is most urgent, then what waited longest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.knowledge.lanes import Lane

# From one organization to the next through the index, and only the first few of each: ten thousand waiting documents of
# one cost no more to look at than ten. Who has more under way comes later.
_PICK = text("""
WITH RECURSIVE organization AS (
  (SELECT org_id FROM ingest_jobs WHERE status = 'queued' AND lane = :lane ORDER BY org_id LIMIT 1)
  UNION ALL
  SELECT (SELECT j.org_id FROM ingest_jobs j WHERE j.status = 'queued' AND j.lane = :lane AND j.org_id > o.org_id
          ORDER BY j.org_id LIMIT 1)
  FROM organization o WHERE o.org_id IS NOT NULL
)
SELECT j.id, j.org_id, j.project_id
FROM organization o
CROSS JOIN LATERAL (
  SELECT w.id, w.org_id, w.project_id, w.created_at,
         row_number() OVER (ORDER BY w.priority, w.created_at, w.id) AS place
  FROM (SELECT * FROM ingest_jobs q
        WHERE q.status = 'queued' AND q.lane = :lane AND q.org_id = o.org_id
          AND (q.not_before IS NULL OR q.not_before <= now())
        ORDER BY q.priority, q.created_at LIMIT :limit) w
) j
CROSS JOIN LATERAL (
  SELECT count(*) AS held FROM ingest_jobs r
  WHERE r.status = 'running' AND r.lane = :lane AND r.org_id = o.org_id AND r.lease_until > now()
) r
WHERE o.org_id <> ALL(CAST(:without AS uuid[]))
ORDER BY r.held + j.place, j.created_at
LIMIT :limit
""")

_ABANDONED = text("""
SELECT id, org_id, project_id FROM ingest_jobs WHERE status = 'running' AND lease_until < now()
ORDER BY lease_until LIMIT :limit
""")


@dataclass(frozen=True)
class Candidate:
    """A job that may be taken."""

    id: UUID
    scope: OrgScope


async def waiting(work: Work, lane: Lane, limit: int, without: Collection[UUID] = ()) -> list[Candidate]:
    """The jobs whose turn it is in the lane, best first (in a transaction that reads for `reconcile`).

    Organizations in `without` have enough.
    """
    given = {"lane": lane, "limit": limit, "without": list(without)}
    return [_candidate(row) for row in await work.session.execute(_PICK, given)]


async def abandoned(work: Work, limit: int) -> list[Candidate]:
    """Jobs whose holders let their lease run out (in a transaction that reads for `reconcile`)."""
    return [_candidate(row) for row in await work.session.execute(_ABANDONED, {"limit": limit})]


def _candidate(row: Row[Any]) -> Candidate:
    return Candidate(row.id, OrgScope(row.org_id, row.project_id, actor="worker"))
