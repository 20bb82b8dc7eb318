"""Rankings by different measures become one: by the ranks alone, because their scores have nothing in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

RRF_K = 60


def fused(legs: Sequence[Sequence[tuple[UUID, float]]]) -> list[tuple[UUID, float]]:
    """Reciprocal rank fusion: what several rankings put high comes first. Scores are scaled to 1 at the most."""
    scores: dict[UUID, float] = defaultdict(float)
    for leg in legs:
        for rank, (chunk_id, _) in enumerate(leg, start=1):
            scores[chunk_id] += (RRF_K + 1) / (RRF_K + rank) / len(legs)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
