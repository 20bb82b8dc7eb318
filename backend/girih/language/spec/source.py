"""A text and its name: what diagnostics point into."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from girih.language.spec.diagnostics import Place

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Source:
    """One file of a workspace. `name` is the path as shown to the author (POSIX, relative to the workspace)."""

    name: str
    text: str

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines without their ends, as an editor counts them; line 1 is `lines[0]`."""
        return tuple(_LINE_END.split(self.text))

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        return (0, *(found.end() for found in _LINE_END.finditer(self.text)))

    def line(self, number: int) -> str:
        """Line `number`, counted from 1; empty beyond the end."""
        return self.lines[number - 1] if 1 <= number <= len(self.lines) else ""

    def position(self, index: int) -> tuple[int, int]:
        """The line and column (both from 1) of the character at `index`; beyond the end, just behind the last one."""
        index = max(0, min(index, len(self.text)))
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1

    def start_of(self, number: int) -> int:
        """The index of the first character of line `number`."""
        return self._starts[number - 1]

    def place(self, span: tuple[int, int]) -> Place:
        """The characters from one index to another as a place, cut at the end of their first line."""
        start, end = span
        line, column = self.position(start)
        return Place(self.name, line, column, max(1, min(end, self.line_end(start)) - start))

    def line_end(self, index: int) -> int:
        """The index at which the line of the character at `index` ends, white space at its end left out."""
        line, column = self.position(index)
        return index - column + 1 + len(self.line(line).rstrip())
