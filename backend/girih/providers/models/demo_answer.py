"""The demo model's free text: sentences of the passages that meet the question, or the plain word that none do."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

from girih.providers.models.demo_words import Passage, Request, words_of

_PARAGRAPH = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*•]|\d{1,2}[.)])\s)")
_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9ÄÖÜ])")
_WANTS_PASSAGES = re.compile(r"\b(passages?|sources?|context|excerpts?|documents?)\b", re.IGNORECASE)
_ASKS_NUMBER = re.compile(r"\bhow (?:long|many|much|often|far|old)\b|\bwhen\b|\bwhat time\b", re.IGNORECASE)
_MEASURES = frozenset(words_of("long much often far old time number"))
MIN_COVERED = 0.5
"""The share of the question's weight that a sentence must meet, together with the passage it stands in."""
MAX_SENTENCES = 3
NO_ANSWER = "The passages do not answer this question."


@dataclass(frozen=True)
class _Sentence:
    passage: int
    rank: int
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
    sentences = [s for rank, passage in enumerate(request.passages) for s in _sentences(passage, rank)]
    weights = _weights(request, sentences)
    total = sum(weights.values())
    if not sentences or not total:
        return NO_ANSWER
    wants_number = bool(_ASKS_NUMBER.search(request.question))

    def covered(words: frozenset[str]) -> float:
        return sum(weight for word, weight in weights.items() if word in words) / total

    def score(sentence: _Sentence) -> float:
        fits = 0.15 if wants_number and any(char.isdigit() for char in sentence.text) else 0.0
        # The search put the likelier passages first.
        return 0.65 * covered(sentence.words) + 0.35 * covered(sentence.around) + fits - 0.02 * sentence.rank

    ranked = sorted(sentences, key=score, reverse=True)
    best = ranked[0]
    if covered(best.words | best.around) < MIN_COVERED or covered(best.words) < MIN_COVERED / 2:
        return NO_ANSWER
    chosen = [best]
    met = set(best.words)
    for sentence in ranked[1:]:
        news = (sentence.words - met) & weights.keys()
        if len(chosen) < MAX_SENTENCES and news and score(sentence) >= 0.7 * score(best):
            chosen.append(sentence)
            met |= sentence.words
    return " ".join(f"{sentence.text} [{sentence.passage}]" for sentence in chosen)


def _sentences(passage: Passage, rank: int) -> list[_Sentence]:
    """The passage's sentences, with lines that were only wrapped joined again.

    A paragraph that does not end as a sentence is a title or a cell: it says what the others are about.
    """
    found: list[str] = []
    fragments: list[str] = []
    for paragraph in _PARAGRAPH.split(passage.text):
        text = " ".join(paragraph.split()).lstrip("#*-•> ")
        (found if text[-1:] in (".", "!", "?", '"', ")") else fragments).append(text)
    if not found:
        found = fragments
    around = frozenset(words_of(passage.text))
    sentences = [sentence for text in found for sentence in _SENTENCE.split(text) if len(sentence.split()) >= 3]
    return [_Sentence(passage.number, rank, text, frozenset(words_of(text)), around) for text in sentences]


def _weights(request: Request, sentences: list[_Sentence]) -> dict[str, float]:
    """The question's words by rarity among the sentences: one that stands nowhere weighs the most.

    Words that only ask for a measure ("how long") are left out: the answer holds a number instead.
    """
    seen = Counter(word for sentence in sentences for word in sentence.words)
    size = len(sentences) + 1
    asked = [word for word in request.words if word not in _MEASURES or not _ASKS_NUMBER.search(request.question)]
    return {word: math.log(1 + size / (1 + seen[word])) for word in asked}
