"""Questions and what was judged relevant to them, as evaluations bring them: TREC topics and qrels, or JSON lines."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from girih.errors import InvalidInput
from girih.language.spec.tree import JsonValue

_TOPIC = re.compile(r"<top>(.*?)</top>", re.DOTALL | re.IGNORECASE)
_FIELD = r"<{tag}>(.*?)(?=<|\Z)"
_LABEL = re.compile(r"^\s*(?:number|topic)\s*:", re.IGNORECASE)
_LARGEST = 1000
"""The highest grade."""


@dataclass(frozen=True)
class Judged:
    """A question and the grades of documents; without a grade above 0 nothing can be measured by it."""

    id: str
    query: str
    grades: Mapping[str, int]

    @property
    def is_answered(self) -> bool:
        """Whether any document is relevant."""
        return any(grade > 0 for grade in self.grades.values())


def read_topics(text: str, file: str, *, by_place: bool = False) -> dict[str, str]:
    """The questions of a TREC topic file, by number; with `by_place` numbered from 1 as they stand in the file.

    `title` is the question. Raises `InvalidInput` with file and line.
    """
    topics: dict[str, str] = {}
    for place, match in enumerate(_TOPIC.finditer(text), start=1):
        line = text.count("\n", 0, match.start()) + 1
        number = _LABEL.sub("", _field(match[1], "num")).strip()
        if not number and not by_place:
            raise _fault(file, line, "this topic has no <num>")
        name, query = str(place) if by_place else number, " ".join(_field(match[1], "title").split())
        if not query:
            raise _fault(file, line, f"topic {name} has no <title>")
        if name in topics:
            raise _fault(file, line, f"topic {name} is given twice")
        topics[name] = query
    if not topics:
        raise InvalidInput(f"{file} has no topics", help="a topic is <top> <num> 1 </num> <title> … </title> </top>")
    return topics


def read_qrels(text: str, file: str) -> dict[str, dict[str, int]]:
    """Grades by question and document: lines of `question iteration document grade`. Raises `InvalidInput`."""
    grades: dict[str, dict[str, int]] = {}
    for number, line in _filled(text):
        parts = line.split()
        if len(parts) != 4:
            raise _fault(
                file, number, f"a judgement has 4 columns (question, 0, document, grade), here are {len(parts)}"
            )
        question, _, document, grade = parts
        if not re.fullmatch(r"-?[0-9]{1,4}", grade) or int(grade) > _LARGEST:
            raise _fault(file, number, f"'{grade}' is no grade: a whole number up to {_LARGEST}")
        known = grades.setdefault(question, {})
        if known.setdefault(document, int(grade)) != int(grade):
            raise _fault(file, number, f"'{document}' has another grade for question {question} further up")
    if not grades:
        raise InvalidInput(f"{file} has no judgements", help="a line is: question 0 document grade")
    return grades


def joined(topics: Mapping[str, str], grades: Mapping[str, Mapping[str, int]], file: str) -> list[Judged]:
    """Topics with their grades. Raises `InvalidInput` when judgements name questions that are not among the topics."""
    if stray := sorted(grades.keys() - topics.keys()):
        raise InvalidInput(
            f"{file} judges question {stray[0]}, which is not among the topics",
            help="if the judgements count topics by their place in the file, say --topics-by-place",
        )
    return [Judged(name, query, grades.get(name, {})) for name, query in topics.items()]


def read_lines(text: str, file: str) -> list[Judged]:
    """Questions from JSON lines of `{"query": …, "relevant": {document: grade}}`, with an `id` if they have one.

    `relevant` may be a list as well: every document counts 1. Raises `InvalidInput` with file and line.
    """
    found: dict[str, Judged] = {}
    for number, line in _filled(text):
        try:
            given: JsonValue = json.loads(line)
        except ValueError as fault:
            raise _fault(file, number, f"this is not JSON: {fault}") from fault
        one = _judged(given, file, number)
        if one.id in found:
            raise _fault(file, number, f"the id '{one.id}' is given twice")
        found[one.id] = one
    if not found:
        raise InvalidInput(f"{file} has no questions", help=_SHAPE)
    return list(found.values())


def counted(judged: Sequence[Judged]) -> list[Judged]:
    """Those that something can be measured by. Raises `InvalidInput` when there are none."""
    if not (answered := [one for one in judged if one.is_answered]):
        raise InvalidInput("no question has a relevant document", help="a grade above 0 makes a document relevant")
    return answered


_SHAPE = 'a line is {"query": "…", "relevant": {"document": 1}}'


def _judged(given: JsonValue, file: str, number: int) -> Judged:
    if not isinstance(given, dict):
        raise _fault(file, number, "this is no object", _SHAPE)
    if unknown := next((name for name in given if name not in ("id", "query", "relevant")), None):
        raise _fault(file, number, f"'{unknown}' is not known here", "there are id, query and relevant")
    query, name = given.get("query"), given.get("id", str(number))
    if not isinstance(query, str) or not query.strip():
        raise _fault(file, number, "`query` has to be a text", _SHAPE)
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise _fault(file, number, "`id` has to be a text or a whole number")
    return Judged(str(name), query, _grades(given.get("relevant"), file, number))


def _grades(given: JsonValue, file: str, number: int) -> dict[str, int]:
    if isinstance(given, list) and all(isinstance(document, str) for document in given):
        return dict.fromkeys(given, 1)
    if not isinstance(given, dict):
        raise _fault(
            file, number, "`relevant` has to be an object of documents and grades, or a list of documents", _SHAPE
        )
    for document, grade in given.items():
        if not isinstance(grade, int) or isinstance(grade, bool) or abs(grade) > _LARGEST:
            raise _fault(file, number, f"the grade of '{document}' has to be a whole number up to {_LARGEST}")
    return given


def _filled(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())


def _field(topic: str, tag: str) -> str:
    match = re.search(_FIELD.format(tag=tag), topic, re.DOTALL | re.IGNORECASE)
    return html.unescape(match[1]) if match else ""


def _fault(file: str, line: int, message: str, help: str | None = None) -> InvalidInput:
    return InvalidInput(f"{file}:{line}: {message}", help=help)
