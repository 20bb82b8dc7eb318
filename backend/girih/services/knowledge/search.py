"""Finding candidates in an index: the legs of each question, one ranking out of them, and the passages it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row, text

from girih.db.unit_of_work import Work
from girih.language.nodes.ports import Hit, SearchMode
from girih.language.spec.tree import JsonObject
from girih.providers.stores.base import Near
from girih.services.knowledge.explain import MOST_TOLD, Course, Found, LegTold
from girih.services.knowledge.fusion import blended, fused, weight_of
from girih.services.knowledge.legs import Leg
from girih.services.knowledge.meaning import by_meaning
from girih.services.knowledge.outside import View, by_store
from girih.services.knowledge.tables import SearchIndex
from girih.services.knowledge.where import Where
from girih.services.knowledge.wording import by_words

_DEPTH = 100
"""How deep each leg of a hybrid search looks at the least."""

# A plan made for any collection would be wrong for small ones beside big ones.
_FRESH_PLAN = text("SET LOCAL plan_cache_mode = force_custom_plan")

_PASSAGES = text("""
SELECT c.id, c.document_id, d.name, d.generation, d.metadata, c.text, c.page, c.heading, c.start, c."end", c.notes
FROM chunks c JOIN documents d ON d.org_id = c.org_id AND d.id = c.document_id
WHERE c.org_id = :org_id AND c.id = ANY(:ids)
""")


@dataclass(frozen=True)
class Question:
    """One wording of what is asked, and its vector where the mode needs one."""

    text: str
    vector: list[float] | None = None
    near: Near | None = None
    """What the store that has the index's vectors found for it, where that is not the database."""


@dataclass(frozen=True)
class Looking:
    """What candidates are looked for: `wanted` of them at the most."""

    mode: SearchMode
    wanted: int
    where: Where

    @property
    def depth(self) -> int:
        """How many passages each leg has to find."""
        return self.wanted if self.mode != "hybrid" else max(_DEPTH, 2 * self.wanted)


@dataclass
class _Scored:
    """What the legs say of each passage."""

    scores: dict[UUID, JsonObject] = field(default_factory=dict)

    def note(self, by: Literal["vector", "keyword"], ranking: Sequence[tuple[UUID, float]]) -> None:
        for rank, (chunk_id, score) in enumerate(ranking, start=1):
            known = self.scores.setdefault(chunk_id, {})
            if rank < known.get(f"{by}_rank", rank + 1):
                known |= {f"{by}_rank": rank, f"{by}_score": round(score, 6)}


async def candidates(
    work: Work, index: SearchIndex, questions: Sequence[Question], looking: Looking, course: Course
) -> list[Hit]:
    """The passages that answer best, best first.

    A hit's `score` depends on the mode: `vector`: cosine similarity, -1 to 1; `keyword`: BM25, from 0 without bound;
    `hybrid`: both as parts of their best, blended, 0 to 1 (1: best in both). With several questions: ranks, fused.
    """
    await work.session.execute(_FRESH_PLAN)
    scored = _Scored()
    rankings = [await _ranking(work, index, question, looking, course, scored) for question in questions]
    ranked = rankings[0] if len(rankings) == 1 else fused(rankings)
    with course.timed("passages"):
        return await _hits(work, index, ranked[: looking.wanted], scored.scores)


async def _ranking(
    work: Work, index: SearchIndex, question: Question, looking: Looking, course: Course, scored: _Scored
) -> list[tuple[UUID, float]]:
    depth = looking.depth
    weight = {"vector": 1.0, "keyword": 0.0, "hybrid": weight_of(index.embedder_name)}[looking.mode]
    meaning: Leg = {}
    words: Leg = {}
    if looking.mode != "keyword" and question.vector is not None:
        with course.timed("vector"):
            meaning = await _meaning(work, index, question, question.vector, looking)
    if looking.mode != "vector":
        with course.timed("keyword"):
            words = await by_words(work, index, question.text, depth, looking.where)
    # One passage may be found by different parts of it: both legs speak of the part that the first of them found.
    ids = {place: chunk_id for leg in (words, meaning) for place, (chunk_id, _) in leg.items()}
    by_vector, by_keyword = ([(ids[place], score) for place, (_, score) in leg.items()] for leg in (meaning, words))
    scored.note("vector", by_vector)
    scored.note("keyword", by_keyword)
    course.legs += _told(question.text, by_vector, by_keyword, weight, looking.mode)
    if looking.mode != "hybrid":
        return by_vector or by_keyword
    return blended(by_vector, by_keyword, weight)


async def _meaning(work: Work, index: SearchIndex, question: Question, vector: list[float], looking: Looking) -> Leg:
    if question.near is None:
        return await by_meaning(work, index, vector, looking.depth, looking.where)
    return await by_store(work, index, question.near, looking.depth, looking.where)


def with_view(questions: Sequence[Question], view: View | None) -> list[Question]:
    """The questions with what a store found for each."""
    if view is None:
        return list(questions)
    return [replace(question, near=near) for question, near in zip(questions, view.near, strict=True)]


def _told(
    question: str,
    meaning: Sequence[tuple[UUID, float]],
    words: Sequence[tuple[UUID, float]],
    weight: float,
    mode: SearchMode,
) -> list[LegTold]:
    told = []
    if mode != "keyword":
        told.append(LegTold(question=question, by="vector", weight=weight, found=len(meaning), best=_best(meaning)))
    if mode != "vector":
        share = round(1 - weight, 3)
        told.append(LegTold(question=question, by="keyword", weight=share, found=len(words), best=_best(words)))
    return told


def _best(ranking: Sequence[tuple[UUID, float]]) -> list[Found]:
    return [
        Found(chunk_id=str(chunk_id), rank=rank, score=round(score, 6))
        for rank, (chunk_id, score) in enumerate(ranking[:MOST_TOLD], start=1)
    ]


async def _hits(
    work: Work, index: SearchIndex, ranked: Sequence[tuple[UUID, float]], scores: dict[UUID, JsonObject]
) -> list[Hit]:
    values = {"org_id": index.org_id, "ids": [chunk_id for chunk_id, _ in ranked]}
    rows = {row.id: row for row in await work.session.execute(_PASSAGES, values)} if ranked else {}
    return [_hit(rows[chunk_id], score, scores.get(chunk_id, {})) for chunk_id, score in ranked if chunk_id in rows]


def _hit(row: Row[Any], score: float, scores: JsonObject) -> Hit:
    place: JsonObject = {"start": row.start, "end": row.end}
    if row.page is not None:
        place["page"] = row.page
    if row.heading:
        place["heading"] = list(row.heading)
    score = round(score, 6)
    return Hit(
        chunk_id=str(row.id),
        document_id=str(row.document_id),
        document=row.name,
        text=row.text,
        score=score,
        place=place,
        version=row.generation,
        metadata={**(row.notes or {}), **row.metadata},
        scores={**scores, "fused": score},
    )
