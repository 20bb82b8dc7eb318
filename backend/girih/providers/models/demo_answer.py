"""The demo model's free text: sentences of the passages that meet the question, or the plain word that none do."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

from girih.providers.models.demo_words import Passage, Request, words_of

_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9ÄÖÜ])|\n+")
_WANTS_PASSAGES = re.compile(r"\b(passages?|sources?|context|excerpts?|documents?)\b", re.IGNORECASE)
MIN_COVERED = 0.5
"""The share of the question's weight that a sentence must meet, together with the passage it stands in."""
MAX_SENTENCES = 3
NO_ANSWER = "The passages do not answer this question."


@dataclass(frozen=True)
class _Sentence:
    passage: int
    position: int
    text: str
    words: frozenset[str]
    around: frozenset[str]


def answer(request: Request) -> str:
    """The answer's text, with marks `[n]`; a plain statement when the passages do not answer or there are none."""
    if request.passages:
        return _from_passages(request)
    if _WANTS_PASSAGES.search(request.instructions):
        return NO_ANSWER
    return f"This is a canned answer, as no real model is set up. You asked: {request.question}"


def _from_passages(request: Request) -> str:
    sentences = [sentence for passage in request.passages for sentence in _sentences(passage)]
    weights = _weights(request, sentences)
    total = sum(weights.values())
    if not sentences or not total:
        return NO_ANSWER

    def covered(words: frozenset[str]) -> float:
        return sum(weight for word, weight in weights.items() if word in words) / total

    def score(sentence: _Sentence) -> float:
        return 0.7 * covered(sentence.words) + 0.3 * covered(sentence.around)

    ranked = sorted(sentences, key=score, reverse=True)
    best = ranked[0]
    if covered(best.words | best.around) < MIN_COVERED or covered(best.words) < MIN_COVERED / 2:
        return NO_ANSWER
    chosen = [best]
    met = set(best.words)
    for sentence in ranked[1:]:
        news = (sentence.words - met) & weights.keys()
        if len(chosen) < MAX_SENTENCES and news and score(sentence) >= 0.6 * score(best):
            chosen.append(sentence)
            met |= sentence.words
    return " ".join(f"{sentence.text} [{sentence.passage}]" for sentence in chosen)


def _sentences(passage: Passage) -> list[_Sentence]:
    around = frozenset(words_of(passage.text))
    texts = (" ".join(text.split()).lstrip("#*-> ") for text in _SENTENCE.split(passage.text))
    return [
        _Sentence(passage.number, position, text, frozenset(words_of(text)), around)
        for position, text in enumerate(texts)
        if len(text.split()) >= 3
    ]


def _weights(request: Request, sentences: list[_Sentence]) -> dict[str, float]:
    """The question's words by rarity among the sentences: one that stands nowhere weighs the most."""
    seen = Counter(word for sentence in sentences for word in sentence.words)
    size = len(sentences) + 1
    return {word: math.log(1 + size / (1 + seen[word])) for word in request.words}
