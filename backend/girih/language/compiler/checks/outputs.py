"""E201 to E203 and E301 to E304 in `from:`: each reference exists, and whenever a run ends well one has a value."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.checks.data import Report
from girih.language.compiler.paths import GRAPH_END
from girih.language.compiler.points import gap_on, path_to
from girih.language.compiler.unit import AllNames, Unit, finding, shown
from girih.language.expressions.check import check_expression
from girih.language.expressions.values import names_in
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.model import Merged
from girih.language.spec.suggest import one_of


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Check the outputs that take the first of several values."""
    for name, output in unit.graph.outputs.items():
        if isinstance(output, Merged):
            faults = list(_references(unit, name, output))
            yield from faults or _gap(unit, name, output)


def _references(unit: Unit, name: str, output: Merged) -> Iterator[Diagnostic]:
    names = AllNames(unit, unit.flow.root)
    for i, text in enumerate(output.from_):
        report = Report(unit, ("outputs", name, "from", i))
        for fault in check_expression(text, names).findings:
            if fault.code != "E203":
                report.expression((), 0, fault)
        yield from report.found


def _gap(unit: Unit, name: str, output: Merged) -> Iterator[Diagnostic]:
    read = [names_in(text) for text in output.from_]
    if not unit.is_flow_known or any(not names & unit.graph.nodes.keys() for names in read):
        return
    nodes = frozenset(node for names in read for node in names if node in unit.graph.nodes and len(names) == 1)
    steps = unit.paths.way_past(nodes, GRAPH_END)
    if steps is None:
        return
    who = one_of(f"'{node}'" for node in sorted(nodes))
    reason = f"{shown(path_to(steps, GRAPH_END))} skips {who}"
    passed = [node for node in sorted(nodes) if node in unit.flow.reached]
    if len(passed) == 1:
        reason = gap_on(unit, passed[0], steps).reason
    help_ = "add a reference that every path sets, or end this path with $fail"
    yield finding(unit, "E203", f"output '{name}' may be unset: {reason}", ("outputs", name, "[key]"), help_)
