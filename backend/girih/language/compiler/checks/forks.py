"""E107: a branch stays in its fork, and no node runs twice."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.unit import Unit, finding
from girih.language.spec.diagnostics import Diagnostic


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name every way that breaks the structure of forks."""
    for stray in unit.flow.strays:
        yield finding(unit, "E107", stray.message, stray.path, stray.help)
    for name, node in unit.graph.nodes.items():
        listed = getattr(node.config, node.verb, ()) if unit.flow.shape(name) == "fork" and node.sound else ()
        for i, branch in enumerate(listed):
            if branch in listed[:i]:
                message = f"'{branch}' is named twice: a branch runs once"
                yield finding(
                    unit, "E107", message, ("nodes", name, node.verb, i), "name another node, or leave it out"
                )
