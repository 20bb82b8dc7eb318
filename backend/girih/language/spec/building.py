"""What both readers share: composed nodes with their spans, and the walk that turns them into a tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from girih.language.spec.diagnostics import Diagnostic, Place, Related
from girih.language.spec.offsets import Style
from girih.language.spec.source import Source
from girih.language.spec.tree import JsonValue, Path, Spot, Tree

MAX_DEPTH = 64
"""How deep mappings and lists may nest."""

MAX_VALUES = 20_000
"""How many values a file may hold, aliases written out."""

MAX_KEYS = 1_000
"""How many keys one mapping may hold."""

MAX_FINDINGS = 1_000
"""How many findings a text can have while it is read: whoever has more has the same one many times."""


class ReadingError(Exception):
    """A fault after which the text has no structure to read on; never leaves the readers."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


class Text(NamedTuple):
    """A scalar as written: its characters after unquoting, its span in the source, and its style."""

    value: str
    span: tuple[int, int]
    style: Style


class Sequence(NamedTuple):
    """A list of nodes."""

    items: tuple[Node, ...]
    span: tuple[int, int]


class Mapping(NamedTuple):
    """Pairs of key and node, in order, duplicates included."""

    pairs: tuple[tuple[Text, Node], ...]
    span: tuple[int, int]


class Alias(NamedTuple):
    """Another node by reference."""

    target: Node
    span: tuple[int, int]


Node: TypeAlias = Text | Sequence | Mapping | Alias

Resolve: TypeAlias = Callable[[Text, tuple[int, int]], JsonValue]
"""A scalar's value; may report what is odd about it at the span."""


@dataclass
class TreeBuilder:
    """Walks composed nodes once: values, spots, duplicate keys, and the caps on depth and number."""

    source: Source
    resolve: Resolve
    found: list[Diagnostic]
    spots: dict[Path, Spot] = field(default_factory=dict)

    def build(self, root: Node) -> Tree:
        """The tree of the whole document."""
        value = self._value(root, (), None, None)
        return Tree(self.source, value, self.spots)

    def below(self, path: Path, key: Text, node: Node) -> JsonValue:
        """The value of one entry of the mapping at `path`."""
        return self._value(node, (*path, key.value), key.span, None)

    def place(self, span: tuple[int, int]) -> Place:
        """The span as a place, cut at the end of its first line."""
        return self.source.place(span)

    def stop(self, message: str, span: tuple[int, int], help: str) -> ReadingError:
        """The exception that ends the reading with one last finding."""
        return ReadingError(Diagnostic("E001", message, self.place(span), help=help))

    def too_many_keys(self, span: tuple[int, int]) -> ReadingError:
        """The exception for a mapping with the key at `span`, one too many."""
        return self.stop(f"a mapping holds more than {MAX_KEYS:,} keys", span, "split it, or move data out of the file")

    def too_many_values(self, span: tuple[int, int], aliases: str = "") -> ReadingError:
        """The exception for a file with the value at `span`, one too many."""
        message = f"the file holds more than {MAX_VALUES:,} values{aliases}"
        return self.stop(message, span, "split the file, or move data out of it")

    def add(self, finding: Diagnostic) -> None:
        """A finding after which the reading goes on."""
        if len(self.found) < MAX_FINDINGS:
            self.found.append(finding)

    def _value(self, node: Node, path: Path, key: tuple[int, int] | None, via: tuple[int, int] | None) -> JsonValue:
        if isinstance(node, Alias):
            return self._value(node.target, path, key, via or node.span)
        if len(path) > MAX_DEPTH:
            raise self.stop(f"nested deeper than {MAX_DEPTH} levels", via or node.span, "flatten the structure")
        if len(self.spots) >= MAX_VALUES:
            raise self.too_many_values(via or node.span, ", its aliases written out" if via else "")
        shown = via or node.span
        self.spots[path] = Spot(shown, key, node.span, node.style if isinstance(node, Text) else None)
        if isinstance(node, Text):
            return self.resolve(node, shown)
        if isinstance(node, Sequence):
            return [self._value(item, (*path, i), None, via) for i, item in enumerate(node.items)]
        return self._mapping(node, path, via)

    def _mapping(self, node: Mapping, path: Path, via: tuple[int, int] | None) -> JsonValue:
        result: dict[str, JsonValue] = {}
        first: dict[str, tuple[int, int]] = {}
        for key, child in node.pairs:
            shown = via or key.span
            if key.value in first:
                self._duplicate(key.value, self.place(shown), self.place(first[key.value]))
                continue
            first[key.value] = shown
            result[key.value] = self._value(child, (*path, key.value), shown, via)
        return result

    def _duplicate(self, key: str, place: Place, first: Place) -> None:
        where = f"{first.line}:{first.column}"
        self.add(
            Diagnostic(
                "E001",
                f"duplicate key '{key}' (first defined at {where})",
                place,
                help="rename or remove one of the two: only one value can count",
                related=(Related(first, "first defined here"),),
            )
        )
