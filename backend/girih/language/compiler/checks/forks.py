"""E107: a branch stays in its fork, and no node runs twice."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.unit import Unit, finding
from girih.language.spec.diagnostics import Diagnostic


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name every way that breaks the structure of forks."""
    for stray in unit.flow.strays:
        yield finding(unit, "E107", stray.message, stray.path, stray.help)
    for name, branches in unit.flow.forks.items():
        entries = [branch.entry for branch in branches]
        for i, branch in enumerate(branches):
            if branch.entry in entries[:i]:
                message = f"'{branch.entry}' is named twice: a branch runs once"
                path = ("nodes", name, *branch.path)
                yield finding(unit, "E107", message, path, "name another node, or leave it out")
