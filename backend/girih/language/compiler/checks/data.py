"""E201 to E203, W204, E301 to E304, E402: what stands in `${ … }` exists, has a value, and fits where it is used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from girih.language.compiler.typed_values import Contract, Values
from girih.language.compiler.unit import PointNames, Unit
from girih.language.expressions.check import check_expression
from girih.language.expressions.names import Finding
from girih.language.expressions.values import Expression
from girih.language.nodes.base import Slot
from girih.language.spec.diagnostics import Diagnostic, Severity
from girih.language.spec.model import GraphNode, Merged
from girih.language.spec.tree import Path


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Check every value of every node, every condition, and the outputs."""
    for node in unit.sound_nodes:
        yield from node_values(unit, node)
    for node in unit.graph.nodes.values():
        yield from conditions(unit, node)
    for name, output in unit.graph.outputs.items():
        if not isinstance(output, Merged):
            report = Report(unit, ("outputs", name))
            Values(unit.names_at_end(), report.expression, report.value).type_of(output)
            for fault in report.found:
                yield replace(fault, help=f"{fault.help}, or from: with more nodes") if fault.code == "E203" else fault


class Report:
    """Turns findings below one path of the file into diagnostics."""

    def __init__(self, unit: Unit, base: Path) -> None:
        self._unit = unit
        self._base = base
        self.found: list[Diagnostic] = []

    def expression(self, path: Path, offset: int, finding: Finding) -> None:
        """A finding in the expression that begins at `offset` of the text at `path`."""
        place = self._unit.tree.inside((*self._base, *path), offset + finding.offset, finding.length)
        self.found.append(Diagnostic(finding.code, finding.message, place, help=finding.help))

    def value(self, code: str, message: str, help: str | None, path: Path, expression: Expression | None) -> None:
        """A value that does not fit."""
        full = (*self._base, *path)
        if expression is not None:
            place = self._unit.tree.inside(full, expression.offset, len(expression.text))
        else:
            place = self._unit.place(full)
        severity: Severity = "warning" if code.startswith("W") else "error"
        self.found.append(Diagnostic(code, message, place, help=help, severity=severity))


def node_values(unit: Unit, node: GraphNode) -> Iterator[Diagnostic]:
    """The faults of everything a node is given."""
    names = unit.names_at(node.name)
    for slot in unit.kinds[node.verb].slots(node.config, unit.scope):
        report = Report(unit, ("nodes", node.name, *slot.path))
        values = Values(names, report.expression, report.value)
        values.fit(slot.value, slot.expects, (), str(slot.path[-1]), _contract(unit, node, slot))
        yield from report.found


def _contract(unit: Unit, node: GraphNode, slot: Slot) -> Contract | None:
    """Who asks for the fields of this slot, when it is a tool or another graph."""
    if slot.path != ("with",):
        return None
    for use in unit.kinds[node.verb].uses(node.config):
        if use.scheme == "tool" and use.alias in unit.scope.tools:
            return Contract(f"tool '{unit.scope.tools[use.alias].name}'", "parameter")
        if use.scheme == "graph" and use.alias in unit.scope.graphs:
            return Contract(f"graph '{unit.scope.graphs[use.alias].name}'", "input")
    return None


def conditions(unit: Unit, node: GraphNode) -> Iterator[Diagnostic]:
    """The faults of the conditions on a node's ways out."""
    names: PointNames = unit.names_at(node.name, after=True)
    for route in node.routes:
        if route.condition is not None:
            report = Report(unit, ("nodes", node.name, *route.condition_at))
            for fault in check_expression(route.condition, names, condition=True).findings:
                report.expression((), 0, fault)
            yield from report.found
