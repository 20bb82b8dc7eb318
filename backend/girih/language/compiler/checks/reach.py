"""E102: every node can run."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.unit import Unit, finding
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.suggest import did_you_mean


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name the nodes that nothing leads to; those that only such nodes lead to are not named again."""
    flow, nodes = unit.flow, unit.graph.nodes
    if not unit.is_flow_known or unit.graph.start not in nodes:
        return
    lost = [name for name in nodes if name not in flow.reached | _meant(unit)]
    led_to = {to for name in lost for to in (*flow.edges[name], *flow.branches[name]) if to != name}
    # Lost nodes that lead to each other in a circle have no first one: then the first in the file stands for all.
    for name in [name for name in lost if name not in led_to] or lost[:1]:
        help_ = f"lead there with next: {name}, or delete it"
        yield finding(unit, "E102", f"'{name}' can never run: nothing leads to it", ("nodes", name, "[key]"), help_)


def _meant(unit: Unit) -> set[str]:
    """The nodes that would be reached if faults that have a finding of their own were put right."""
    nodes = unit.graph.nodes
    targets = [route.to for node in nodes.values() for route in node.routes]
    for name, node in nodes.items():
        targets += getattr(node.config, node.verb) if node.sound and unit.flow.shape(name) == "fork" else ()
    waiting = [near for name in targets if name not in nodes and (near := did_you_mean(name, nodes))]
    waiting += [name for stray in unit.flow.strays if (name := str(unit.tree.get(stray.path))) in nodes]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [*unit.flow.edges[name], *unit.flow.branches[name]]
    return seen
