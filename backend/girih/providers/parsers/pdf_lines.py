"""Lines of a PDF: which of them run along every page, and words that were parted at a line's end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

_EDGE = 2
"""Lines at the top and at the bottom of a page that may be running ones."""
_FEWEST_PAGES = 3
_SHARE_OF_PAGES = 0.4
_LONGEST_NUMBERED = 60
_SAME_PLACE = 6.0
"""Points that a column's place may differ between two pages."""
_NUMBER = re.compile(r"(?<!\d)[0-9]{1,6}(?!\d)")
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_PARTED = re.compile(r"([^\W_]*)\ufffe([^\W_]*)")


@dataclass(frozen=True)
class Line:
    """A line, the size of its letters in points, and how far it is below the one before, in such sizes.

    A table is one line, too: its rows of cells, and where its columns begin, in points from the left.
    """

    text: str
    size: float
    gap: float
    page: int
    rows: tuple[tuple[str, ...], ...] = ()
    columns: tuple[float, ...] = ()


def without_running(lines: list[Line]) -> list[Line]:
    """The lines without those that run along the top or the bottom of many pages, such as titles and page numbers."""
    pages = [list(page) for _, page in groupby(lines, key=lambda line: line.page)]
    counts: Counter[str] = Counter()
    for page in pages:
        if len(page) > 2 * _EDGE:
            counts.update({key for line in (*page[:_EDGE], *page[-_EDGE:]) for key in _keys(line)})
    enough = max(_FEWEST_PAGES, _SHARE_OF_PAGES * len(pages))
    running = {key for key, count in counts.items() if count >= enough}
    return [line for page in pages for line in _inner(page, running)]


def _inner(page: list[Line], running: Collection[str]) -> list[Line]:
    """What is left between the running lines at both ends."""
    if len(page) <= 2 * _EDGE:
        return page
    first, last = 0, len(page)
    while first < _EDGE and any(key in running for key in _keys(page[first])):
        first += 1
    while last > len(page) - _EDGE and any(key in running for key in _keys(page[last - 1])):
        last -= 1
    return page[first:last]


def _keys(line: Line) -> Iterator[str]:
    """What is equal in a running line on each page: its text, or all of it but a number that counts with the pages."""
    yield line.text
    if len(line.text) <= _LONGEST_NUMBERED:
        for number in _NUMBER.finditer(line.text):
            ahead = int(number.group()) - line.page
            yield f"{line.text[: number.start()]}\0{ahead}\0{line.text[number.end() :]}"


def whole_words(lines: list[Line]) -> list[Line]:
    """Words that were parted are whole again. PDFium marks a hyphen at a line's end by U+FFFE and joins the lines.

    The hyphen is the word's own where the document has the word with one elsewhere, or where a capital or a digit
    stands beside it.
    """
    if not any("\ufffe" in line.text for line in lines):
        return lines
    known = {word.group().casefold() for line in lines for word in _WORD.finditer(line.text)}

    def whole(parted: re.Match[str]) -> str:
        before, after = parted.groups()
        joined, hyphenated = f"{before}{after}", f"{before}-{after}"
        if joined.casefold() not in known and (
            hyphenated.casefold() in known or not before[-1:].isalpha() or not after[:1].islower()
        ):
            return hyphenated
        return joined

    return [
        replace(
            line,
            text=_PARTED.sub(whole, line.text),
            rows=tuple(tuple(_PARTED.sub(whole, cell) for cell in row) for row in line.rows),
        )
        for line in lines
    ]


def with_headers(lines: list[Line]) -> Iterator[Line]:
    """The lines; a table that goes on at the top of the next page has the header row of its beginning there, too."""
    before: Line | None = None
    for line in lines:
        whole = line
        if before is not None and _goes_on(before, line) and before.rows[0] != line.rows[0]:
            whole = replace(line, rows=(before.rows[0], *line.rows))
        yield whole
        before = whole


def _goes_on(before: Line, line: Line) -> bool:
    """Whether a table is the one before it: nothing is between them but the page's end, and columns are the same."""
    return (
        bool(before.rows and line.rows)
        and line.page == before.page + 1
        and len(line.columns) == len(before.columns)
        and all(abs(one - other) <= _SAME_PLACE for one, other in zip(before.columns, line.columns, strict=True))
    )
