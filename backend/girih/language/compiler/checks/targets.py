"""E101: every `next`, every other way out, every branch and `start` names a node that exists."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.unit import Unit, finding
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.model import END, FAIL
from girih.language.spec.suggest import hint
from girih.language.spec.tree import Path

_SPECIAL = (END, FAIL)


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name each target that is nothing."""
    nodes = unit.graph.nodes
    if unit.graph.head.start is not None and unit.graph.head.start not in nodes:
        yield _missing(unit, ("start",), unit.graph.head.start, ())
    for name in nodes:
        seen: set[Path] = set()
        for way in unit.flow.ways[name]:
            if way.to is not None and way.to not in nodes and way.to not in _SPECIAL and way.path not in seen:
                seen.add(way.path)
                yield _missing(unit, way.path, way.to, _SPECIAL)
        for branch in unit.flow.forks[name]:
            if branch.entry not in nodes:
                yield _missing(unit, ("nodes", name, *branch.path), branch.entry, ())


def _missing(unit: Unit, path: Path, name: str, special: tuple[str, ...]) -> Diagnostic:
    if name.startswith("$"):
        message = f"'{name}' is no way to end a run" if special else f"'{name}' is no node"
        return finding(unit, "E101", message, path, hint(name, special or unit.graph.nodes, "known"))
    return finding(
        unit, "E101", f"node '{name}' does not exist", path, hint(name, [*unit.graph.nodes, *special], "nodes")
    )
