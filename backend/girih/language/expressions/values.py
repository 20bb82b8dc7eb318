"""Data with `${ … }` in it: finding the expressions, what they read, and the data they evaluate to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from girih.language.expressions.cel import ExpressionError, ParseFault, compiled, evaluate_expression
from girih.language.spec.tree import JsonValue, Path

MAX_TEXT = 1_000_000
"""The longest text, in characters, that interpolation may give."""

_OPEN = "${"


class Unterminated(ValueError):
    """A `${` without its `}`; `offset` is where it opens."""

    def __init__(self, offset: int) -> None:
        super().__init__("'${' is never closed by '}'")
        self.offset = offset


@dataclass(frozen=True)
class Expression:
    """One `${ … }`: the path of the text it stands in, its inner text, the offset of that, and if it stands alone."""

    path: Path
    offset: int
    text: str
    lone: bool


@dataclass(frozen=True)
class _Piece:
    text: str
    offset: int
    is_expression: bool


def expressions(value: JsonValue) -> list[Expression]:
    """Every `${ … }` in nested data, in order. Raises `Unterminated`; see `texts` to go text by text."""
    return [expression for path, text in texts(value) for expression in expressions_in(text, path)]


def expressions_in(text: str, path: Path = ()) -> list[Expression]:
    """Every `${ … }` in one text. Raises `Unterminated`."""
    if _OPEN not in text:
        return []
    pieces = _scan(text)
    lone = _is_lone(pieces)
    return [Expression(path, piece.offset, piece.text, lone) for piece in pieces if piece.is_expression]


def spans_in(text: str) -> list[tuple[int, int, str]]:
    """Where every `${ … }` of a text begins and ends, and its inner text. Raises `Unterminated`."""
    if _OPEN not in text:
        return []
    found = []
    for piece in _scan(text):
        if piece.is_expression:
            start = text.rindex(_OPEN, 0, piece.offset + 1)
            found.append((start, (_closing(text, start + len(_OPEN)) or 0) + 1, piece.text))
    return found


def texts(value: JsonValue, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text in nested data with its path; keys of mappings are none."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(item, (*path, key))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from texts(item, (*path, i))


def references(value: JsonValue) -> set[str]:
    """The names (`inputs`, nodes) that nested data reads. What is no CEL reads nothing."""
    names: set[str] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            names |= _read_in(item) if _OPEN in item else frozenset()
        elif isinstance(item, list | tuple):
            waiting.extend(item)
        elif isinstance(item, Mapping):
            waiting.extend(item.values())
    return names


def _read_in(text: str) -> set[str]:
    try:
        pieces = _scan(text)
    except Unterminated:
        return set()
    return {name for piece in pieces if piece.is_expression for name in names_in(piece.text)}


def names_in(expression: str) -> frozenset[str]:
    """The names one expression reads; none if it is no CEL."""
    try:
        return compiled(expression).names
    except (ParseFault, ExpressionError):
        return frozenset()


def evaluate(value: JsonValue, data: Mapping[str, JsonValue]) -> JsonValue:
    """Nested data with every `${ … }` replaced by its value.

    A text that is one `${ … }` and nothing else becomes the value itself; in other text the value is written as text
    (text as it is, everything else as JSON). Raises `ExpressionError`.
    """
    if isinstance(value, str):
        return _evaluate_text(value, data)
    if isinstance(value, Mapping):
        return {key: evaluate(item, data) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [evaluate(item, data) for item in value]
    return value


def _evaluate_text(text: str, data: Mapping[str, JsonValue]) -> JsonValue:
    if _OPEN not in text:
        return text
    try:
        pieces = _scan(text)
        if _is_lone(pieces):
            return next(evaluate_expression(piece.text, data) for piece in pieces if piece.is_expression)
        parts = [_written(evaluate_expression(p.text, data)) if p.is_expression else p.text for p in pieces]
    except (ParseFault, Unterminated) as fault:
        raise ExpressionError(f"'{text}' is no expression: {fault}") from fault
    if sum(map(len, parts)) > MAX_TEXT:
        raise ExpressionError(f"a text grew over {MAX_TEXT:,} characters")
    return "".join(parts)


def _written(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_lone(pieces: tuple[_Piece, ...]) -> bool:
    found = [piece for piece in pieces if piece.is_expression]
    return len(found) == 1 and all(piece.is_expression or not piece.text.strip() for piece in pieces)


@lru_cache(maxsize=4096)
def _scan(text: str) -> tuple[_Piece, ...]:
    """The text as literal pieces and expressions. Raises `Unterminated`."""
    pieces: list[_Piece] = []
    at = 0
    while (start := text.find(_OPEN, at)) >= 0:
        end = _closing(text, start + len(_OPEN))
        if end is None:
            raise Unterminated(start)
        if start > at:
            pieces.append(_Piece(text[at:start], at, is_expression=False))
        pieces.append(_inner(text, start + len(_OPEN), end))
        at = end + 1
    if at < len(text):
        pieces.append(_Piece(text[at:], at, is_expression=False))
    return tuple(pieces)


def _inner(text: str, start: int, end: int) -> _Piece:
    raw = text[start:end]
    return _Piece(raw.strip(), start + len(raw) - len(raw.lstrip()), is_expression=True)


def _closing(text: str, at: int) -> int | None:
    """The index of the `}` that closes a `${` opened before `at`, past the braces and quotes of the expression."""
    depth = 0
    never_closed: set[str] = set()
    while at < len(text):
        char = text[at]
        if char in "'\"" and char not in never_closed:
            end = _end_of_quote(text, at)
            if end == at + 1:
                never_closed.add(char)  # looking again from each quote would take a long text for ever
            at = end
            continue
        if char == "}" and depth == 0:
            return at
        depth += (char == "{") - (char == "}")
        at += 1
    return None


def _end_of_quote(text: str, start: int) -> int:
    """The index after the quoted text that opens at `start`; one past its quote when it never closes.

    An unclosed quote then counts as a plain character, so that the parser, which says it best, gets to complain.
    """
    quote = text[start] * 3 if text.startswith(text[start] * 3, start) else text[start]
    raw = start > 0 and text[start - 1] in "rR" and not text[start - 2 : start - 1].isalnum()
    at = start + len(quote)
    while at < len(text):
        if text[at] == "\\" and not raw:
            at += 2
        elif text.startswith(quote, at):
            return at + len(quote)
        else:
            at += 1
    return start + 1
