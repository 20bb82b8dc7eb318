"""Rankings become one: of the two legs by their scores, of several questions by ranks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

Ranking = Sequence[tuple[UUID, float]]
"""Passages with their scores, best first."""

RRF_K = 60

MEANING_WEIGHT = 0.7
"""What a model's likeness counts against the words; measured, see `docs/explanation/performance.md`."""

HASHING_WEIGHT = 0.4
"""The same for the embedder `hashing`, which sees words as well, and worse."""


def weight_of(embedder: str | None) -> float:
    """What the vectors of that embedder count, 0 to 1; the words count the rest."""
    return HASHING_WEIGHT if embedder == "hashing" else MEANING_WEIGHT


def blended(meaning: Ranking, words: Ranking, weight: float) -> list[tuple[UUID, float]]:
    """One ranking of two: each score as a part of the best one of its leg, weighed; 1 for what is best in both.

    Ranks alone would give away how much better the best ones are. A passage that one leg lacks has nothing from it.
    """
    scores: dict[UUID, float] = defaultdict(float)
    for leg, share in ((meaning, weight), (words, 1 - weight)):
        best = max((score for _, score in leg), default=0.0)
        for chunk_id, score in leg:
            scores[chunk_id] += share * max(score, 0.0) / best if best > 0 else 0.0
    return _ordered(scores)


def fused(rankings: Sequence[Ranking]) -> list[tuple[UUID, float]]:
    """Reciprocal rank fusion: what several rankings put high comes first. Scores are scaled to 1 at the most."""
    scores: dict[UUID, float] = defaultdict(float)
    for ranking in rankings:
        for rank, (chunk_id, _) in enumerate(ranking, start=1):
            scores[chunk_id] += (RRF_K + 1) / (RRF_K + rank) / len(rankings)
    return _ordered(scores)


def _ordered(scores: Mapping[UUID, float]) -> list[tuple[UUID, float]]:
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
