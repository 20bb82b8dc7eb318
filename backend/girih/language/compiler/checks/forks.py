"""E106, E107: a branch stays in its fork and comes to its end, and no node runs twice."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.unit import MOST_NESTED, Unit, finding
from girih.language.spec.diagnostics import Diagnostic, Related
from girih.language.spec.model import FAIL


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
        yield from _endless(unit, name)
        if branches and len(unit.flow.around(name)) == MOST_NESTED + 1:
            message = f"'{name}' is a fork inside of {MOST_NESTED} others: that is the most"
            yield finding(unit, "E107", message, ("nodes", name, "[key]"), "move some of it into a graph of its own")


def _endless(unit: Unit, fork: str) -> Iterator[Diagnostic]:
    """Branches that can only fail: what waits for them waits for ever."""
    if not unit.is_flow_known or fork not in unit.flow.reached:
        return
    for branch in unit.flow.forks[fork]:
        region = unit.flow.regions.get(branch.entry)
        if region is None or region.fork != fork or region.entry != branch.entry or _is_settled(unit, fork):
            continue
        fails = [way for node in unit.flow.in_region(region) for way in unit.flow.ways[node] if way.to == FAIL]
        if unit.flow.ends(branch.entry) or not fails or _leaves_wrongly(unit, region.entry):
            continue
        place = unit.place(fails[0].path)
        message = f"'{fork}' waits for the branch '{branch.entry}', which can only fail ({place.line}:{place.column})"
        help_ = "let the branch end at a node without next, or use join: settled and ask whether it failed"
        related = (Related(place, "it fails here"),)
        yield Diagnostic("E106", message, unit.tree.at(("nodes", fork, *branch.path)), help=help_, related=related)


def _is_settled(unit: Unit, fork: str) -> bool:
    """Whether the fork takes a failure as an outcome like any other."""
    return unit.graph.nodes[fork].raw.get("join") == "settled"


def _leaves_wrongly(unit: Unit, entry: str) -> bool:
    """Whether a way out of the branch has a finding of its own."""
    names = unit.flow.in_region(unit.flow.regions[entry])
    return any(len(stray.path) > 1 and stray.path[1] in names for stray in unit.flow.strays)
