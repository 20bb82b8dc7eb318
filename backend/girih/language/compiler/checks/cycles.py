"""E105: every cycle is bounded, by `max_visits` on one of its routes or by `limits.steps` of the graph."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.unit import Unit, finding, shown
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.model import Route


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name one cycle for each group of nodes that can run for ever."""
    limits = unit.tree.get(("limits",))
    if isinstance(limits, dict) and "steps" in limits:
        return
    named: set[str] = set()
    for name in unit.graph.nodes:
        cycle = _cycle(unit, name) if name not in named else None
        if cycle is None or named & {step for step, _ in cycle}:
            continue
        named |= {step for step, _ in cycle}
        path = [step for step, _ in cycle]
        message = f"cycle {shown([*path, path[0]])} has no max_visits and no limits.steps"
        last, route = cycle[-1]
        help_ = f"write {{ to: {route.to}, max_visits: 5 }} here, or limits: {{ steps: 50 }} for the whole graph"
        yield finding(unit, "E105", message, ("nodes", last, *route.at), help_)


def _cycle(unit: Unit, start: str) -> list[tuple[str, Route]] | None:
    """The shortest way from a node back to itself, by routes without a bound."""
    waiting: list[list[tuple[str, Route]]] = [[step] for step in _steps(unit, start)]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop(0)
        to = path[-1][1].to
        if to == start:
            return path
        if to not in seen:
            seen.add(to)
            waiting += [[*path, step] for step in _steps(unit, to)]
    return None


def _steps(unit: Unit, name: str) -> list[tuple[str, Route]]:
    routes = unit.graph.nodes[name].routes
    return [(name, route) for route in routes if route.max_visits is None and route.to in unit.flow.edges[name]]
