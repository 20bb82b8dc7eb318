"""Values and, beside them, where each one stands in the text: what both readers (YAML, JSON) produce."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

from girih.language.spec.diagnostics import Place
from girih.language.spec.offsets import Style, character_indexes
from girih.language.spec.source import Source

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value from the root: mapping keys and list indexes."""

JsonValue: TypeAlias = Any
"""Plain JSON data: null, booleans, numbers, strings, lists, and mappings with string keys."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object."""

JsonSchema: TypeAlias = dict[str, Any]
"""A JSON Schema (2020-12)."""


class Spot(NamedTuple):
    """Where one value stands: what is shown of it, its key, and for a text its span and the way it is written.

    Each span is (start, end) as indexes into the source's text: few of thousands are ever asked for lines and columns.
    `span` with `style` tells where each character stands; it differs from `shown` where the value is an alias.
    """

    shown: tuple[int, int]
    key: tuple[int, int] | None = None
    span: tuple[int, int] = (0, 0)
    style: Style | None = None


@dataclass(frozen=True)
class Damage:
    """What a fault of the text has cost: nothing may be concluded from what is not there.

    `holes` are values that could not be read (they are null), `gaps` mappings and lists that lost entries, `lines` the
    numbers of the lines that were left out.
    """

    holes: frozenset[Path] = frozenset()
    gaps: frozenset[Path] = frozenset()
    lines: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.lines)

    def is_within(self, path: Path) -> bool:
        """Whether something is lost at or below `path`."""
        return any(lost[: len(path)] == path for lost in (*self.holes, *self.gaps))


@dataclass(frozen=True)
class Tree:
    """A document: its value, and a `Spot` for every value in it by path."""

    source: Source
    value: JsonValue
    spots: Mapping[Path, Spot] = field(default_factory=dict)
    damage: Damage = Damage()

    def at(self, path: Path) -> Place:
        """The place of the value at `path`, or of the nearest parent that the text has."""
        return self.source.place(self._spot(path).shown)

    def key_at(self, path: Path) -> Place:
        """The place of the key that names the value at `path` (for a list item: the item)."""
        spot = self._spot(path)
        return self.source.place(spot.key or spot.shown)

    def inside(self, path: Path, offset: int, length: int = 1) -> Place:
        """The place of `length` characters from `offset` in the text value at `path`; the whole value if unknown."""
        spot = self._spot(path)
        value = self.get(path)
        if path not in self.spots or spot.style is None or not isinstance(value, str):
            return self.source.place(spot.shown)
        indexes = character_indexes(self.source.text, spot.span, spot.style, value)
        if not indexes or not 0 <= offset < len(indexes):
            return self.source.place(spot.shown)
        start = indexes[offset]
        last = indexes[min(offset + max(1, length), len(indexes)) - 1]
        end = max(start + 1, min(last + 1, self.source.line_end(start)))
        line, column = self.source.position(start)
        return Place(self.source.name, line, column, end - start)

    def get(self, path: Path, default: JsonValue = None) -> JsonValue:
        """The value at `path`, or `default` where the document has none."""
        value = self.value
        for step in path:
            is_item = isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)
            if not is_item and not (isinstance(value, dict) and step in value):
                return default
            value = value[step]
        return value

    def _spot(self, path: Path) -> Spot:
        while path and path not in self.spots:
            path = path[:-1]
        return self.spots.get(path) or _NOWHERE


_NOWHERE = Spot((0, 0))
"""For what has no place at all: the beginning of the file."""


def renamed(tree: Tree, names: Mapping[Path, Mapping[str, str]]) -> Tree:
    """The tree with keys of the mappings at some paths under new names; every value keeps its place."""
    names = {path: own for path, own in names.items() if own}
    if not names:
        return tree
    depths = sorted({len(path) for path in names})

    def moved(old: Path) -> Path:
        for depth in depths:
            own = names.get(old[:depth]) if len(old) > depth else None
            if own is not None and old[depth] in own:
                old = (*old[:depth], own[str(old[depth])], *old[depth + 1 :])
        return old

    value = tree.value
    for path, own in names.items():
        value = _with_names(value, path, own)
    return replace(tree, value=value, spots={moved(old): spot for old, spot in tree.spots.items()})


def _with_names(value: JsonObject, path: Path, names: Mapping[str, str]) -> JsonObject:
    if not path:
        return {names.get(key, key): item for key, item in value.items()}
    step = str(path[0])
    return {**value, step: _with_names(value[step], path[1:], names)}
