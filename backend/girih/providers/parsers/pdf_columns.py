"""Tables on a page of a PDF that have no lines: columns that stay apart over several rows."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from girih.providers.parsers.pdf_grids import Table
from girih.providers.parsers.pdf_words import Word, joined

_APART = 0.8
"""How far apart cells are at least, in heights of a line; words are closer."""
_CLEAR = 0.55
"""How wide what stays clear between two columns is at least, in heights of a line."""
_NEXT = 2.6
"""How far below a row the next one is at most, in heights of a line, from middle to middle."""
_FEWEST_ROWS = 3
_LEAST_FULL = 0.6
_SAME = 0.35
"""How far the edges of a column's cells may be from each other, in heights of a line."""
_STRAYS = 0.2
_MOST_WORDS = 8
"""Words of a cell on average; columns of a text have more."""
_PROSE_WORDS = 4
_PROSE_WIDTH = 0.8
_PROSE_SHARE = 0.5
_MARKER = re.compile(r"[^\w\s]{1,3}|[(\[]?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})(?:\.\d{1,3})*[.)\]]*:?")
"""What stands before the items of a list."""
_LEADER = re.compile(r"(?:[.·…] ?){4,}")
"""What leads to a page's number in a table of contents."""
_ONE_WIDTH = 0.03

Gap = tuple[float, float]


@dataclass
class _Cell:
    words: list[Word]

    @property
    def left(self) -> float:
        return self.words[0].box[0]

    @property
    def right(self) -> float:
        return max(word.box[2] for word in self.words)

    @property
    def text(self) -> str:
        return joined(self.words)


@dataclass
class _Row:
    cells: list[_Cell]
    middle: float
    height: float

    def gaps(self) -> list[Gap]:
        """What is clear between its cells."""
        return [(one.right, other.left) for one, other in zip(self.cells, self.cells[1:], strict=False)]

    def clear(self, gap: Gap) -> Gap | None:
        """The widest part of a gap that is clear in this row, too; None if too little is."""
        best, at = gap, gap[0]
        width = -1.0
        for cell in self.cells:
            if min(cell.left, gap[1]) - at > width:
                best, width = (at, min(cell.left, gap[1])), min(cell.left, gap[1]) - at
            at = max(at, min(cell.right, gap[1]))
        if gap[1] - at > width:
            best, width = (at, gap[1]), gap[1] - at
        return best if width >= _CLEAR * self.height else None


def open_tables(words: Sequence[Word]) -> Iterator[Table]:
    """Tables of three rows or more whose columns stay apart and begin, end or are centred at one place."""
    rows = list(_rows(words))
    first = 0
    while first < len(rows):
        if len(rows[first].cells) < 2:
            first += 1
            continue
        last = _reach(rows, first)
        table = _table(rows[first:last]) if last - first >= _FEWEST_ROWS else None
        if table is not None:
            yield table
        first = max(last, first + 1)


def _rows(words: Sequence[Word]) -> Iterator[_Row]:
    """Words side by side, from the top to the bottom of the page."""
    line: list[Word] = []
    for word in sorted((word for word in words if word.height > 0), key=lambda word: -word.middle[1]):
        if line and line[0].middle[1] - word.middle[1] > 0.4 * min(word.height, line[0].height):
            yield _row(line)
            line = []
        line.append(word)
    if line:
        yield _row(line)


def _row(line: list[Word]) -> _Row:
    line.sort(key=lambda word: word.box[0])
    height = median(word.height for word in line)
    cells: list[_Cell] = []
    right = 0.0
    for word in line:
        if not cells or word.box[0] - right > _APART * height:
            cells.append(_Cell([word]))
            right = word.box[2]
        else:
            cells[-1].words.append(word)
            right = max(right, word.box[2])
    return _Row(cells, line[0].middle[1], height)


def _reach(rows: list[_Row], first: int) -> int:
    """Where the rows end in which all gaps of the first stay clear."""
    gaps, last = rows[first].gaps(), first + 1
    while last < len(rows):
        row, above = rows[last], rows[last - 1]
        if above.middle - row.middle > _NEXT * max(above.height, row.height) or _LEADER.search(row.cells[0].text):
            break
        clear = [part for gap in gaps if (part := row.clear(gap)) is not None]
        if len(clear) < len(gaps):
            break
        if _only_first(row, clear) and _only_first(above, clear):
            break
        gaps, last = clear, last + 1
    while last > first + 1 and _only_first(rows[last - 1], gaps):
        last -= 1
    return last


def _only_first(row: _Row, gaps: list[Gap]) -> bool:
    return row.cells[-1].left < gaps[0][0]


def _table(rows: list[_Row]) -> Table | None:
    """The table of these rows, unless its cells say that it is none."""
    starts = [gap[1] - 0.01 for gap in _clear(rows)]
    grid = [[list[Word]() for _ in range(len(starts) + 1)] for _ in rows]
    for row, columns in zip(rows, grid, strict=True):
        for word in (word for cell in row.cells for word in cell.words):
            columns[bisect_right(starts, word.box[0])].append(word)
    if not _is_table([list(column) for column in zip(*grid, strict=True)], fmean(row.height for row in rows)):
        return None
    left = min(row.cells[0].left for row in rows)
    words = frozenset(word.at for row in rows for cell in row.cells for word in cell.words)
    return Table(tuple(tuple(joined(cell) for cell in row) for row in grid), (left, *starts), words)


def _clear(rows: list[_Row]) -> list[Gap]:
    """What is clear in all rows: cells of a header may be closer to each other than those of the first gaps."""
    least = _CLEAR * max(row.height for row in rows)
    gaps: list[Gap] = []
    right: float | None = None
    for word in sorted(
        (word for row in rows for cell in row.cells for word in cell.words), key=lambda word: word.box[0]
    ):
        if right is not None and word.box[0] - right >= least:
            gaps.append((right, word.box[0]))
        right = word.box[2] if right is None else max(right, word.box[2])
    return gaps


def _is_typed(columns: list[list[list[Word]]]) -> bool:
    """Whether all letters are of one width, as in code: one space may part its columns, and none may be meant."""
    words = [word for column in columns for cell in column for word in cell]
    widths = [(word.box[2] - word.box[0]) / len(word.text) for word in words if len(word.text) > 1]
    return len(widths) > 1 and max(widths) - min(widths) <= _ONE_WIDTH * fmean(widths)


def _is_table(columns: list[list[list[Word]]], height: float) -> bool:
    told = [column for column in columns if not _is_list(column)]
    filled = [cell for column in columns for cell in column if cell]
    rows = sum(sum(map(bool, row)) > 1 for row in zip(*columns, strict=True))
    return (
        len(told) > 1
        and rows >= _FEWEST_ROWS
        and len(filled) >= _LEAST_FULL * len(columns) * len(columns[0])
        and fmean(len(cell) for cell in filled) <= _MOST_WORDS
        and not _is_typed(columns)
        and all(_even(column, height) and not _is_prose(column) for column in columns)
    )


def _is_list(column: list[list[Word]]) -> bool:
    """Whether there are only marks of a list's items in it."""
    return all(_MARKER.fullmatch(joined(cell)) for cell in column if cell)


def _even(column: list[list[Word]], height: float) -> bool:
    """Whether its cells begin, end or have their middle at one place, but for few."""
    cells = [_Cell(words) for words in column if words]
    if len(cells) < 2:
        return False
    most = int(_STRAYS * len(cells))
    for places in (
        [cell.left for cell in cells],
        [cell.right for cell in cells],
        [(cell.left + cell.right) / 2 for cell in cells],
    ):
        usual = median(places)
        if sum(abs(place - usual) > _SAME * height for place in places) <= most:
            return True
    return False


def _is_prose(column: list[list[Word]]) -> bool:
    """Whether its cells fill it, as lines of a text do."""
    cells = [_Cell(words) for words in column if words]
    width = max(cell.right for cell in cells) - min(cell.left for cell in cells)
    full = [
        cell for cell in cells if len(cell.words) >= _PROSE_WORDS and cell.right - cell.left >= _PROSE_WIDTH * width
    ]
    return len(full) >= _PROSE_SHARE * len(cells)
