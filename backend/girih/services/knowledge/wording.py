"""Passages by the words they share with a question: BM25 over the postings, in plain SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from girih.db.unit_of_work import Work
from girih.services.knowledge.legs import DOCUMENTS, Leg, distinct, tune
from girih.services.knowledge.lexemes import wording_of
from girih.services.knowledge.postings import FOUND, TERM
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

# The words of a question, and the passages that have no postings yet, which are looked through one by one. Where the
# postings end is read in the same statement: passages get them while others search. `last` is what it was a moment ago,
# and tells the planner how few passages are behind it.
_SAID = """
WITH place AS MATERIALIZED (
  SELECT s.bounds, s.bounds[cardinality(s.bounds)] AS last FROM search_indexes s
  WHERE s.org_id = :org_id AND s.id = :index_id
), said AS MATERIALIZED (
  SELECT {term} AS term
  FROM unnest(to_tsvector(CAST(:configuration AS regconfig), :query)) q
), recent AS MATERIALIZED (
  SELECT a.term, w.number, w.words, {found} & 65535 AS count
  FROM chunk_words w CROSS JOIN said a
  WHERE w.org_id = :org_id AND w.index_id = :index_id AND w.number > :last
    AND w.number > (SELECT last FROM place) AND ({found} & -65536) = a.term
), posted AS (
  SELECT p.term, p.df, p.entries
  FROM said a CROSS JOIN place o CROSS JOIN unnest(o.bounds) b (segment)
  JOIN chunk_postings p ON p.org_id = :org_id AND p.index_id = :index_id AND p.segment = b.segment AND p.term = a.term
), met AS (
  SELECT m.term, CAST(sum(m.df) AS float8) AS df
  FROM (SELECT term, df FROM posted UNION ALL SELECT term, 1 FROM recent) m GROUP BY m.term
), asked AS MATERIALIZED (
  SELECT m.term, 2.2 * ln(1 + (CAST(:passages AS float8) - m.df + 0.5) / (m.df + 0.5)) AS weight,
         sum(m.df) OVER (ORDER BY m.df, m.term) <= :read OR row_number() OVER (ORDER BY m.df, m.term) = 1 AS is_rare
  FROM met m
)""".replace("{term}", TERM.format(lexeme="q.lexeme")).replace("{found}", FOUND)
# BM25 with k1 = 1.2 and b = 0.75; `slope` is k1 * b by the mean length. Floats are said to be floats: numbers with a
# point are numerics otherwise, which take several times as long.
_SCORE = "sum(a.weight * {count} / ({count} + CAST(0.3 AS float8) + CAST(:slope AS float8) * {words}))"
_LOOKED_UP = _SCORE.format(count=f"({FOUND} & 65535)", words="w.words")
# Rare terms weigh most, so passages are picked by those alone, and the terms that stand in very many passages are
# looked up for the best of them only, and of those for whom it may change anything: a term gives less than its weight.
# The rarest term is read whatever it costs.
_ASKED = (
    _SAID
    + """, picked AS (
  SELECT a.number, {score} AS score
  FROM (
    SELECT a.weight, e >> 31 AS number, (e >> 21) & 1023 AS count, e & 2097151 AS words
    FROM asked a JOIN posted p ON p.term = a.term CROSS JOIN unnest(p.entries) e WHERE a.is_rare
    UNION ALL
    SELECT a.weight, r.number, r.count, r.words FROM asked a JOIN recent r ON r.term = a.term WHERE a.is_rare
  ) a GROUP BY a.number
), best AS MATERIALIZED (
  SELECT p.* FROM picked p {narrowed} ORDER BY p.score DESC, p.number LIMIT {shortlist}
), scored AS (
  SELECT b.number, b.score + CASE WHEN (SELECT bool_and(is_rare) FROM asked) THEN 0 ELSE coalesce((
    SELECT {looked_up}
    FROM asked a JOIN chunk_words w ON w.org_id = :org_id AND w.index_id = :index_id AND w.number = b.number
    WHERE NOT a.is_rare AND ({found} & -65536) = a.term), 0) END AS score
  FROM best b
  WHERE b.score + (SELECT coalesce(sum(weight), 0) FROM asked WHERE NOT is_rare)
    >= coalesce((SELECT l.score FROM best l ORDER BY l.score DESC OFFSET greatest(:depth - 1, 0) LIMIT 1), 0)
  ORDER BY score DESC, b.number LIMIT :depth
)
SELECT c.id, c.document_id, c.start, s.score, (SELECT bool_and(is_rare) FROM asked) AS is_whole
FROM scored s JOIN chunk_words w ON w.org_id = :org_id AND w.index_id = :index_id AND w.number = s.number
JOIN chunks c ON c.org_id = :org_id AND c.id = w.chunk_id
ORDER BY s.score DESC, s.number
""".replace("{score}", _SCORE.format(count="a.count", words="a.words"))
    .replace("{looked_up}", _LOOKED_UP)
    .replace("{found}", FOUND)
)
# Where a condition leaves few passages, the terms are looked up for each of those.
_LEFT = """
SELECT count(*) FROM (
  SELECT FROM chunks c {documents} WHERE c.org_id = :org_id AND c.index_id = :index_id AND ({where}) LIMIT :few + 1) l
"""
_AMONG = (
    _SAID
    + """, left_over AS MATERIALIZED (
  SELECT c.id, c.document_id, c.start FROM chunks c {documents}
  WHERE c.org_id = :org_id AND c.index_id = :index_id AND ({where})
)
SELECT c.id, c.document_id, c.start, {looked_up} AS score
FROM left_over c JOIN chunk_words w ON w.org_id = :org_id AND w.chunk_id = c.id CROSS JOIN asked a
WHERE ({found} & -65536) = a.term
GROUP BY c.id, c.document_id, c.start
ORDER BY score DESC, c.id
LIMIT :depth
""".replace("{looked_up}", _LOOKED_UP).replace("{found}", FOUND)
)
_NARROWED = """
JOIN chunk_words w ON w.org_id = :org_id AND w.index_id = :index_id AND w.number = p.number
JOIN chunks c ON c.org_id = :org_id AND c.id = w.chunk_id {documents} WHERE ({where})"""


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
        "last": index.bounds[-1],
        "slope": 0.9 / max(index.words / max(index.passages, 1), 1.0),
    }
    parts = {"documents": DOCUMENTS if where.narrows else "", "where": where.sql}
    narrowed = _NARROWED.format(**parts) if where.narrows else ""

    async def find(rows: int) -> Sequence[Row[Any]]:
        found = await picked(rows, _READ)
        if found is not None:
            return found
        if where.narrows and await work.session.scalar(text(_LEFT.format(**parts)), values | {"few": _FEW}) <= _FEW:
            asked_for = values | {"depth": rows, "read": _READ}
            return (await work.session.execute(text(_AMONG.format(**parts)), asked_for)).all()
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
