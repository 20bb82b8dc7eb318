"""A YAML text without the entries that hold faults, so that the rest can be read, and what they cost."""

from __future__ import annotations

import re
from collections.abc import Iterator

from girih.language.spec.diagnostics import Place
from girih.language.spec.source import Source
from girih.language.spec.tree import Damage, Path, Tree

_KEY = re.compile(r"""[ \t]*(?:- +)*(?P<key>"[^"\\]*"|'[^']*'|[\w$.-]+) *:(?=[ \t]|$)""")
_INDENT = re.compile(r"[ \t]*")
_TAB = re.compile(r"[ \-]*\t")
_CHARACTER = re.compile(r"[^\r\n]")


class Repair:
    """Leaves out one faulty entry after the other; the text keeps its length, so that all places stay right."""

    def __init__(self, source: Source) -> None:
        self.text = source.text
        self._source = source
        self._lines = list(source.lines)
        self._kept: dict[int, int] = {}
        """Lines of which only the key was kept, and its column."""
        self._cut: dict[int, int] = {}
        """Lines that were left out as a whole, and the indentation of the entry."""
        self._tabbed: frozenset[int] = frozenset()

    def is_known(self, line: int) -> bool:
        """Whether a fault on this line comes from one that was met before: it touches what is left out already."""
        if line in self._tabbed or line in self._kept or line in self._cut:
            return True
        above = line - 1
        while above > 0 and not self._line(above).strip():
            if above in self._cut:
                return True
            above -= 1
        return above in self._kept

    def cut(self, place: Place) -> bool:
        """Leave out the entry of the fault at `place`; false if there is nothing to leave out."""
        if _TAB.match(self._line(place.line)) and not self._tabbed:
            self._tabbed = frozenset(number for number, line in enumerate(self._lines, 1) if _TAB.match(line))
            if not any(line.startswith(" ") for line in self._lines):
                self._straighten()
                return True
        first = place.line
        while first > 0 and not self._line(first).strip():
            first -= 1
        if first == 0:
            return False
        line = self._line(first)
        key = _KEY.match(line)
        indent = self._indent(first)
        last = self._end_of(first, indent)
        if key and first not in self._kept and not (first == place.line and place.column <= key.end()):
            self._kept[first] = key.start("key") + 1
            self._blank(first, first, key.end())
            self._blank(first + 1, last)
            self._cut |= dict.fromkeys(range(first + 1, last + 1), indent + 1)
        else:
            self._kept.pop(first, None)
            self._blank(first, last)
            self._cut |= dict.fromkeys(range(first, last + 1), indent)
        return True

    def damage(self, tree: Tree) -> Damage:
        """What is lost, in terms of the tree that was read in the end."""
        if not (self._kept or self._cut or self._tabbed):
            return Damage()
        by_place = {self._source.position(s.key[0]): path for path, s in tree.spots.items() if s.key is not None}
        holes = {by_place[at] for at in self._kept.items() if at in by_place}
        gaps: set[Path] = {()} if any(at not in by_place for at in self._kept.items()) else set()
        paths = self._paths_by_line(tree)
        for line, indent in self._cut.items():
            if (line - 1 in self._cut and self._cut[line - 1] <= indent) or self._is_held(line, indent):
                continue
            gaps |= set(_prefixes(self._owner(line, indent, paths)))
        lines = frozenset((*self._kept, *self._cut)) or frozenset((min(self._tabbed),))
        return Damage(frozenset(holes), frozenset(gaps), lines)

    def _is_held(self, line: int, indent: int) -> bool:
        """Whether the line is a part of the value of a key that was kept."""
        while line in self._cut and self._cut[line] >= indent:
            line -= 1
        return line in self._kept and self._indent(line) < indent

    def _owner(self, line: int, indent: int, paths: dict[int, Path]) -> Path:
        """The mapping or list that the entry on a line belonged to, as its indentation tells."""
        for above in range(line - 1, 0, -1):
            if self._line(above).strip() and self._indent(above) < indent and above in paths:
                return paths[above]
        return ()

    def _paths_by_line(self, tree: Tree) -> dict[int, Path]:
        paths: dict[int, Path] = {}
        for path, spot in tree.spots.items():
            if path:
                line, _ = self._source.position((spot.key or spot.shown)[0])
                if line not in paths or len(path) < len(paths[line]):
                    paths[line] = path
        return paths

    def _straighten(self) -> None:
        """One blank for each tab that indents: right where a whole file is indented with tabs."""
        parts = list(self.text)
        for number in self._tabbed:
            indent = re.match(r"[ \t\-]*", self._lines[number - 1])
            width = indent.end() if indent else 0
            start = self._source.start_of(number)
            for index in range(start, start + width):
                if parts[index] == "\t":
                    parts[index] = " "
            line = self._lines[number - 1]
            self._lines[number - 1] = line[:width].replace("\t", " ") + line[width:]
        self.text = "".join(parts)

    def _end_of(self, first: int, indent: int) -> int:
        """The last line of the entry that begins at a line: all that is indented deeper, and what closes a bracket."""
        last = first
        for number in range(first + 1, len(self._lines) + 1):
            content = self._line(number).strip()
            if content and self._indent(number) <= indent:
                return number if content[0] in "]}" and self._indent(number) == indent else last
            last = number if content else last
        return last

    def _blank(self, first: int, last: int, column: int = 0) -> None:
        if first > last:
            return
        start = self._source.start_of(first) + column
        end = self._source.start_of(last) + len(self._line(last))
        self.text = self.text[:start] + _CHARACTER.sub(" ", self.text[start:end]) + self.text[end:]
        for number in range(first, last + 1):
            line = self._lines[number - 1]
            kept = column if number == first else 0
            self._lines[number - 1] = line[:kept] + " " * (len(line) - kept)

    def _line(self, number: int) -> str:
        return self._lines[number - 1] if 1 <= number <= len(self._lines) else ""

    def _indent(self, number: int) -> int:
        found = _INDENT.match(self._line(number))
        return found.end() if found else 0


def _prefixes(path: Path) -> Iterator[Path]:
    for length in range(len(path) + 1):
        yield path[:length]
