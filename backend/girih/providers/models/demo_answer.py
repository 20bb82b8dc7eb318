"""The demo model's free text: statements of the passages that meet the question, or the plain word that none do."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from girih.providers.models.demo_expects import Expectation, expectation
from girih.providers.models.demo_statements import Statement, statements
from girih.providers.models.demo_words import LIGHT, Request

_WANTS_PASSAGES = re.compile(r"\b(passages?|sources?|context|excerpts?|documents?)\b", re.IGNORECASE)
MIN_COVERED = 0.5
"""The share of the question's weight that a statement must meet, together with the passage it stands in."""
MIN_OWN = 0.25
"""The share it must meet by itself."""
MIN_OWN_YES_OR_NO = 0.6
"""The same for a question that is a whole statement: "Do you sell bicycles?" is not met by a stand for bicycles."""
MAX_STATEMENTS = 2
_LIGHT_WEIGHT = 0.35
_NUMBER_WEIGHT = 0.5
NO_ANSWER = "The passages do not answer this question."


@dataclass(frozen=True)
class _Judge:
    """Scores statements for one question by its words' weights."""

    weights: dict[str, float]
    expected: Expectation

    def covered(self, words: frozenset[str]) -> float:
        """The share of the question's weight that these words meet, from 0 to 1."""
        return sum(weight for word, weight in self.weights.items() if word in words) / sum(self.weights.values())

    def score(self, statement: Statement) -> float:
        """How well a statement answers; the search put the likelier passages first."""
        own, around = self.covered(statement.words), self.covered(statement.around)
        manner = 0.2 * self.expected.fits(statement.text) + 0.05 * self.expected.speaks(statement.text)
        return 0.65 * own + 0.35 * around + manner - 0.02 * statement.rank

    def suffices(self, statement: Statement) -> bool:
        """Whether it meets enough of the question to be given as an answer."""
        own = self.covered(statement.words)
        least = MIN_OWN_YES_OR_NO if self.expected.yes_or_no else MIN_OWN
        fits = self.expected.fits(statement.text) >= 0
        return fits and own >= least and self.covered(statement.words | statement.around) >= MIN_COVERED


def answer(request: Request) -> str:
    """The answer's text, with marks `[n]`; a plain statement when the passages do not answer or there are none."""
    if request.passages:
        return _from_passages(request)
    if _WANTS_PASSAGES.search(request.instructions):
        return NO_ANSWER
    return f"This is a canned answer, as no real model is set up. You asked: {request.question}"


def _from_passages(request: Request) -> str:
    found = [s for rank, passage in enumerate(request.passages) for s in statements(passage, rank)]
    expected = expectation(request.question)
    weights = _weights([word for word in request.words if word not in expected.dropped], found)
    if not found or not weights:
        return NO_ANSWER
    judge = _Judge(weights, expected)
    ranked = sorted((s for s in found if judge.suffices(s)), key=judge.score, reverse=True)
    if not ranked:
        return NO_ANSWER
    chosen = ranked[:1]
    for statement in ranked[1:]:
        news = (statement.words - chosen[0].words) & weights.keys()
        close = judge.score(statement) >= 0.8 * judge.score(chosen[0])
        if len(chosen) < MAX_STATEMENTS and close and judge.covered(frozenset(news)) >= 0.2:
            chosen.append(statement)
    return " ".join(f"{statement.text} [{statement.passage}]" for statement in chosen)


def _weights(words: Sequence[str], found: Sequence[Statement]) -> dict[str, float]:
    """The question's words by rarity among the statements: one that stands nowhere weighs the most.

    Verbs that say little weigh little; so do numbers, as an answer often gives a bound instead.
    """
    seen = Counter(word for statement in found for word in statement.words)
    size = len(found) + 1

    def weight(word: str) -> float:
        share = _LIGHT_WEIGHT if word in LIGHT else _NUMBER_WEIGHT if word.isdigit() else 1.0
        return share * math.log(1 + size / (1 + seen[word]))

    return {word: weight(word) for word in words}
