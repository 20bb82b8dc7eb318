"""A workspace as it stood when it was last analysed: its texts, its graphs, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from girih.language.compiler.pipeline import Analysis
from girih.language.compiler.unit import Unit
from girih.language.editing.positions import Range, range_of
from girih.language.spec.diagnostics import Diagnostic, Place
from girih.language.spec.source import Source
from girih.language.spec.tree import Tree

MOST_TOLD = 200
"""How many findings of one file an editor is told."""


class Spot(NamedTuple):
    """A part of a file of the workspace."""

    file: str
    range: Range


@dataclass(frozen=True)
class Told:
    """A finding as an editor shows it."""

    code: str
    message: str
    help: str | None
    severity: Literal["error", "warning"]
    range: Range
    related: tuple[tuple[Spot, str], ...] = ()


@dataclass
class Reading:
    """One state of a workspace. Nobody changes it; sources and findings are made when they are asked for."""

    files: Mapping[str, str]
    analysis: Analysis
    _sources: dict[str, Source] = field(default_factory=dict)

    def source(self, file: str) -> Source:
        """A file's text; an empty one for a file that is not there."""
        if file not in self._sources:
            self._sources[file] = Source(file, self.files.get(file, ""))
        return self._sources[file]

    def tree(self, file: str) -> Tree | None:
        """The values of a spec, if it could be read."""
        unit = self.analysis.units.get(file)
        return unit.tree if unit is not None else self.analysis.specs.trees.get(file)

    def unit(self, file: str) -> Unit | None:
        """The graph of a file, if it is one."""
        return self.analysis.units.get(file)

    def spot(self, place: Place) -> Spot:
        """A place as editors count it."""
        return Spot(place.file, range_of(self.source(place.file), place))

    def findings(self) -> dict[str, tuple[Told, ...]]:
        """What was found, by file; of very many in one, the first."""
        found: dict[str, list[Told]] = {}
        for diagnostic in self.analysis.diagnostics:
            own = found.setdefault(diagnostic.place.file, [])
            if len(own) < MOST_TOLD:
                own.append(self.told(diagnostic))
        return {file: tuple(told) for file, told in found.items()}

    def told(self, diagnostic: Diagnostic) -> Told:
        """One finding."""
        related = tuple((self.spot(other.place), other.message) for other in diagnostic.related)
        range_ = self.spot(diagnostic.place).range
        return Told(diagnostic.code, diagnostic.message, diagnostic.help, diagnostic.severity, range_, related)

    def at(self, file: str, index: int) -> list[Diagnostic]:
        """What was found at a character."""
        line, column = self.source(file).position(index)
        return [
            found
            for found in self.analysis.diagnostics
            if found.place.file == file
            and found.place.line == line
            and found.place.column <= column <= found.place.column + found.place.length
        ]


def only(place: Place, length: int) -> Place:
    """The first characters of a place."""
    return replace(place, length=length)
