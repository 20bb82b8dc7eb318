"""Tables on a page of a PDF whose cells are parted by lines."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from girih.providers.parsers.pdf_rules import NEAR, Rule, Rules
from girih.providers.parsers.pdf_words import Letters, Word, joined, parted

_MOST_CROSSINGS = 250_000
_MOST_CELLS = 5_000
_LONGEST_CELL = 1_500
"""Characters; boxes that hold more are a page's layout and no table."""
_LONGEST_REPEATED = 80
"""Characters up to which a cell over several rows is said in each of them."""
_FEWEST_FULL_ROWS = 2
_LEAST_FULL = 0.25
_APART = 0.6
"""How far texts of two cells are apart that no line parts, in heights of a line; words of one text are closer."""


@dataclass(frozen=True)
class Table:
    """A table: its rows of cells, where its columns begin, and the positions of its words in the page's text."""

    rows: tuple[tuple[str, ...], ...]
    columns: tuple[float, ...]
    words: frozenset[int]


def ruled_tables(rules: Rules, words: Sequence[Word], letters: Letters) -> tuple[list[Table], list[Word]]:
    """The tables between the lines, and the words that stand in none."""
    tables: list[Table] = []
    left = list(words)
    if len(rules.level) * len(rules.upright) > _MOST_CROSSINGS:
        return tables, left
    for level, upright in _crossing(rules):
        grid = _Grid(level, upright)
        if not 0 < grid.size <= _MOST_CELLS:
            continue
        table, rest = grid.fill(left, letters)
        if table is not None:
            tables.append(table)
            left = rest
    return tables, left


def _crossing(rules: Rules) -> Iterator[tuple[list[Rule], list[Rule]]]:
    """Groups of lines that meet each other, level and upright ones."""
    level, upright = rules.level, rules.upright
    group = _Groups(len(level) + len(upright))
    for number, across in enumerate(level):
        for other, down in enumerate(upright, start=len(level)):
            if across.covers(down.at) and down.covers(across.at):
                group.join(number, other)
    found: dict[int, tuple[list[Rule], list[Rule]]] = defaultdict(lambda: ([], []))
    for number, across in enumerate(level):
        found[group.of(number)][0].append(across)
    for other, down in enumerate(upright, start=len(level)):
        found[group.of(other)][1].append(down)
    return (pair for pair in found.values() if all(pair))


class _Groups:
    """Numbers that were joined are of one group, which is known by the smallest of them."""

    def __init__(self, count: int) -> None:
        self._first = list(range(count))

    def of(self, number: int) -> int:
        while self._first[number] != number:
            self._first[number] = self._first[self._first[number]]
            number = self._first[number]
        return number

    def join(self, one: int, other: int) -> None:
        one, other = self.of(one), self.of(other)
        self._first[max(one, other)] = min(one, other)


class _Grid:
    """The fields between lines that meet; those with no line between them are one cell."""

    def __init__(self, level: list[Rule], upright: list[Rule]) -> None:
        self._xs = _places([rule.at for rule in upright], [end for rule in level for end in (rule.first, rule.last)])
        self._ys = _places([rule.at for rule in level], [end for rule in upright for end in (rule.first, rule.last)])
        self._width, self._height = len(self._xs) - 1, len(self._ys) - 1
        self._level, self._upright = level, upright

    @property
    def size(self) -> int:
        """How many fields there are; 0 for what has not two rows and columns."""
        return self._width * self._height if self._width > 1 and self._height > 1 else 0

    def fill(self, words: Sequence[Word], letters: Letters) -> tuple[Table | None, list[Word]]:
        """The table with its words, if it is one, and those that stand elsewhere."""
        cells = self._cells()
        inside: dict[int, list[Word]] = defaultdict(list)
        rest: list[Word] = []
        for word in words:
            for piece in self._pieces(word, cells, letters):
                field = self._field(*piece.middle)
                if field is None:
                    rest.append(piece)
                else:
                    inside[cells.of(field)].append(piece)
        texts = {
            (cell, column): joined(part)
            for cell, pieces in inside.items()
            for column, part in self._parts(pieces).items()
        }
        if any(len(text) > _LONGEST_CELL for text in texts.values()):
            return None, list(words)
        rows = self._rows(cells, texts)
        if sum(sum(map(bool, row)) > 1 for row in rows) < _FEWEST_FULL_ROWS or self._empty(cells, len(inside)):
            return None, list(words)
        used = [column for column in range(self._width) if any(row[column] for row in rows)]
        return Table(
            tuple(tuple(row[column] for column in used) for row in rows if any(row)),
            tuple(self._xs[column] for column in used),
            frozenset(piece.at for pieces in inside.values() for piece in pieces),
        ), rest

    def _empty(self, cells: _Groups, filled: int) -> bool:
        """Whether there is hardly anything in it, as between the lines of a chart."""
        return filled < _LEAST_FULL * len({cells.of(field) for field in range(self.size)})

    def _parts(self, words: list[Word]) -> dict[int, list[Word]]:
        """The words of a cell by the column they begin in; of several columns, if they stand apart as those do."""
        first = min(self._column(word.middle[0]) for word in words)
        last = max(self._column(word.middle[0]) for word in words)
        starts = [first, *(column for column in range(first + 1, last + 1) if _stand_apart(words, self._xs[column]))]
        parts: dict[int, list[Word]] = defaultdict(list)
        for word in words:
            parts[starts[bisect_right(starts, self._column(word.middle[0])) - 1]].append(word)
        return parts

    def _column(self, x: float) -> int:
        return bisect_right(self._xs, x) - 1

    def _cells(self) -> _Groups:
        """Fields, numbered from the top left, joined where no line parts them."""
        cells = _Groups(self.size)
        for row, (low, high) in enumerate(pairwise(reversed(self._ys))):
            middle = (low + high) / 2
            walls = [rule.at for rule in self._upright if rule.first <= middle <= rule.last]
            for column, x in enumerate(self._xs[1:-1]):
                if not any(abs(wall - x) <= NEAR for wall in walls):
                    cells.join(row * self._width + column, row * self._width + column + 1)
        for column, (left, right) in enumerate(pairwise(self._xs)):
            middle = (left + right) / 2
            walls = [rule.at for rule in self._level if rule.first <= middle <= rule.last]
            for row, y in enumerate(self._ys[-2:0:-1]):
                if not any(abs(wall - y) <= NEAR for wall in walls):
                    cells.join(row * self._width + column, (row + 1) * self._width + column)
        return cells

    def _field(self, x: float, y: float) -> int | None:
        column, row = bisect_right(self._xs, x) - 1, self._height - bisect_right(self._ys, y)
        if not (0 <= column < self._width and 0 <= row < self._height):
            return None
        return row * self._width + column

    def _pieces(self, word: Word, cells: _Groups, letters: Letters) -> Iterable[Word]:
        """The word, or what of it stands in each of the cells that it reaches into: nothing parts them in the text."""
        left, _, right, _ = word.box
        y = word.middle[1]
        for x in self._xs[bisect_right(self._xs, left + NEAR) : bisect_right(self._xs, right - NEAR)]:
            before, after = self._field(x - NEAR, y), self._field(x + NEAR, y)
            if before is not None and after is not None and cells.of(before) != cells.of(after):
                both = parted(word, letters, x)
                if both is not None:
                    yield both[0]
                    word = both[1]
        yield word

    def _rows(self, cells: _Groups, texts: dict[tuple[int, int], str]) -> list[list[str]]:
        """The texts; one of several columns stands in the first, a short one of several rows in all of them."""
        rows = [[""] * self._width for _ in range(self._height)]
        for (cell, column), text in texts.items():
            first = cell // self._width
            for row in range(first, self._height):
                if row > first and (cells.of(row * self._width + column) != cell or len(text) > _LONGEST_REPEATED):
                    break
                rows[row][column] = text
        return rows


def _stand_apart(words: list[Word], x: float) -> bool:
    """Whether words are on both sides of `x` and further from each other than words of one text."""
    before, after = [word for word in words if word.middle[0] < x], [word for word in words if word.middle[0] >= x]
    if not before or not after:
        return False
    room = min(word.box[0] for word in after) - max(word.box[2] for word in before)
    return room >= _APART * max(word.height for word in words)


def _places(lines: list[float], ends: list[float]) -> list[float]:
    """Where the lines are, and the ends of those that go across them, if nothing is there."""
    places: list[float] = []
    for place in sorted((*lines, min(ends), max(ends))):
        if not places or place - places[-1] > NEAR:
            places.append(place)
    return places
