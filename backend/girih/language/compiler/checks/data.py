"""E106, E201 to E203, W204, E301 to E304, E402: what is in `${ … }` exists, has a value, and fits its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from girih.language.compiler.expressions_of import conditions_of, values_of
from girih.language.compiler.paths import GRAPH_END, Point
from girih.language.compiler.points import Gap, PointNames
from girih.language.compiler.typed_values import Contract, Values
from girih.language.compiler.unit import Unit
from girih.language.expressions.check import check_expression
from girih.language.expressions.names import Finding
from girih.language.expressions.values import Expression
from girih.language.nodes.base import NodeConfig
from girih.language.spec.diagnostics import Diagnostic, Related, Severity
from girih.language.spec.model import GraphNode, Merged
from girih.language.spec.tree import Path

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Check every value of every node, every condition, and the outputs."""
    for node in unit.sound_nodes:
        yield from node_values(unit, node)
    for node in unit.graph.nodes.values():
        yield from conditions(unit, node)
    end = PointNames(unit, GRAPH_END)
    for name, output in unit.graph.outputs.items():
        if not isinstance(output, Merged):
            report = Report(unit, ("outputs", name), end)
            Values(end, report.expression, report.value).type_of(output)
            for fault in report.found:
                is_open = fault.code == "E203" and "orValue" in (fault.help or "")
                yield replace(fault, help=f"{fault.help}, or from: with more nodes") if is_open else fault


class Report:
    """Turns findings below one path of the file into diagnostics."""

    def __init__(self, unit: Unit, base: Path, names: PointNames | None = None) -> None:
        self._unit = unit
        self._base = base
        self._names = names
        self.found: list[Diagnostic] = []

    def expression(self, path: Path, offset: int, finding: Finding) -> None:
        """A finding in the expression that begins at `offset` of the text at `path`."""
        full = (*self._base, *path)
        if finding.code == "E201" and self._is_lost(full, offset + finding.offset):
            return
        place = self._unit.tree.inside(full, offset + finding.offset, finding.length)
        fault = Diagnostic(finding.code, finding.message, place, help=finding.help)
        if finding.code == "E203" and self._names is not None:
            text = self._unit.tree.get(full)
            root = _NAME.match(text, offset + finding.offset) if isinstance(text, str) else None
            gap = self._names.gap(root.group()) if root is not None else None
            fault = _explained(self._unit, fault, gap, root.group() if root is not None else "")
        self.found.append(fault)

    def _is_lost(self, path: Path, at: int) -> bool:
        """Whether the name that is unknown is one that a fork binds, of which nobody knows what it runs."""
        text = self._unit.tree.get(path)
        root = _NAME.match(text, at) if isinstance(text, str) else None
        return root is not None and root.group() in self._unit.lost_names

    def value(self, code: str, message: str, help: str | None, path: Path, expression: Expression | None) -> None:
        """A value that does not fit."""
        full = (*self._base, *path)
        if expression is not None:
            place = self._unit.tree.inside(full, expression.offset, len(expression.text))
        else:
            place = self._unit.place(full)
        severity: Severity = "warning" if code.startswith("W") else "error"
        self.found.append(Diagnostic(code, message, place, help=help, severity=severity))


def _explained(unit: Unit, fault: Diagnostic, gap: Gap | None, name: str) -> Diagnostic:
    """The finding with the place that decides whether the name has a value, and with what helps there."""
    if gap is None:
        return fault
    related = (Related(gap.decided_at, "decided here"),) if gap.decided_at is not None else ()
    if gap.fork is not None:
        return starving(unit, name, gap)
    return replace(fault, help=gap.help or fault.help, related=related)


def starving(unit: Unit, name: str, gap: Gap) -> Diagnostic:
    """The finding for a join that takes a branch's result which may never come; one for all who read it."""
    fork = str(gap.fork)
    where = gap.decided_at
    at = f" ({where.line}:{where.column})" if where is not None else ""
    message = f"'{fork}' waits for '{name}', which runs only when {gap.condition}{at}, and its result is read after it"
    branch = unit.flow.branch_of(name)
    path = ("nodes", fork, *(branch.path if branch is not None else ()))
    help_ = f"read it as {name}.?field.orValue(…), or use join: settled and ask {fork}.{name}.ok"
    related = (Related(where, "runs only then"),) if where is not None else ()
    return Diagnostic("E106", message, unit.tree.at(path), help=help_, related=related)


def node_values(unit: Unit, node: GraphNode) -> Iterator[Diagnostic]:
    """The faults of everything a node is given."""
    for given in values_of(unit, node):
        names = unit_names(unit, given.point)
        report = Report(unit, ("nodes", node.name, *given.path), names)
        values = Values(names, report.expression, report.value)
        contract = _contract(unit, node, given.path) if given.is_slot else None
        label = ".".join(str(step) for step in given.path) if given.path[0] in NodeConfig.model_fields else ""
        values.fit(given.value, given.expects, (), label or str(given.path[-1]), contract)
        yield from report.found
    yield from _own_faults(unit, node)


def _own_faults(unit: Unit, node: GraphNode) -> Iterator[Diagnostic]:
    """What the kind finds in texts of a language of its own."""
    for path, finding in unit.kinds[node.verb].faults(node.config, unit.scope_at(node.name)):
        report = Report(unit, ("nodes", node.name, *path))
        report.expression((), 0, finding)
        yield from report.found


def unit_names(unit: Unit, point: Point) -> PointNames:
    """The names at a point; every value of a node that is evaluated there shares what was found out."""
    return unit.shared(point, lambda: PointNames(unit, point))


def _contract(unit: Unit, node: GraphNode, path: Path) -> Contract | None:
    """Who asks for the fields of this slot, when it is a tool or another graph."""
    if path != ("with",):
        return None
    for use in unit.kinds[node.verb].uses(node.config):
        if use.scheme == "tool" and use.alias in unit.scope.tools:
            return Contract(f"tool '{unit.scope.tools[use.alias].name}'", "parameter")
        if use.scheme == "graph" and use.alias in unit.scope.graphs:
            return Contract(f"graph '{unit.scope.graphs[use.alias].name}'", "input")
    return None


def conditions(unit: Unit, node: GraphNode) -> Iterator[Diagnostic]:
    """The faults of a node's conditions."""
    for asked in conditions_of(unit, node):
        names = PointNames(unit, asked.point, asked.binds) if asked.binds else unit_names(unit, asked.point)
        report = Report(unit, ("nodes", node.name, *asked.path), names)
        for fault in check_expression(asked.text, names, condition=True).findings:
            report.expression((), 0, fault)
        yield from report.found
