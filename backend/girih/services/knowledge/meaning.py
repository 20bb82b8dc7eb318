"""Passages by what they mean: the smallest cosine distance between their vectors and the question's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from girih.db.halfvecs import halfvec, take_halfvecs
from girih.db.unit_of_work import Work
from girih.services.knowledge.legs import DOCUMENTS, Leg, distinct, tune
from girih.services.knowledge.tables import SearchIndex
from girih.services.knowledge.where import EVERYTHING, Where

FEW = 10_000
"""Passages that a condition may leave and that are compared one by one: an HNSW index finds too few among few."""
_SHORT, _LONG = 1_000, 40_000
"""Passages that the HNSW index goes through for a question under a condition at first, and where it leaves more than
`FEW`."""
_SPARE = 2
"""How many times as many passages as are asked for it has to give under a condition: it comes upon them in nearly the
right order only, and where it has to go far for them it misses some."""
_WIDEST = 1_000
"""The largest `hnsw.ef_search` there is."""

OWN = "v.shelf = {shelf} AND v.org_id = :org_id AND v.index_id = :index_id"

# Distances first, passages for the nearest only.
_EXACT = """
SELECT c.id, c.document_id, c.start, 1 - n.distance AS score
FROM (
  SELECT v.chunk_id, v.embedding <=> CAST(:vector AS halfvec) AS distance
  FROM chunk_vectors v WHERE {own} ORDER BY distance, v.chunk_id LIMIT :depth
) n JOIN chunks c ON c.org_id = :org_id AND c.id = n.chunk_id
ORDER BY n.distance, c.id
"""

# `few` bounds how many passages the condition may leave; with more of them there are no rows.
_EXACT_AMONG = """
WITH left_over AS MATERIALIZED (
  SELECT c.id, c.document_id, c.start FROM chunks c {documents}
  WHERE c.org_id = :org_id AND c.index_id = :index_id AND ({where}) LIMIT {few} + 1
)
SELECT c.id, c.document_id, c.start, 1 - (v.embedding <=> CAST(:vector AS halfvec)) AS score
FROM left_over c JOIN chunk_vectors v ON {own} AND v.chunk_id = c.id
WHERE (SELECT count(*) FROM left_over) <= {few}
ORDER BY v.embedding <=> CAST(:vector AS halfvec), c.id
LIMIT :depth
"""

# The expression of the HNSW index, to the letter. `OFFSET 0` keeps the order in which the index gives its rows.
NEAREST = """
SELECT c.id, c.document_id, c.start, 1 - v.distance AS score
FROM (
  SELECT v.chunk_id, v.embedding::halfvec({dims}) <=> CAST(:vector AS halfvec({dims})) AS distance
  FROM chunk_vectors v WHERE {own}
  ORDER BY v.embedding::halfvec({dims}) <=> CAST(:vector AS halfvec({dims})) LIMIT {tuples}
) v CROSS JOIN LATERAL (
  SELECT c.id, c.document_id, c.start FROM chunks c {documents}
  WHERE c.org_id = :org_id AND c.id = v.chunk_id AND ({where}) OFFSET 0
) c
LIMIT :depth
"""


async def by_meaning(
    work: Work, index: SearchIndex, vector: Sequence[float], depth: int, where: Where = EVERYTHING
) -> Leg:
    """The `depth` passages nearest to the vector, nearest first; scores are cosine similarities, -1 to 1.

    Exact, but for an index with a shelf of its own; there as well where a condition leaves few passages.
    """
    search = Search(work, index, vector, where)
    await take_halfvecs(work.session)
    if index.shelf == 0:
        await tune(work)
        return await distinct(search.exact_among if where.narrows else search.exact, depth)
    return await distinct(search.nearest, depth)


class Search:
    """One question to one index."""

    def __init__(self, work: Work, index: SearchIndex, vector: Sequence[float], where: Where) -> None:
        self._work = work
        self._index = index
        self._where = where
        self._values = {"org_id": index.org_id, "index_id": index.id, "vector": halfvec(vector)}

    async def exact(self, depth: int) -> Sequence[Row[Any]]:
        """Every vector compared."""
        return await self._rows(_EXACT, depth)

    async def exact_among(self, depth: int, few: int | None = None) -> Sequence[Row[Any]]:
        """Every vector compared of the passages that the condition leaves."""
        return await self._rows(_EXACT_AMONG, depth, few=self._index.passages if few is None else few)

    async def nearest(self, depth: int) -> Sequence[Row[Any]]:
        """By the HNSW index; where a condition leaves so few that it finds too few, by comparing those."""
        rows = await (self._nearest_among(depth) if self._where.narrows else self.by_index(depth, _LONG))
        if len(rows) < min(depth, self._index.passages):
            rows = await (self.exact_among(depth) if self._where.narrows else self.exact(depth))
        return sorted(rows, key=lambda row: (-row.score, row.id))[:depth]

    async def _nearest_among(self, depth: int) -> Sequence[Row[Any]]:
        wanted = _SPARE * depth
        if self._index.passages > FEW:
            # What is often enough among so few of its passages is more than a few in all.
            rows = await self.by_index(wanted, max(_SHORT, wanted))
            if len(rows) >= wanted:
                return rows
        return await self.exact_among(depth, FEW) or await self.by_index(wanted, _LONG)

    async def by_index(self, depth: int, tuples: int) -> Sequence[Row[Any]]:
        """What the condition leaves of the `tuples` passages that the HNSW index takes for the nearest."""
        options = {
            "hnsw.ef_search": min(max(100, 2 * depth), _WIDEST),
            "hnsw.iterative_scan": "relaxed_order",
            # Not `tuples`: from there on it would give, in no order, whatever else it came by.
            "hnsw.max_scan_tuples": _LONG,
        }
        # A plan that sorts would compare all vectors.
        await tune(self._work, enable_sort="off", **options)
        rows = await self._rows(NEAREST, depth, dims=self._index.embedder_dims, tuples=tuples)
        await tune(self._work, enable_sort="on")
        return rows

    async def _rows(self, statement: str, depth: int, **parts: object) -> Sequence[Row[Any]]:
        documents = DOCUMENTS if self._where.narrows else ""
        own = OWN.format(shelf=self._index.shelf)
        complete = text(statement.format(own=own, documents=documents, where=self._where.sql, **parts))
        return (
            await self._work.session.execute(complete, {**self._where.values, **self._values, "depth": depth})
        ).all()
