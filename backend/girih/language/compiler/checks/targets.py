"""E101: every `next`, every branch and `start` names a node that exists."""

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
    for node in nodes.values():
        for route in node.routes:
            if route.to not in nodes and route.to not in _SPECIAL:
                yield _missing(unit, ("nodes", node.name, *route.at), route.to, _SPECIAL)
        if node.sound and unit.flow.shape(node.name) == "fork":
            for i, branch in enumerate(getattr(node.config, node.verb)):
                if branch not in nodes:
                    yield _missing(unit, ("nodes", node.name, node.verb, i), branch, ())


def _missing(unit: Unit, path: Path, name: str, special: tuple[str, ...]) -> Diagnostic:
    if name.startswith("$"):
        message = f"'{name}' is no way to end a run" if special else f"'{name}' is no node"
        return finding(unit, "E101", message, path, hint(name, special or unit.graph.nodes, "known"))
    return finding(
        unit, "E101", f"node '{name}' does not exist", path, hint(name, [*unit.graph.nodes, *special], "nodes")
    )
