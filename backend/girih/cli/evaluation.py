"""How good rankings are by judgements of relevance, and whether one way to search is better than another."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Grades = Mapping[str, int]
"""What was judged of documents for one question: above 0 is relevant, the higher the more."""

METRICS = ("ndcg@10", "recall@10", "recall@100", "mrr")
DEEPEST = 100
"""How many documents of a ranking count."""

_EXACT = 12
"""Up to so many questions that differ, every assignment of signs is tried."""
_DRAWS = 10_000
_SEED = 20_071_106


@dataclass(frozen=True)
class Comparison:
    """One way to search beside another, over the same questions: `gain` is the mean difference of the metric.

    `p` is how often a difference at least as large comes about when it is chance which of the two a figure belongs to
    (paired randomization, two-sided).
    """

    wins: int
    losses: int
    ties: int
    gain: float
    p: float


def measured(ranking: Sequence[str], grades: Grades) -> dict[str, float]:
    """Every metric of one question, each 0 to 1. `ranking` holds every document once; something has to be relevant.

    nDCG takes grades as gains and divides by the logarithm of the place, as trec_eval does.
    """
    return {
        "ndcg@10": ndcg(ranking, grades, 10),
        "recall@10": recall(ranking, grades, 10),
        "recall@100": recall(ranking, grades, 100),
        "mrr": reciprocal_rank(ranking[:DEEPEST], grades),
    }


def relevant(grades: Grades) -> set[str]:
    """The documents that answer the question."""
    return {document for document, grade in grades.items() if grade > 0}


def ndcg(ranking: Sequence[str], grades: Grades, depth: int) -> float:
    """What the first `depth` places gain, as a part of what the best ranking would."""
    best = _gain(sorted(grades.values(), reverse=True)[:depth])
    return _gain([grades.get(document, 0) for document in ranking[:depth]]) / best if best else 0.0


def recall(ranking: Sequence[str], grades: Grades, depth: int) -> float:
    """Which part of what is relevant stands on the first `depth` places."""
    wanted = relevant(grades)
    return len(wanted.intersection(ranking[:depth])) / len(wanted) if wanted else 0.0


def reciprocal_rank(ranking: Sequence[str], grades: Grades) -> float:
    """1 divided by the place of the first relevant document."""
    wanted = relevant(grades)
    return next((1 / place for place, document in enumerate(ranking, start=1) if document in wanted), 0.0)


def mean(values: Sequence[float]) -> float:
    """Their mean; 0 without any."""
    return math.fsum(values) / len(values) if values else 0.0


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest of the values that `part` of them (0 to 1) do not exceed; 0 without any."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else 0.0


def compared(one: Sequence[float], other: Sequence[float]) -> Comparison:
    """`other` beside `one`, a figure of each question in the same order."""
    differences = [b - a for a, b in zip(one, other, strict=True)]
    wins = sum(difference > 0 for difference in differences)
    losses = sum(difference < 0 for difference in differences)
    return Comparison(wins, losses, len(differences) - wins - losses, mean(differences), by_chance(differences))


def by_chance(differences: Sequence[float]) -> float:
    """How often the sum of the differences is at least as far from 0 when each sign is thrown like a coin."""
    sizes = [abs(difference) for difference in differences if difference]
    if not sizes:
        return 1.0
    total = math.fsum(sizes)
    # Rounding must not make a tie a difference.
    reached = abs(math.fsum(differences)) - 1e-9 * total
    if len(sizes) <= _EXACT:
        return sum(_is_far(sizes, signs, total, reached) for signs in range(1 << len(sizes))) / (1 << len(sizes))
    chance = random.Random(_SEED)  # noqa: S311 - the same judgements give the same answer; nothing is kept secret by it
    drawn = sum(_is_far(sizes, chance.getrandbits(len(sizes)), total, reached) for _ in range(_DRAWS))
    return (drawn + 1) / (_DRAWS + 1)


def _is_far(sizes: Sequence[float], signs: int, total: float, reached: float) -> bool:
    positive = sum(size for place, size in enumerate(sizes) if signs >> place & 1)
    return abs(2 * positive - total) >= reached


def _gain(grades: Sequence[int]) -> float:
    return math.fsum(max(grade, 0) / math.log2(place + 2) for place, grade in enumerate(grades))
