"""Passages by the words they share with a question: BM25 over the postings, in plain SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from girih.db.unit_of_work import Work
from girih.services.knowledge.legs import Leg, distinct
from girih.services.knowledge.lexemes import wording_of
from girih.services.knowledge.tables import SearchIndex
from girih.services.knowledge.where import EVERYTHING, Where

_DOCUMENTS = "JOIN documents d ON d.org_id = c.org_id AND d.id = c.document_id"

# BM25 with k1 = 1.2 and b = 0.75.
_BY_WORDS = """
WITH found AS (
  SELECT p.chunk_id, p.count, p.words, count(*) OVER (PARTITION BY p.term_id) AS df
  FROM unnest(to_tsvector(CAST(:configuration AS regconfig), :query)) q
  JOIN chunk_terms t ON t.org_id = :org_id AND t.index_id = :index_id AND t.term = q.lexeme
  JOIN chunk_postings p ON p.org_id = :org_id AND p.term_id = t.id
), ranked AS (
  SELECT chunk_id,
         sum(ln(1 + (:passages - df + 0.5) / (df + 0.5)) * count * 2.2
             / (count + 1.2 * (0.25 + 0.75 * words / :average))) AS score
  FROM found
  GROUP BY chunk_id
)
SELECT c.id, c.document_id, c.start, r.score
FROM ranked r JOIN chunks c ON c.org_id = :org_id AND c.id = r.chunk_id {documents}
WHERE ({where})
ORDER BY r.score DESC, r.chunk_id
LIMIT :depth
"""


async def by_words(work: Work, index: SearchIndex, query: str, depth: int, where: Where = EVERYTHING) -> Leg:
    """The `depth` passages that say best what the question says; scores are BM25's, from 0 without bound."""
    asked = wording_of(query, index.made_by)
    statement = text(_BY_WORDS.format(documents=_DOCUMENTS if where.narrows else "", where=where.sql))
    values = {
        **where.values,
        "org_id": index.org_id,
        "index_id": index.id,
        "configuration": asked.configuration,
        "query": asked.text,
        "passages": float(index.passages),
        "average": max(index.words / max(index.passages, 1), 1.0),
    }

    async def find(rows: int) -> Sequence[Row[Any]]:
        return (await work.session.execute(statement, values | {"depth": rows})).all()

    return await distinct(find, depth)
