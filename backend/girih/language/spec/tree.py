"""Values and, beside them, where each one stands in the text: what both readers (YAML, JSON) produce."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from girih.language.spec.diagnostics import Place
from girih.language.spec.source import Source

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value from the root: mapping keys and list indexes."""

JsonValue: TypeAlias = Any
"""Plain JSON data: null, booleans, numbers, strings, lists, and mappings with string keys."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object."""

JsonSchema: TypeAlias = dict[str, Any]
"""A JSON Schema (2020-12)."""


@dataclass(frozen=True)
class Spot:
    """Where one value stands: its place, its key's place, and for text a map from value offsets to positions.

    `offsets[i]` is the (line, column) of the value's i-th character, where the reader could tell.
    """

    place: Place
    key: Place | None = None
    offsets: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Tree:
    """A document: its value, and a `Spot` for every value in it by path."""

    source: Source
    value: JsonValue
    spots: Mapping[Path, Spot] = field(default_factory=dict)

    def at(self, path: Path) -> Place:
        """The place of the value at `path`, or of the nearest parent that the text has."""
        return self._spot(path).place

    def key_at(self, path: Path) -> Place:
        """The place of the key that names the value at `path` (for a list item: the item)."""
        spot = self._spot(path)
        return spot.key or spot.place

    def inside(self, path: Path, offset: int, length: int = 1) -> Place:
        """The place of `length` characters from `offset` in the text value at `path`; the whole value if unknown."""
        spot = self._spot(path)
        if path not in self.spots or offset >= len(spot.offsets):
            return spot.place
        line, column = spot.offsets[offset]
        return Place(spot.place.file, line, column, max(1, length))

    def _spot(self, path: Path) -> Spot:
        while path and path not in self.spots:
            path = path[:-1]
        return self.spots.get(path) or Spot(Place(self.source.name, 1, 1))
