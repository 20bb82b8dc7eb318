"""The smallest pieces of a document that a strategy does not cut, and how they are put together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from girih.providers.embeddings.wordpiece import WordPiece, load_vocabulary
from girih.providers.parsers.document import Block

_WORD = re.compile(r"\S{1,24}")
_SENTENCE = re.compile(r".+?(?:[.!?…。！？]+[\"'”’)\]]*(?=\s)|\n{2,}|$)\s*", re.DOTALL)
_ROW = re.compile(r"[^\n]*\n?")
_RUN = re.compile(r"\S{1,24}\s*")
_WHOLE = ("table", "code", "heading")
_ROWS = ("table", "code", "list")


@dataclass(frozen=True)
class Unit:
    """A piece of a block, with its place in the document and how many words (or tokens) it has."""

    block: Block
    start: int
    end: int
    words: int


def sentences(block: Block, size: int) -> Iterator[Unit]:
    """Tables, code and headings whole if they fit; else rows or sentences; what is longer still, in pieces."""
    words = _count(block.text)
    if block.kind in _WHOLE and words <= size:
        yield Unit(block, block.start, block.end, words)
    else:
        yield from _pieces(block, 0, len(block.text), size)


def paragraphs(block: Block, size: int) -> Iterator[Unit]:
    """Blocks whole if they fit; else their lines; else sentences; what is longer still, in pieces."""
    words = _count(block.text)
    if words <= size:
        yield Unit(block, block.start, block.end, words)
        return
    for line in _ROW.finditer(block.text):
        words = _count(line.group())
        if 0 < words <= size:
            yield _unit(block, line.start(), line.end(), words)
        else:
            yield from _pieces(block, line.start(), line.end(), size)


def tokens(block: Block, _: int) -> Iterator[Unit]:
    """Words, each with the number of tokens that the offline embedder's model reads it as."""
    for run in _RUN.finditer(block.text):
        yield _unit(block, run.start(), run.end(), _tokens(run.group().rstrip()))


def smaller(unit: Unit, size: int) -> Iterator[Unit]:
    """The unit itself if it fits, else its rows or sentences."""
    if unit.words <= size:
        yield unit
    else:
        yield from _pieces(unit.block, unit.start - unit.block.start, unit.end - unit.block.start, size)


def windows(units: Sequence[Unit], size: int, overlap: int) -> Iterator[tuple[int, int]]:
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


def _step_back(units: Sequence[Unit], first: int, last: int, overlap: int) -> int:
    """Where the next passage begins: some whole units before the end of this one, yet always further on."""
    begin, repeated = last + 1, 0
    while begin - 1 > first and repeated + units[begin - 1].words <= overlap:
        begin -= 1
        repeated += units[begin].words
    return begin


def _pieces(block: Block, start: int, end: int, size: int) -> Iterator[Unit]:
    pattern = _ROW if block.kind in _ROWS else _SENTENCE
    for match in pattern.finditer(block.text, start, end):
        yield from _fitting(block, match.start(), match.end(), size)


def _fitting(block: Block, start: int, end: int, size: int) -> Iterator[Unit]:
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


def _unit(block: Block, start: int, end: int, words: int) -> Unit:
    trimmed = start + len(block.text[start:end].rstrip())
    return Unit(block, block.start + start, block.start + trimmed, words)


def _count(text: str) -> int:
    return sum(1 for _ in _WORD.finditer(text))


@lru_cache(maxsize=1)
def _reader() -> WordPiece:
    return WordPiece(load_vocabulary())


@lru_cache(maxsize=50_000)
def _tokens(word: str) -> int:
    # The marks of beginning and end belong to a whole text, not to a word.
    return max(len(_reader().encode(word)) - 2, 1)
