"""Finds the tables of a PDF's pages among their lines, as long as that stays cheap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from girih.providers.parsers.pdf_columns import open_tables
from girih.providers.parsers.pdf_grids import Table, ruled_tables
from girih.providers.parsers.pdf_lines import Line
from girih.providers.parsers.pdf_rules import Rules, rules_of
from girih.providers.parsers.pdf_words import Letters, Word, joined, words_of

_MOST_STEPS = 20_000_000
"""What looking for tables may cost in a document, about half a microsecond each; after it lines stay lines."""
_STEPS_OF_A_WORD = 10
_STEPS_OF_A_GRID = 200_000
_MOST_WORDS = 20_000
_SPARSE = 0.58
"""Width of a line for each letter of it, in heights of the line, from which on there are gaps in it."""
_FEWEST_LETTERS = 3
_ONE_WIDTH = 0.05
_BESIDE = -0.7
"""How far above the line before it one begins that stands beside it, in sizes of a letter."""
_CLOSE_BY = 5
"""Lines among which two tell of a table, and three of one that has no lines."""
_SHORT = 0.7
"""Share of the widest line's width up to which one is short."""
_FEWEST_RULES = 2
_LAST_OF_ONE_UNIT = "\uffff"
"""Behind later letters, which PDFium counts twice, positions are not what they seem."""


class Placed(NamedTuple):
    """A line, where it begins and ends in the page's text, and how much room it and its first letter take in points."""

    line: Line
    first: int
    last: int
    width: float
    height: float
    letter: float

    @property
    def telling(self) -> bool:
        """Whether it looks like a table's row, or a cell: it has gaps, or stands beside the one before."""
        if self.line.gap < _BESIDE:
            return True
        letters = len(self.line.text)
        if letters < _FEWEST_LETTERS or self.width < _SPARSE * self.height * letters:
            return False
        # Letters of one width for all are wider than others, and need no gaps for that.
        return self.width > (1 + _ONE_WIDTH) * self.letter * letters or self.letter > self.height


class Tables:
    """Looks for the tables of one document."""

    def __init__(self) -> None:
        self._left = _MOST_STEPS

    def lines(self, page: Any, letters: Letters, shown: str, placed: Sequence[Placed], turned: int) -> Iterator[Line]:
        """The lines of a page, each table as one of them."""
        tables, words = self._find(page, letters, shown, placed, turned)
        return _with_tables(placed, tables, words) if tables else (each.line for each in placed)

    def _find(
        self, page: Any, letters: Letters, shown: str, placed: Sequence[Placed], turned: int
    ) -> tuple[list[Table], list[Word]]:
        """The tables, and all words of the page."""
        signs = [number for number, each in enumerate(placed) if each.telling]
        if self._left <= 0 or not (_are_close(signs, 2) or _has_short_ones(placed)):
            return [], []
        rules = rules_of(page, turned)
        self._left -= rules.steps
        is_ruled = len(rules.level) >= _FEWEST_RULES and len(rules.upright) >= _FEWEST_RULES
        if not (is_ruled or _are_close(signs, 3)) or max(shown) > _LAST_OF_ONE_UNIT:
            return [], []
        words = list(words_of(shown, letters)) if len(shown) <= _MOST_WORDS * 10 else []
        self._left -= _STEPS_OF_A_WORD * len(words)
        if len(words) > _MOST_WORDS:
            return [], []
        return self._tables(rules if is_ruled else None, words, letters)

    def _tables(self, rules: Rules | None, words: list[Word], letters: Letters) -> tuple[list[Table], list[Word]]:
        tables: list[Table] = []
        left = words
        if rules is not None:
            level, upright = len(rules.level), len(rules.upright)
            self._left -= min(level * upright * (level + upright) // 4, _STEPS_OF_A_GRID)
            tables, left = ruled_tables(rules, words, letters)
        tables += open_tables(left)
        return tables, left


def _are_close(signs: list[int], many: int) -> bool:
    """Whether so many lines that tell are close by each other."""
    return any(last - first < _CLOSE_BY for first, last in zip(signs, signs[many - 1 :], strict=False))


def _has_short_ones(placed: Sequence[Placed]) -> bool:
    """Whether there are three short lines in succession, which a text does not have."""
    short = _SHORT * max((each.width for each in placed), default=0.0)
    row = 0
    for each in placed:
        row = row + 1 if each.width < short else 0
        if row > 2:
            return True
    return False


def _with_tables(placed: Sequence[Placed], tables: list[Table], words: list[Word]) -> Iterator[Line]:
    """Lines without what stands in tables, and each table where its first word stood."""
    owner = {at: table for table in tables for at in table.words}
    starts = sorted({*owner, *(word.at for word in words)})
    texts = {word.at: word for word in words}
    told: set[int] = set()
    number = 0
    for each in placed:
        outside: list[Word] = []
        inside: dict[int, Table] = defaultdict()
        while number < len(starts) and starts[number] < each.last:
            table = owner.get(starts[number])
            if table is None:
                outside.append(texts[starts[number]])
            else:
                inside.setdefault(id(table), table)
            number += 1
        if not inside:
            yield each.line
            continue
        if outside:
            yield replace(each.line, text=joined(outside))
        for key, table in inside.items():
            if key not in told:
                told.add(key)
                yield table_line(table, each.line)


def table_line(table: Table, line: Line) -> Line:
    """A table as a line of its page: its letters have no size."""
    text = "\n".join(" ".join(filter(None, row)) for row in table.rows)
    return Line(text, 0.0, line.gap, line.page, table.rows, table.columns)
