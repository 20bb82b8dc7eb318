"""A spec's outline: its keys, and under them the nodes, inputs and tests that they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from girih.language.editing.positions import Range, between
from girih.language.editing.shapes import verb_among
from girih.language.spec.tree import JsonValue, Path, Tree

_HELD = ("inputs", "use", "state", "nodes", "outputs", "tests", "parameters", "returns")


@dataclass(frozen=True)
class Symbol:
    """A part of a file: `range` is all of it, `name_range` its name."""

    name: str
    sort: Literal["key", "node", "field", "test"]
    detail: str
    range: Range
    name_range: Range
    children: tuple[Symbol, ...] = ()


def outline(tree: Tree) -> list[Symbol]:
    """The parts of a spec, in their order."""
    value = tree.value if isinstance(tree.value, dict) else {}
    return [_symbol(tree, (key,), tuple(_inner(tree, key, inner))) for key, inner in value.items()]


def _inner(tree: Tree, key: str, value: JsonValue) -> Iterator[Symbol]:
    if key not in _HELD:
        return
    steps: list[str | int] = list(value) if isinstance(value, dict) else []
    if isinstance(value, list):
        steps = list(range(len(value)))
    for step in steps:
        yield _symbol(tree, (key, step), ())


def _symbol(tree: Tree, path: Path, children: tuple[Symbol, ...]) -> Symbol:
    source, spot = tree.source, tree.spots.get(path)
    start, end = spot.shown if spot is not None else (0, 0)
    key = spot.key if spot is not None and spot.key is not None else None
    named = key or (start, source.line_end(start))
    text = source.text
    first, last = min(start, named[0]), max(end, named[1])
    while last > named[1] and text[last - 1 : last].isspace():
        last -= 1
    name, sort, detail = _said(tree, path)
    return Symbol(name, sort, detail, between(source, first, last), between(source, *named), children)


def _said(tree: Tree, path: Path) -> tuple[str, Literal["key", "node", "field", "test"], str]:
    value = tree.get(path)
    if len(path) == 1:
        return str(path[0]) or "''", "key", value if isinstance(value, str) else ""
    if path[0] == "tests":
        name = value.get("name") if isinstance(value, dict) else None
        return name if isinstance(name, str) and name else f"test {int(path[1]) + 1}", "test", ""
    if path[0] == "nodes":
        return str(path[1]) or "''", "node", (verb_among(value) or "") if isinstance(value, dict) else ""
    return str(path[1]) or "''", "field", value if isinstance(value, str) else ""
