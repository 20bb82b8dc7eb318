"""What a passage states, one statement each: its sentences, and the rows of its tables with what their columns say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from girih.providers.models.demo_words import Passage, words_of

_PARAGRAPH = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*•]|\d{1,2}[.)])\s)|\n(?=[^\n]* \| )|(?<= \| )\n")
_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9ÄÖÜ])")
_ENDS = (".", "!", "?", ":", '."', '!"', '?"', ".)")
_CELL_WORDS = 8
"""A paragraph of at most so many words that does not end as a sentence is a title or a cell of a table."""


@dataclass(frozen=True)
class Statement:
    """One thing a passage says. `around`: the words of the whole passage; `rank`: the passage's place, from 0."""

    passage: int
    rank: int
    text: str
    words: frozenset[str]
    around: frozenset[str]


def statements(passage: Passage, rank: int) -> list[Statement]:
    """The passage's statements, with lines that were only wrapped joined again; titles alone state nothing."""
    around = frozenset(words_of(passage.text))
    texts = [text for text in _texts(passage.text) if len(text.split()) >= 3] or [" ".join(passage.text.split())]
    return [Statement(passage.number, rank, text, frozenset(words_of(text)), around) for text in texts]


def _texts(text: str) -> Iterator[str]:
    prose = ""
    cells: list[str] = []
    header: list[str] | None = None
    for paragraph in _PARAGRAPH.split(text):
        line = " ".join(paragraph.split()).lstrip("#*-•> ")
        if " | " in line:
            yield from (*_rows(cells), *_SENTENCE.split(prose))
            prose, cells = "", []
            row = [cell.strip() for cell in line.split(" | ")]
            if header is None or len(header) != len(row):
                header = row
            else:
                yield _labelled(header, row)
        elif prose and not line[:1].isupper():
            prose = f"{prose} {line}"  # a page or a picture came between the halves of a sentence
        elif _is_cell(line):
            cells.append(line)
        else:
            yield from _rows(cells)
            prose, cells = line, []
        if prose.endswith(_ENDS):
            yield from _SENTENCE.split(prose)
            prose = ""
    yield from (*_rows(cells), *_SENTENCE.split(prose))


def _is_cell(line: str) -> bool:
    return len(line.split()) <= _CELL_WORDS and not line.endswith(_ENDS)


def _labelled(header: list[str], row: list[str]) -> str:
    """A row that says what its columns are: `Level: 2 | Price: 190 euros`."""
    return " | ".join(f"{name}: {cell}" if name else cell for name, cell in zip(header, row, strict=True))


def _rows(cells: list[str]) -> Iterator[str]:
    """Rows of a table whose cells came one by one: a row begins with a name and ends before the next one.

    What has no number in it is no row, but the table's head or a title.
    """
    row: list[str] = []
    for cell in cells:
        begins = cell[:1].isupper() and (_has_number(row) or _has_number([cell]))
        if begins:
            if _has_number(row):
                yield " | ".join(row)
            row = []
        row.append(cell)
    if _has_number(row):
        yield " | ".join(row)


def _has_number(cells: list[str]) -> bool:
    return any(char.isdigit() for cell in cells for char in cell)
