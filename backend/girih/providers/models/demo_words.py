"""How the demo model reads a prompt: what the question is, which lines are numbered passages, which words count."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, ToolMessage

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_POSSESSIVE = re.compile(r"['’]s\b")
_PASSAGE = re.compile(r"^\s*\[(\d{1,3})\]\s*(.*)$")
_LABEL = re.compile(
    r"^\s*(?:\*\*|#+\s*)?(question|message|request|customer|user|text|input|query|ticket|task|q)\b[^:\n]{0,30}:(?:\*\*)?\s*(.*)$",
    re.IGNORECASE,
)
_CLOSES = re.compile(r"^\s*(?:</?\w+>|-{3,}|#{1,6}\s.*)\s*$")
_LITTLE_WORDS = """
a about after all also an and any are as at be been before but by can could did do does each for from get gets
give given had has have he her his how i if in into is it its just many may me more most much must my no not of
on one only or our out per please shall she should so some tell than that the their them then there these they
this those to under up us was we were what when where which while who whom whose why will with would you your
something anything someone anyone thing things need want like use got take
"""
_STOP = frozenset(_LITTLE_WORDS.split())
_FORMS = """
paid=pay sent=send sold=sell bought=buy lost=lose found=find kept=keep left=leave brought=bring told=tell made=make
went=go gone=go came=come began=begin begun=begin chose=choose chosen=choose broke=break broken=break wrote=write
written=write drew=draw drawn=draw held=hold met=meet spent=spend built=build taught=teach thought=think
children=child people=person men=man women=woman feet=foot
"""
_IRREGULAR = {form: word for form, _, word in (pair.partition("=") for pair in _FORMS.split())}
_ENDINGS = ("ingly", "edly", "ments", "ment", "ings", "ing", "ies", "ied", "ers", "ed", "es", "er", "ly", "s")


_SAME = (
    (re.compile(r"\bmoney back\b", re.IGNORECASE), "refund"),
    (re.compile(r"\b(?:send|sending|give|giving|bring|bringing)\b[^.?!]{0,24}?\bback\b", re.IGNORECASE), "return"),
    (re.compile(r"\b(?:vacation|days off)\b", re.IGNORECASE), "holiday"),
)
"""Everyday ways to say what documents say in one word."""


@dataclass(frozen=True)
class Passage:
    """A numbered passage of the prompt."""

    number: int
    text: str


@dataclass(frozen=True)
class Request:
    """A prompt as the demo model understands it: the question, the passages, and everything else as instructions."""

    question: str
    passages: tuple[Passage, ...]
    instructions: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What tools have answered since the question, by field."""

    @property
    def words(self) -> tuple[str, ...]:
        """The question's words that count, each once, in order."""
        question = self.question
        for phrase, word in _SAME:
            question = phrase.sub(word, question)
        return words_of(question)


def words_of(text: str) -> tuple[str, ...]:
    """The words that carry meaning, in lower case and without their ending, each once, in order."""
    return tuple(
        dict.fromkeys(stem(word) for word in _WORD.findall(_POSSESSIVE.sub("", text.lower())) if word not in _STOP)
    )


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """A word without its English ending, so that `refunds` and `refunded` meet `refund`."""
    if word.isdigit():
        return word
    word = _IRREGULAR.get(word, word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    if len(word) > 3 and (word[-1] in "ey" or (word[-1] == word[-2] and word[-1] != "s")):
        word = word[:-1]  # `cancelled` meets `cancel`, `sell` meets `selling`
    return word


LIGHT = frozenset(stem(word) for word in ["bring", "happen", "make", "come", "go", "find"])
"""Verbs that stand with almost anything and say little by themselves."""


def understand(messages: Sequence[BaseMessage]) -> Request:
    """Take a conversation apart. The question: what a label names, else the last paragraph that asks."""
    asked = [message for message in messages if isinstance(message, HumanMessage)]
    text = str(asked[-1].content) if asked else ""
    passages, rest = _split_passages(text)
    question, about = _split_question(rest)
    others = [message for message in messages if not isinstance(message, ToolMessage)]
    before = [str(message.content) for message in others if not asked or message is not asked[-1]]
    return Request(question, passages, "\n".join([*before, about]).strip(), _facts(since_asked(messages)))


def since_asked(messages: Sequence[BaseMessage]) -> Sequence[BaseMessage]:
    """What was said after the last question."""
    last = max((i for i, message in enumerate(messages) if isinstance(message, HumanMessage)), default=-1)
    return messages[last + 1 :]


def _facts(messages: Sequence[BaseMessage]) -> dict[str, Any]:
    """The fields of the tools' results; a later one replaces an earlier one."""
    facts: dict[str, Any] = {}
    for message in messages:
        if isinstance(message, ToolMessage):
            try:
                result = json.loads(str(message.content).rpartition("\n")[2])
            except ValueError:
                continue
            facts |= result if isinstance(result, dict) else {}
    return facts


def _split_passages(text: str) -> tuple[tuple[Passage, ...], str]:
    passages: list[Passage] = []
    rest: list[str] = []
    current: list[str] | None = None
    number = 0
    for line in [*text.split("\n"), "---"]:
        start = _PASSAGE.match(line)
        if current is not None and (start or _CLOSES.match(line) or _LABEL.match(line)):
            passages.append(Passage(number, "\n".join(current).strip()))
            current = None
        if start:
            number, current = int(start[1]), [start[2]]
        elif current is not None:
            current.append(line)
        else:
            rest.append(line)
    return _without_tail(tuple(passages), rest[:-1])


def _without_tail(passages: tuple[Passage, ...], rest: list[str]) -> tuple[tuple[Passage, ...], str]:
    """Give a last paragraph that asks something back to the prompt: no label told it from the last passage."""
    if passages and not any("?" in line or _LABEL.match(line) for line in rest):
        head, _, tail = passages[-1].text.rpartition("\n\n")
        if head and tail.rstrip().endswith("?"):
            passages = (*passages[:-1], Passage(passages[-1].number, head.strip()))
            rest = [*rest, "", tail]
    return passages, "\n".join(rest)


def _split_question(text: str) -> tuple[str, str]:
    lines = text.split("\n")
    for index in range(len(lines) - 1, -1, -1):
        if label := _LABEL.match(lines[index]):
            end = next((i for i in range(index + 1, len(lines)) if not lines[i].strip()), len(lines))
            question = "\n".join([label[2], *lines[index + 1 : end]]).strip()
            if question:
                return question, "\n".join(lines[:index] + lines[end:]).strip()
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    if not paragraphs:
        return "", ""
    index = next((i for i in range(len(paragraphs) - 1, -1, -1) if "?" in paragraphs[i]), len(paragraphs) - 1)
    return paragraphs[index], "\n\n".join(paragraphs[:index] + paragraphs[index + 1 :])
