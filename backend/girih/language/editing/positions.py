"""Places as editors count them: lines and characters from 0, characters in units of UTF-16."""

from __future__ import annotations

from typing import NamedTuple

from girih.language.spec.diagnostics import Place
from girih.language.spec.source import Source


class Position(NamedTuple):
    """A place between two characters."""

    line: int
    character: int


class Range(NamedTuple):
    """A part of a text, from one position up to another."""

    start: Position
    end: Position


class Edit(NamedTuple):
    """A new text in place of a part; a `range` of `None` is the whole text."""

    range: Range | None
    text: str


def units(text: str) -> int:
    """The length of a text in units of UTF-16: two for an emoji."""
    return len(text) + sum(character > "\uffff" for character in text)


def position_at(source: Source, index: int) -> Position:
    """The position before the character at `index`; beyond the end, behind the last one."""
    line, column = source.position(index)
    return Position(line - 1, units(source.line(line)[: column - 1]))


def index_at(source: Source, position: Position) -> int:
    """The index of the character behind a position; of one that the text does not have, the nearest before it."""
    if position.line < 0:
        return 0
    if position.line >= len(source.lines):
        return len(source.text)
    left = position.character
    line = source.lines[position.line]
    start = source.start_of(position.line + 1)
    if left <= 0 or line.isascii():
        return start + max(0, min(left, len(line)))
    for column, character in enumerate(line):
        left -= 2 if character > "\uffff" else 1
        if left < 0:
            return start + column
        if left == 0:
            return start + column + 1
    return start + len(line)


def range_of(source: Source, place: Place) -> Range:
    """A place of a finding; it ends on the line it begins on."""
    line = source.line(place.line)
    start = place.column - 1
    end = min(start + place.length, max(len(line), start))
    first = units(line[:start])
    return Range(Position(place.line - 1, first), Position(place.line - 1, first + units(line[start:end])))


def span_of(source: Source, place: Place) -> tuple[int, int]:
    """A place of a finding as indexes into the text."""
    if place.line > len(source.lines):
        return len(source.text), len(source.text)
    start = min(source.start_of(place.line) + place.column - 1, len(source.text))
    return start, min(start + place.length, len(source.text))


def between(source: Source, start: int, end: int) -> Range:
    """The characters from one index to another."""
    return Range(position_at(source, start), position_at(source, end))


def edited(text: str, edits: list[Edit]) -> str:
    """A text after changes, each made in the text that the one before has left."""
    for edit in edits:
        if edit.range is None:
            text = edit.text
            continue
        source = Source("", text)
        start, end = sorted((index_at(source, edit.range.start), index_at(source, edit.range.end)))
        text = text[:start] + edit.text + text[end:]
    return text
