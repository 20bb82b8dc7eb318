"""Search in a collection: by meaning (exact cosine), by words (BM25), or both, fused by rank."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, text

from girih.db.unit_of_work import Work
from girih.language.nodes.ports import Hit, SearchRequest
from girih.language.spec.tree import JsonObject
from girih.services.knowledge.tables import SearchIndex

Leg = dict[tuple[UUID, int], tuple[UUID, float]]
"""What one ranking found, best first: a passage's document and where it begins → its id and score."""

RRF_K = 60
_DEPTH = 50

# A plan made for any collection would be wrong for small ones beside big ones.
_FRESH_PLAN = text("SET LOCAL plan_cache_mode = force_custom_plan")

_BY_MEANING = text("""
SELECT id, document_id, start, 1 - (embedding <=> CAST(:vector AS vector)) AS score
FROM chunks
WHERE org_id = :org_id AND index_id = :index_id
ORDER BY embedding <=> CAST(:vector AS vector), id
LIMIT :depth
""")

# BM25 with k1 = 1.2 and b = 0.75.
_BY_WORDS = text("""
WITH found AS (
  SELECT p.chunk_id, p.count, p.words, count(*) OVER (PARTITION BY p.term_id) AS df
  FROM unnest(to_tsvector('english', :query)) q
  JOIN chunk_terms t ON t.org_id = :org_id AND t.index_id = :index_id AND t.term = q.lexeme
  JOIN chunk_postings p ON p.org_id = :org_id AND p.term_id = t.id
), ranked AS (
  SELECT chunk_id,
         sum(ln(1 + (:passages - df + 0.5) / (df + 0.5)) * count * 2.2
             / (count + 1.2 * (0.25 + 0.75 * words / :average))) AS score
  FROM found
  GROUP BY chunk_id
  ORDER BY score DESC, chunk_id
  LIMIT :depth
)
SELECT c.id, c.document_id, c.start, r.score
FROM ranked r JOIN chunks c ON c.org_id = :org_id AND c.id = r.chunk_id
ORDER BY r.score DESC, r.chunk_id
""")

_PASSAGES = text("""
SELECT c.id, c.document_id, d.name, c.text, c.page, c.heading, c.start, c."end"
FROM chunks c JOIN documents d ON d.org_id = c.org_id AND d.id = c.document_id
WHERE c.org_id = :org_id AND c.id = ANY(:ids)
""")


async def best(work: Work, index: SearchIndex, request: SearchRequest, vector: list[float] | None) -> list[Hit]:
    """The best passages, best first. `vector` is the embedded question, which the mode `keyword` does without.

    A hit's `score` depends on the mode: `vector`: cosine similarity, -1 to 1; `keyword`: BM25, from 0 without bound;
    `hybrid`: ranks of both fused, over 0 to 1 (1: first in both). `min_score` leaves out hits below it in that scale;
    a fused rank says which passage is better, not that it is good, so it suits `vector` best.
    """
    await work.session.execute(_FRESH_PLAN)
    ranked = await _ranked(work, index, request, vector)
    floor = request.min_score
    kept = [pair for pair in ranked[: request.top_k] if floor is None or pair[1] >= floor]
    return await _hits(work, index, kept)


async def _ranked(
    work: Work, index: SearchIndex, request: SearchRequest, vector: list[float] | None
) -> list[tuple[UUID, float]]:
    depth = request.top_k if request.mode != "hybrid" else max(_DEPTH, 2 * request.top_k)
    legs = []
    if request.mode != "keyword" and vector is not None:
        legs.append(await _distinct(work, _BY_MEANING, _whose(index) | {"vector": str(vector)}, depth))
    if request.mode != "vector":
        legs.append(await _distinct(work, _BY_WORDS, _whose(index) | _words(index, request.query), depth))
    ids = {place: found for leg in reversed(legs) for place, (found, _) in leg.items()}
    ranked = [[(ids[place], score) for place, (_, score) in leg.items()] for leg in legs]
    return ranked[0] if len(ranked) == 1 else fused(ranked)


async def _distinct(work: Work, statement: TextClause, values: dict[str, Any], depth: int) -> Leg:
    """The best `depth` passages. Of several rows that show the same text, each for another part of it, the best one."""
    asked = depth
    while True:
        rows = (await work.session.execute(statement, values | {"depth": asked})).all()
        leg: Leg = {}
        for row in rows:
            leg.setdefault((row.document_id, row.start), (row.id, float(row.score)))
        if len(leg) >= depth or len(rows) < asked:
            return dict(islice(leg.items(), depth))
        asked *= 4


def fused(legs: Sequence[Sequence[tuple[UUID, float]]]) -> list[tuple[UUID, float]]:
    """Reciprocal rank fusion: what several rankings put high comes first. Scores are scaled to 1 at the most."""
    scores: dict[UUID, float] = defaultdict(float)
    for leg in legs:
        for rank, (chunk_id, _) in enumerate(leg, start=1):
            scores[chunk_id] += (RRF_K + 1) / (RRF_K + rank) / len(legs)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def _words(index: SearchIndex, query: str) -> dict[str, Any]:
    average = max(index.words / max(index.passages, 1), 1.0)
    return {"query": query, "passages": float(index.passages), "average": average}


def _whose(index: SearchIndex) -> dict[str, Any]:
    return {"org_id": index.org_id, "index_id": index.id}


async def _hits(work: Work, index: SearchIndex, ranked: Sequence[tuple[UUID, float]]) -> list[Hit]:
    values = {"org_id": index.org_id, "ids": [chunk_id for chunk_id, _ in ranked]}
    rows = {row.id: row for row in await work.session.execute(_PASSAGES, values)} if ranked else {}
    return [_hit(rows[chunk_id], score) for chunk_id, score in ranked if chunk_id in rows]


def _hit(row: Row[Any], score: float) -> Hit:
    place: JsonObject = {"start": row.start, "end": row.end}
    if row.page is not None:
        place["page"] = row.page
    if row.heading:
        place["heading"] = list(row.heading)
    return Hit(str(row.id), str(row.document_id), row.name, row.text, round(score, 6), place)
