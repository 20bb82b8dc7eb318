"""E105: every cycle is bounded, by `max_visits` on one of its rules or by `limits.steps` of the graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from girih.language.compiler.unit import Unit, finding, shown
from girih.language.compiler.ways import Way
from girih.language.spec.diagnostics import Diagnostic


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name one cycle for each group of nodes that can run for ever."""
    limits = unit.tree.get(("limits",))
    if isinstance(limits, dict) and "steps" in limits:
        return
    left = _left_over(unit)
    named: set[str] = set()
    for name in unit.graph.nodes:
        cycle = _cycle(unit, name) if name in left and name not in named else None
        if cycle is None or named & {step for step, _ in cycle}:
            continue
        named |= {step for step, _ in cycle}
        path = [step for step, _ in cycle]
        message = f"cycle {shown([*path, path[0]])} has no max_visits and no limits.steps"
        _, way = next((step for step in reversed(cycle) if step[1].route is not None), cycle[-1])
        here = f"write {{ to: {way.to}, max_visits: 5 }} here, or " if way.route is not None else "write "
        yield finding(unit, "E105", message, way.path, f"{here}limits: {{ steps: 50 }} for the whole graph")


def _cycle(unit: Unit, start: str) -> list[tuple[str, Way]] | None:
    """The shortest way from a node back to itself, by ways without a bound."""
    waiting: deque[str] = deque()
    came: dict[str, tuple[str, Way]] = {}

    def spread(name: str) -> bool:
        for way in _steps(unit, name):
            to = str(way.to)
            if to not in came:
                came[to] = (name, way)
                if to == start:
                    return True
                waiting.append(to)
        return False

    is_back = spread(start)
    while waiting and not is_back:
        is_back = spread(waiting.popleft())
    if not is_back:
        return None
    path = [came[start]]
    while path[0][0] != start:
        path.insert(0, came[path[0][0]])
    return path


def _steps(unit: Unit, name: str) -> list[Way]:
    """The ways that may be taken any number of times; what leads to no other node closes no cycle."""
    edges = unit.flow.edges[name]
    return [way for way in unit.flow.ways[name]
            if way.to in edges and (way.route is None or way.route.max_visits is None)]  # fmt: skip


def _left_over(unit: Unit) -> set[str]:
    """What is left when nodes that lead nowhere are taken away, again and again: nothing, where there is no cycle."""
    left = {name: {str(way.to) for way in _steps(unit, name)} for name in unit.graph.nodes}
    before: dict[str, list[str]] = {name: [] for name in left}
    for name, targets in left.items():
        for to in targets:
            before[to].append(name)
    ends = [name for name, targets in left.items() if not targets]
    while ends:
        end = ends.pop()
        del left[end]
        for name in before[end]:
            left[name].discard(end)
            if not left[name]:
                ends.append(name)
    return set(left)
