"""E103: from every node the run can come to an end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from girih.language.compiler.flow import Flow
from girih.language.compiler.unit import Unit, finding, shown
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.model import GraphNode


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name the nodes without a `next`, and the circles that have no way out."""
    flow, nodes = unit.flow, unit.graph.nodes
    for name, node in nodes.items():
        ends = any(way.to is None and not flow.closes(name, way) for way in flow.ways[name])
        if ends and node.sound and "next" not in node.raw and name in flow.reached and flow.regions[name].fork is None:
            message = f"'{name}' has no next: the run could not go on"
            yield finding(unit, "E103", message, ("nodes", name, "[key]"), "add next: $end")
    for circle in _circles(flow, _stuck(flow, nodes) & flow.reached):
        in_branch = flow.regions[circle[0]].fork is not None
        goal = "the end of its branch" if in_branch else "$end"
        message = f"from '{circle[0]}' no path reaches {goal}: {shown([*circle, circle[0]])}"
        way_out = "to a node without next" if in_branch else "for example { else: $end }"
        yield finding(unit, "E103", message, ("nodes", circle[0], "[key]"), f"add a rule that leads out, {way_out}")


def _stuck(flow: Flow, nodes: Mapping[str, GraphNode]) -> set[str]:
    """The nodes from which no way out of their region is left."""
    before: dict[str, list[str]] = {name: [] for name in nodes}
    for name in nodes:
        for to in flow.edges[name]:
            before[to].append(name)
    free = [
        name
        for name, node in nodes.items()
        if not node.is_routed or any(way.to not in flow.edges[name] for way in flow.ways[name])
    ]
    seen = set(free)
    while free:
        for name in before[free.pop()]:
            if name not in seen:
                seen.add(name)
                free.append(name)
    return set(nodes) - seen


def _circles(flow: Flow, stuck: set[str]) -> Iterator[list[str]]:
    """Each circle at which stuck nodes come to run for ever; those on their way there are not named."""
    named: set[str] = set()
    for name in flow.graph.nodes:
        if name not in stuck:
            continue
        path = [name]
        while path[-1] not in path[:-1]:
            path.append(flow.edges[path[-1]][0])
        circle = path[path.index(path[-1]) : -1]
        if not named & set(circle):
            yield circle
        named |= set(path)
