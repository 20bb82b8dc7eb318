"""Passages by the words they share with a question: BM25 over the postings, in plain SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from girih.db.unit_of_work import Work
from girih.services.knowledge.legs import DOCUMENTS, Leg, distinct, tune
from girih.services.knowledge.lexemes import wording_of
from girih.services.knowledge.tables import SearchIndex
from girih.services.knowledge.where import EVERYTHING, Where

_READ = 8_000
"""Postings that are read at first, those of the rarest terms: they decide which passages come into question."""
_WIDER = 16
"""How many times more are read when those did not give enough passages."""
_SHORTLIST = 1_000
"""Passages whose other terms are looked up."""
_FEW = 2_000
"""Passages that a condition may leave and whose terms are all looked up."""

# BM25 with k1 = 1.2 and b = 0.75; `slope` is k1 * b by the mean length. Floats are said to be floats: numbers with a
# point are numerics otherwise, which take several times as long. Rare terms weigh most, so passages are picked by those
# alone, and the terms that stand in very many passages are looked up for the best of them only. The rarest term is read
# whatever it costs.
_ASKED = """
WITH asked AS MATERIALIZED (
  SELECT t.id, 2.2 * ln(1 + (CAST(:passages AS float8) - t.df + 0.5) / (t.df + 0.5)) AS weight,
         sum(t.df) OVER (ORDER BY t.df, t.id) <= :read OR row_number() OVER (ORDER BY t.df, t.id) = 1 AS is_rare
  FROM unnest(to_tsvector(CAST(:configuration AS regconfig), :query)) q
  JOIN chunk_terms t ON t.org_id = :org_id AND t.index_id = :index_id AND t.term = q.lexeme
), picked AS (
  SELECT p.chunk_id, min(p.words) AS words,
         sum(a.weight * p.count / (p.count + CAST(0.3 AS float8) + CAST(:slope AS float8) * p.words)) AS score
  FROM asked a JOIN chunk_postings p ON p.org_id = :org_id AND p.term_id = a.id
  WHERE a.is_rare
  GROUP BY p.chunk_id
), best AS MATERIALIZED (
  SELECT p.* FROM picked p {narrowed} ORDER BY p.score DESC, p.chunk_id LIMIT {shortlist}
), scored AS (
  SELECT b.chunk_id, b.score + coalesce((
    SELECT sum(a.weight * p.count / (p.count + CAST(0.3 AS float8) + CAST(:slope AS float8) * b.words))
    FROM asked a JOIN chunk_postings p ON p.org_id = :org_id AND p.term_id = a.id AND p.chunk_id = b.chunk_id
    WHERE NOT a.is_rare), 0) AS score
  FROM best b ORDER BY score DESC, b.chunk_id LIMIT :depth
)
SELECT c.id, c.document_id, c.start, s.score, (SELECT bool_and(is_rare) FROM asked) AS is_whole
FROM scored s JOIN chunks c ON c.org_id = :org_id AND c.id = s.chunk_id
ORDER BY s.score DESC, s.chunk_id
"""
# Where a condition leaves few passages, the terms are looked up for each of those.
_LEFT = """
SELECT count(*) FROM (
  SELECT FROM chunks c {documents} WHERE c.org_id = :org_id AND c.index_id = :index_id AND ({where}) LIMIT :few + 1) l
"""
_AMONG = """
WITH asked AS MATERIALIZED (
  SELECT t.id, 2.2 * ln(1 + (CAST(:passages AS float8) - t.df + 0.5) / (t.df + 0.5)) AS weight
  FROM unnest(to_tsvector(CAST(:configuration AS regconfig), :query)) q
  JOIN chunk_terms t ON t.org_id = :org_id AND t.index_id = :index_id AND t.term = q.lexeme
), left_over AS MATERIALIZED (
  SELECT c.id, c.document_id, c.start FROM chunks c {documents}
  WHERE c.org_id = :org_id AND c.index_id = :index_id AND ({where})
)
SELECT c.id, c.document_id, c.start,
       sum(a.weight * p.count / (p.count + CAST(0.3 AS float8) + CAST(:slope AS float8) * p.words)) AS score
FROM left_over c CROSS JOIN asked a
JOIN chunk_postings p ON p.org_id = :org_id AND p.term_id = a.id AND p.chunk_id = c.id
GROUP BY c.id, c.document_id, c.start
ORDER BY score DESC, c.id
LIMIT :depth
"""
_NARROWED = "JOIN chunks c ON c.org_id = :org_id AND c.id = p.chunk_id {documents} WHERE ({where})"


async def by_words(work: Work, index: SearchIndex, query: str, depth: int, where: Where = EVERYTHING) -> Leg:
    """The `depth` passages that say best what the question says; scores are BM25's, from 0 without bound.

    In a large index the last of them may differ from what reading every posting would give: see `_ASKED`.
    """
    await tune(work)
    asked = wording_of(query, index.made_by)
    values = {
        **where.values,
        "org_id": index.org_id,
        "index_id": index.id,
        "configuration": asked.configuration,
        "query": asked.text,
        "passages": float(index.passages),
        "slope": 0.9 / max(index.words / max(index.passages, 1), 1.0),
    }
    parts = {"documents": DOCUMENTS if where.narrows else "", "where": where.sql}
    narrowed = _NARROWED.format(**parts) if where.narrows else ""

    async def find(rows: int) -> Sequence[Row[Any]]:
        found = await picked(rows, _READ)
        if found is not None:
            return found
        if where.narrows and await work.session.scalar(text(_LEFT.format(**parts)), values | {"few": _FEW}) <= _FEW:
            return (await work.session.execute(text(_AMONG.format(**parts)), values | {"depth": rows})).all()
        read = _READ
        while found is None:
            read *= _WIDER
            found = await picked(rows, read)
        return found

    async def picked(rows: int, read: int) -> Sequence[Row[Any]] | None:
        """The best of those that so many postings bring into question; `None`: there may be more."""
        statement = text(_ASKED.format(narrowed=narrowed, shortlist=max(_SHORTLIST, 2 * rows)))
        found = (await work.session.execute(statement, values | {"depth": rows, "read": read})).all()
        # No terms of a question stand in an index more often than it has words.
        is_all = len(found) >= rows or read >= index.words or (len(found) > 0 and found[0].is_whole)
        return found if is_all else None

    return await distinct(find, depth)
