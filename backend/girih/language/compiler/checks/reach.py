"""E102: every node can run."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.unit import Unit, finding
from girih.language.spec.diagnostics import Diagnostic


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name the nodes that nothing leads to; those that only such nodes lead to are not named again."""
    flow, nodes = unit.flow, unit.graph.nodes
    if not unit.is_flow_known or unit.graph.start not in nodes:
        return
    lost = [name for name in nodes if name not in flow.reached]
    explained = {stray.path[1] for stray in flow.strays} | {r.to for n in lost for r in nodes[n].routes if r.to != n}
    strayed = {route.to for stray in flow.strays for route in nodes[str(stray.path[1])].routes}
    first = [name for name in lost if name not in explained and name not in strayed]
    if not first and lost and not strayed & set(lost):
        first = lost[:1]
    for name in first:
        help_ = f"lead there with next: {name}, add it to a parallel, or delete it"
        yield finding(unit, "E102", f"'{name}' can never run: nothing leads to it", ("nodes", name, "[key]"), help_)
