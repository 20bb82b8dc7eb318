"""The embedder that is always there: hashed words and character n-grams, without a model and without a download."""

from __future__ import annotations

import asyncio
import math
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b

DIMS = 1024
_WORD = re.compile(r"\w+")
_WORD_WEIGHT = 1.0
_GRAM_WEIGHT = 0.4


class Hashing:
    """Finds shared words and word parts, not meaning: weaker than a model, and honest about it by its name."""

    name = "hashing"
    model = "hashed-words-and-ngrams-v1"
    dims = DIMS
    fingerprint = f"blake2b:words+3-5grams:{DIMS}"

    def load(self) -> None:
        """Nothing: it is always ready."""

    def close(self) -> None:
        """Nothing: it holds nothing."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of 1024 numbers per text, computed in a thread."""
        return await asyncio.to_thread(lambda: [_vector(text) for text in texts])


def _vector(text: str) -> list[float]:
    vector = [0.0] * DIMS
    for (feature, weight), count in Counter(_features(text)).items():
        slot, sign = _place(feature)
        vector[slot] += sign * weight * (1.0 + math.log(count))
    norm = math.hypot(*vector)
    if norm == 0.0:
        # A text without a single word still needs a direction: cosine distance to a zero vector is not a number.
        vector[0] = norm = 1.0
    return array("f", [value / norm for value in vector]).tolist()  # as precise as it is stored


def _features(text: str) -> Iterator[tuple[str, float]]:
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        yield word, _WORD_WEIGHT * min(len(word), 8) / 4
        framed = f"<{word}>"
        for size in (3, 4, 5):
            for start in range(len(framed) - size + 1):
                yield framed[start : start + size], _GRAM_WEIGHT


def _place(feature: str) -> tuple[int, int]:
    """Where a feature lands, and with which sign (signs make collisions cancel out on average)."""
    value = int.from_bytes(blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return (value >> 1) % DIMS, 1 if value & 1 else -1
