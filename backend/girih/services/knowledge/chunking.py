"""Cuts a parsed document into passages along its structure: sections, then sentences, tables whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from pydantic import BaseModel, ConfigDict

from girih.providers.parsers.document import Block, ParsedDocument

VERSION = 1
"""Grows whenever equal documents would be cut differently; stored passages name it."""

_WORD = re.compile(r"\S{1,24}")
_SENTENCE = re.compile(r".+?(?:[.!?…。！？]+[\"'”’)\]]*(?=\s)|\n{2,}|$)\s*", re.DOTALL)
_ROW = re.compile(r"[^\n]*\n?")
_RUN = re.compile(r"\S{1,24}\s*")


class Passage(BaseModel):
    """A piece of a document's text: `text == document.text[start:end]`. `page` is the one it begins on."""

    model_config = ConfigDict(frozen=True)

    text: str
    heading: tuple[str, ...]
    page: int | None
    start: int
    end: int

    def with_header(self, title: str | None) -> str:
        """The text to embed: title and headings first, because a passage alone seldom says what it is about."""
        parts = [part for part in (title, *self.heading) if part]
        header = " › ".join(dict.fromkeys(parts))
        return f"{header}\n\n{self.text}" if header else self.text


@dataclass(frozen=True)
class _Unit:
    """The smallest piece that is not cut any further."""

    start: int
    end: int
    words: int
    page: int | None


def cut(document: ParsedDocument, size: int, overlap: int) -> list[Passage]:
    """Passages of at most `size` words; each repeats at most the last `overlap` words of the one before.

    No passage crosses a heading. A word is 24 characters at most, so texts without spaces are cut as well.
    """
    text = document.text
    passages: list[Passage] = []
    for heading, blocks in _sections(document.blocks):
        units = [unit for block in blocks for unit in _units(block, size)]
        for first, last in _windows(units, size, overlap):
            start, end = units[first].start, units[last].end
            passages.append(
                Passage(text=text[start:end], heading=heading, page=units[first].page, start=start, end=end)
            )
    return passages


def _sections(blocks: Iterable[Block]) -> Iterator[tuple[tuple[str, ...], list[Block]]]:
    """Blocks under one heading; headings without a text of their own go to the section that follows."""
    waiting: list[Block] = []
    number = 0
    numbered = []
    for block in blocks:
        number += block.kind == "heading"
        numbered.append((number, block))
    for _, group in groupby(numbered, key=lambda pair: pair[0]):
        waiting.extend(block for _, block in group)
        if waiting[-1].kind != "heading":
            yield waiting[-1].heading, waiting
            waiting = []
    if waiting:
        yield waiting[-1].heading, waiting


def _units(block: Block, size: int) -> Iterator[_Unit]:
    if block.kind in ("table", "code", "heading") and _count(block.text) <= size:
        yield _Unit(block.start, block.end, _count(block.text), block.page)
        return
    pattern = _ROW if block.kind in ("table", "code", "list") else _SENTENCE
    for match in pattern.finditer(block.text):
        yield from _fitting(block, match.start(), match.end(), size)


def _fitting(block: Block, start: int, end: int, size: int) -> Iterator[_Unit]:
    """One sentence or row; a longer one than fits in pieces of `size` words."""
    words = _count(block.text[start:end])
    if words == 0:
        return
    if words <= size:
        yield _unit(block, start, end, words)
        return
    runs = [match.span() for match in _RUN.finditer(block.text, start, end)]
    for at in range(0, len(runs), size):
        piece = runs[at : at + size]
        yield _unit(block, piece[0][0], piece[-1][1], len(piece))


def _unit(block: Block, start: int, end: int, words: int) -> _Unit:
    trimmed = start + len(block.text[start:end].rstrip())
    return _Unit(block.start + start, block.start + trimmed, words, block.page)


def _windows(units: list[_Unit], size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """First and last unit of each passage."""
    first = 0
    while first < len(units):
        last, words = first, units[first].words
        while last + 1 < len(units) and words + units[last + 1].words <= size:
            last += 1
            words += units[last].words
        yield first, last
        if last + 1 == len(units):
            return
        # What is repeated must leave room for something new.
        first = _step_back(units, first, last, min(overlap, size - units[last + 1].words))


def _step_back(units: list[_Unit], first: int, last: int, overlap: int) -> int:
    """Where the next passage begins: some whole units before the end of this one, yet always further on."""
    begin, repeated = last + 1, 0
    while begin - 1 > first and repeated + units[begin - 1].words <= overlap:
        begin -= 1
        repeated += units[begin].words
    return begin


def _count(text: str) -> int:
    return sum(1 for _ in _WORD.finditer(text))
