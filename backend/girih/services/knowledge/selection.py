"""Which candidates become hits: good enough, in the reranker's order, no text twice before others come, diverse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from girih.language.nodes.ports import Hit, SearchRequest
from girih.services.knowledge.diversity import distinct_first, diverse
from girih.services.knowledge.explain import Course, told_of
from girih.services.knowledge.rerank import Reordering

_POOL = 50


def pool_of(request: SearchRequest) -> int:
    """How many candidates there have to be, so that the best of them can be chosen."""
    chooses = bool(request.rerank) or request.diversity > 0
    return max(_POOL, 2 * request.top_k) if chooses else request.top_k + _spare(request.top_k)


def _spare(top_k: int) -> int:
    """Room for texts that come twice."""
    return max(5, top_k // 2)


def good_enough(found: Sequence[Hit], floor: float | None, course: Course) -> list[Hit]:
    """Those that reach the floor, in the scale of the mode."""
    if floor is None:
        return list(found)
    course.leave_out(_named([hit for hit in found if hit.score < floor]), f"its score is below {floor:g}")
    return [hit for hit in found if hit.score >= floor]


def without_repeats(found: Sequence[Hit]) -> list[Hit]:
    """Those that say the same as a better one, word by word, come behind all others and take no place of theirs."""
    first, repeated = distinct_first([hit.text for hit in found])
    return [found[place] for place in (*first, *repeated)]


def in_order(found: Sequence[Hit], reordering: Reordering | None, course: Course) -> list[Hit]:
    """In the reranker's order; its scores become the hits' scores, and the order stays where it gave none."""
    if reordering is None:
        return list(found)
    course.rerank = told_of(reordering.by, reordering.usage, reordering.fault)
    return [_scored(found[place], score) for place, score in reordering.order]


def chosen(found: Sequence[Hit], request: SearchRequest, course: Course) -> list[Hit]:
    """The hits. The others are left out, and that is noted."""
    if request.diversity > 0:
        texts, scores = [hit.text for hit in found], [hit.score for hit in found]
        places = diverse(texts, scores, request.top_k, request.diversity)
        reason = "others add more that is different, or there are enough hits"
    else:
        places = list(range(min(request.top_k, len(found))))
        reason = "there are enough hits that are better"
    taken = set(places)
    course.leave_out(_named([hit for place, hit in enumerate(found) if place not in taken]), reason)
    return [found[place] for place in places]


def note_shown(before: Sequence[Hit], after: Sequence[Hit], course: Course) -> None:
    """Note hits that went because a better one shows their text among its neighbours."""
    left = {hit.chunk_id for hit in after}
    gone = [hit for hit in before if hit.chunk_id not in left]
    course.leave_out(_named(gone), "a better hit shows it among its neighbours")


def _scored(hit: Hit, score: float | None) -> Hit:
    if score is None:
        return hit
    return replace(hit, score=round(score, 6), scores={**hit.scores, "rerank": round(score, 6)})


def _named(hits: Sequence[Hit]) -> list[tuple[str, str]]:
    return [(hit.chunk_id, hit.document) for hit in hits]
