"""Hits that say different things: likeness between passages by their words, whatever store holds their vectors."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"\w+")


def diverse(texts: Sequence[str], scores: Sequence[float], wanted: int, diversity: float) -> list[int]:
    """Places of the passages to show, by maximal marginal relevance: the best one, then what adds most to it.

    `diversity` 0 keeps the order, 1 looks at difference alone once the first one is chosen.
    """
    vectors = [_vector(text) for text in texts]
    best = max(scores, default=0.0)
    relevance = [score / best if best > 0 else 0.0 for score in scores]
    left, chosen = list(range(len(texts))), list[int]()
    nearest = [0.0] * len(texts)
    while left and len(chosen) < wanted:
        taken = max(left, key=lambda i: ((1 - diversity) * relevance[i] - diversity * nearest[i], -i)) if chosen else 0
        left.remove(taken)
        chosen.append(taken)
        for other in left:
            nearest[other] = max(nearest[other], _cosine(vectors[taken], vectors[other]))
    return chosen


def distinct_first(texts: Sequence[str]) -> tuple[list[int], list[int]]:
    """Places of passages whose text comes for the first time, and of those that repeat a better one word by word."""
    seen: set[str] = set()
    first, repeated = list[int](), list[int]()
    for place, text in enumerate(texts):
        key = " ".join(text.split())
        (repeated if key in seen else first).append(place)
        seen.add(key)
    return first, repeated


def _vector(text: str) -> dict[str, float]:
    counts = Counter(word.casefold() for word in _WORD.findall(text))
    weights = {word: 1 + math.log(count) for word, count in counts.items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {word: weight / length for word, weight in weights.items()}


def _cosine(one: dict[str, float], other: dict[str, float]) -> float:
    small, large = (one, other) if len(one) <= len(other) else (other, one)
    return sum(weight * large.get(word, 0.0) for word, weight in small.items())
