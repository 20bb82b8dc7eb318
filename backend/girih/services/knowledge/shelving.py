"""Large indexes get a shelf of their own: a partition for their vectors, under an HNSW index that is built beside."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork

LARGE = 15_000
"""Passages from which on an HNSW index pays: below, comparing all vectors takes a few milliseconds."""
_MUCH_MORE = 5
"""How many times as large an index may grow before it is shelved although documents are still brought in."""

# Loading is many times faster without an HNSW index, so it is built when nothing waits to be brought in any more.
_DUE = text("""
SELECT s.id, s.org_id, s.project_id FROM search_indexes s
WHERE s.shelf = 0 AND s.status IN ('active', 'building') AND s.passages >= :large AND s.embedder_dims <= 4000
  AND s.config #>> '{store,endpoint}' IS NULL
  AND (s.passages >= :very_large OR NOT EXISTS (
    SELECT FROM ingest_jobs j
    WHERE j.org_id = s.org_id AND j.index_id = s.id AND j.status IN ('queued', 'running')))
ORDER BY s.passages
""")

_SHELVE = text("SELECT shelve_passages(:index_id)")


class Shelving:
    """Builds what is due, one index after another. `large` is the number of passages from which on it is."""

    def __init__(self, uow: UnitOfWork, large: int = LARGE) -> None:
        self._uow = uow
        self._large = large

    async def round(self) -> int:
        """Shelve what is due; returns how many indexes that were. Searches and ingestions go on meanwhile."""
        async with self._uow.reading_for("sweep") as work:
            values = {"large": self._large, "very_large": _MUCH_MORE * self._large}
            due = (await work.session.execute(_DUE, values)).all()
        return sum([await self.shelve(OrgScope(row.org_id, row.project_id), row.id) for row in due])

    async def shelve(self, scope: OrgScope, index_id: UUID) -> bool:
        """Shelve one index; `False` if it is shelved, or another process is about it."""
        async with self._uow(scope) as work:
            return bool(await work.session.scalar(_SHELVE, {"index_id": index_id}))
