"""Rows of cells as Markdown tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

Rows = Sequence[Sequence[str]]

_WORD = re.compile(r"\S{1,24}")
_MOST_WORDS = 150
"""Words of one table that a long list of rows is parted into: a chunk of the usual size holds it whole."""


def markdown_table(rows: Rows) -> str:
    """A table whose first row is its header. Rows of a single cell become plain lines."""
    filled = [cells for row in rows if any(cells := [_cell(text) for text in row])]
    width = max((len(row) for row in filled), default=0)
    if width < 2:
        return "\n".join(cell for row in filled for cell in row)
    lines = [_line(row, width) for row in filled]
    return "\n".join((lines[0], _line(["---"] * width, width), *lines[1:]))


def markdown_tables(rows: Rows) -> Iterator[str]:
    """A long list of rows as several tables, each with the header row, so that every one can be read alone."""
    if not rows:
        return
    header, part = rows[0], list[Sequence[str]]()
    room = _MOST_WORDS - _words(header) - 2 * len(header)
    left = room
    for row in rows[1:]:
        words = _words(row)
        if part and words > left:
            yield markdown_table([header, *part])
            part, left = [], room
        part.append(row)
        left -= words
    yield markdown_table([header, *part])


def _words(row: Sequence[str]) -> int:
    return len(row) + 1 + sum(1 for text in row for _ in _WORD.finditer(text))


def _cell(text: str) -> str:
    return " ".join(text.split())


def _line(row: Sequence[str], width: int) -> str:
    cells = [cell.replace("|", "\\|") for cell in row] + [""] * (width - len(row))
    return f"| {' | '.join(cells)} |"
