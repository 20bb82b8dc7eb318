"""What a question wants to hear, by its question words: an amount of money, a span, a point in time, a count."""

from __future__ import annotations

import re
from dataclasses import dataclass

from girih.providers.models.demo_words import words_of

_NUMBER = r"(?:\d[\d.,]*|half|one|two|three|four|five|six|seven|eight|nine|ten|twelve|once|twice|an?)"
_SPAN_UNIT = r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?)"
_CURRENCY = r"(?:euros?|cents?|dollars?|pounds?|francs?|percent)"
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_MONTH = r"(?:january|february|march|april|june|july|august|september|october|november|december)"

_MONEY = re.compile(rf"[€$£]\s?\d|\d[\d.,]*\s?(?:[€$£%]|{_CURRENCY}\b)", re.IGNORECASE)
_SPAN = re.compile(rf"\b{_NUMBER}(?:\s+[a-z]+)?\s+{_SPAN_UNIT}\b", re.IGNORECASE)
_POINT = re.compile(rf"\d:\d\d|\b\d+(?:st|nd|rd|th)\b|\b{_DAY}\b|\b{_MONTH}\b|\b(?:noon|midnight)\b", re.IGNORECASE)
_FREQUENCY = re.compile(rf"\b(?:once|twice|daily|weekly|monthly|every|each|per)\b|\b{_NUMBER} times\b", re.IGNORECASE)
_LENGTH = re.compile(rf"\b{_NUMBER}\s+(?:characters?|letters?|words?|pages?|\w*met(?:re|er)s?|inch(?:es)?)\b", re.I)
_DIGIT = re.compile(r"\d")
_HOW_MANY = re.compile(r"\bhow many\s+(\w+)", re.IGNORECASE)
_YES_OR_NO = re.compile(
    r"^\W*(?:do|does|did|is|are|was|were|can|could|may|might|will|would|should|must|has|have)\b", re.I
)
_FIRST_PERSON = re.compile(r"\b(?:I|me|my|we|our)\b")
_SECOND_PERSON = re.compile(r"\byou(?:r|rs)?\b", re.IGNORECASE)

_WANTS: tuple[tuple[re.Pattern[str], tuple[re.Pattern[str], ...], str], ...] = (
    (re.compile(r"\bhow often\b", re.IGNORECASE), (_FREQUENCY,), "often"),
    (re.compile(r"\bhow long\b", re.IGNORECASE), (_SPAN, _LENGTH), "long"),
    (
        re.compile(r"\bhow much\b|\bcosts?\b|\bprices?\b|\bfees?\b|\bhow expensive\b", re.IGNORECASE),
        (_MONEY,),
        "much cost price fee expensive",
    ),
    (re.compile(r"^\W*when\b|\bwhat time\b|\bwhich day\b", re.IGNORECASE), (_POINT, _SPAN), "time day"),
    (re.compile(r"\bhow (?:old|far|tall|large|big|heavy|high)\b", re.IGNORECASE), (_DIGIT,), "old far"),
)


@dataclass(frozen=True)
class Expectation:
    """What an answer should look like. `dropped`: words of the question that ask for it, which an answer need not have.

    `kinds`: at least one of them should be found. `yes_or_no`: the question holds the whole statement. `of_me`: it asks
    about the one who asks, so an answer speaks to them.
    """

    kinds: tuple[re.Pattern[str], ...]
    dropped: frozenset[str]
    yes_or_no: bool
    of_me: bool

    def fits(self, text: str) -> float:
        """From -1 (an answer of another kind) over 0 (nothing is expected) to 1."""
        if not self.kinds:
            return 0.0
        return 1.0 if any(kind.search(text) for kind in self.kinds) else -1.0

    def speaks(self, text: str) -> bool:
        """Whether the text speaks to the one who asks."""
        return self.of_me and bool(_SECOND_PERSON.search(text))


def expectation(question: str) -> Expectation:
    """What `question` expects of its answer."""
    yes_or_no, of_me = bool(_YES_OR_NO.search(question)), bool(_FIRST_PERSON.search(question))
    if counted := _HOW_MANY.search(question):
        stem = re.escape(next(iter(words_of(counted[1])), counted[1]))
        kind = re.compile(rf"\b{_NUMBER}(?:\s+[a-z]+)?\s+{stem}", re.IGNORECASE)
        return Expectation((kind,), frozenset(words_of("many")), yes_or_no, of_me)
    for asks, kinds, words in _WANTS:
        if asks.search(question):
            return Expectation(kinds, frozenset(words_of(words)), yes_or_no, of_me)
    return Expectation((), frozenset(), yes_or_no, of_me)
