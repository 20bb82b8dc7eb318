"""E102: every node can run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from girih.language.compiler.unit import Unit, finding
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.suggest import did_you_mean


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name the nodes that nothing leads to; those that only such nodes lead to are not named again."""
    flow, nodes = unit.flow, unit.graph.nodes
    if not unit.is_flow_known or unit.graph.start not in nodes:
        return
    known = flow.reached | _led_to(unit, _meant(unit))
    lost = [name for name in nodes if name not in known]
    has_caller = {to for name in lost for to in (*flow.edges[name], *flow.branches[name]) if to != name}
    first = [name for name in lost if name not in has_caller]
    explained = _led_to(unit, first)
    for name in lost:  # those that lead to each other in a circle: its first in the file stands for all
        if name not in explained:
            first.append(name)
            explained |= _led_to(unit, [name])
    for name in first:
        help_ = f"lead there with next: {name}, or delete it"
        yield finding(unit, "E102", f"'{name}' can never run: nothing leads to it", ("nodes", name, "[key]"), help_)


def _meant(unit: Unit) -> list[str]:
    """The nodes that would be reached if faults that have a finding of their own were put right."""
    nodes = unit.graph.nodes
    targets = [way.to for ways in unit.flow.ways.values() for way in ways if way.to is not None]
    targets += [branch.entry for branches in unit.flow.forks.values() for branch in branches]
    near = [near for name in targets if name not in nodes and (near := did_you_mean(name, nodes))]
    return near + [stray.to for stray in unit.flow.strays if stray.to in nodes]


def _led_to(unit: Unit, names: Iterable[str]) -> set[str]:
    waiting = list(names)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [*unit.flow.edges[name], *unit.flow.branches[name]]
    return seen
