"""Search in a collection: by meaning (exact cosine), by words (BM25), or both, fused by rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from girih.db.unit_of_work import Work
from girih.language.nodes.ports import Hit, SearchRequest
from girih.language.spec.tree import JsonObject
from girih.services.knowledge.fusion import fused
from girih.services.knowledge.meaning import by_meaning
from girih.services.knowledge.tables import SearchIndex
from girih.services.knowledge.wording import by_words

_DEPTH = 50

# A plan made for any collection would be wrong for small ones beside big ones.
_FRESH_PLAN = text("SET LOCAL plan_cache_mode = force_custom_plan")

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
        legs.append(await by_meaning(work, index, vector, depth))
    if request.mode != "vector":
        legs.append(await by_words(work, index, request.query, depth))
    ids = {place: found for leg in reversed(legs) for place, (found, _) in leg.items()}
    ranked = [[(ids[place], score) for place, (_, score) in leg.items()] for leg in legs]
    return ranked[0] if len(ranked) == 1 else fused(ranked)


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
