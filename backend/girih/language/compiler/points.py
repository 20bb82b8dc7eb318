"""The names at one point of a graph, and why one of them may have no value there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from girih.language.compiler.builtin_names import ERRORS, STATE, errors_schema, state_schema
from girih.language.compiler.flow import Region
from girih.language.compiler.paths import GRAPH_END, Point, Step
from girih.language.compiler.unit import Unit, shown
from girih.language.compiler.ways import Way
from girih.language.expressions.kinds import field_names
from girih.language.nodes.base import Branch, NodeConfig
from girih.language.spec.diagnostics import Place
from girih.language.spec.memory import Memory
from girih.language.spec.model import END
from girih.language.spec.tree import JsonSchema, Path


@dataclass(frozen=True)
class Gap:
    """Why a name may have no value: a sentence, what to do, and the place that decides it.

    `fork` is set where a join lets the run go on although that branch has nothing to give.
    """

    reason: str
    help: str | None = None
    decided_at: Place | None = None
    fork: str | None = None
    condition: str = ""


@dataclass(frozen=True)
class PointNames:
    """The names at one point of a graph. `binds` are names that only the expression itself can speak."""

    unit: Unit
    point: Point
    binds: Mapping[str, JsonSchema] = field(default_factory=dict)
    _gaps: dict[str, Gap | None] = field(default_factory=dict)

    @property
    def region(self) -> Region:
        """The region the point lies in."""
        flow = self.unit.flow
        return flow.root if self.point.node == END else flow.regions[self.point.node]

    @property
    def memory(self) -> Memory | None:
        """See `Names`."""
        return self.unit.memory

    def names(self) -> list[str]:
        """See `Names`."""
        return [*self.binds, *self.unit.names(self.region)]

    def type_of(self, name: str) -> JsonSchema | None:
        """See `Names`."""
        if name in self.binds:
            return self.binds[name]
        schema = self.unit.type_of(name, self.region)
        if name == STATE and schema is self.unit.builtins.get(STATE):
            return state_schema(self.unit.graph, self._is_written)
        if name == ERRORS and schema is self.unit.builtins.get(ERRORS):
            return errors_schema(self.unit.graph, self._has_failed)
        return schema

    def why_unset(self, name: str) -> str | None:
        """See `Names`; the sentence shows a path on which the node has no result."""
        gap = self.gap(name)
        return gap.reason if gap is not None else None

    def gap(self, name: str) -> Gap | None:
        """Why a name may have no value here; `None` when it always has one."""
        if name not in self._gaps:
            self._gaps[name] = self._gap(name)
        return self._gaps[name]

    def _is_known(self) -> bool:
        """Whether it is known how the point is reached."""
        unit = self.unit
        return unit.is_flow_known and (self.point.node == END or self.point.node in unit.flow.reached)

    def _has_failed(self, node: str) -> bool:
        """Whether it is certain here that a node has failed."""
        return not self._is_known() or self.unit.paths.is_certain(f"{node}!", self.point)

    def _is_written(self, name: str) -> bool:
        """Whether a value of the state has been written on every path to this point."""
        if not self._is_known():
            return True
        nodes = self.unit.graph.nodes.values()
        writers = {node.name for node in nodes if isinstance(node.config, NodeConfig) and name in node.config.write}
        if self.point.moment == "result":
            writers.discard(self.point.node)  # what it writes is worked out from what was written before
        return bool(writers) and self.unit.paths.way_past(frozenset(writers), self.point) is None

    def _gap(self, name: str) -> Gap | None:
        unit, point = self.unit, self.point
        if name in self.binds or name not in unit.graph.nodes or name in unit.binds_in(self.region):
            return None
        if not self._is_known() or name not in unit.flow.reached:
            return None
        steps = unit.paths.way_past(frozenset({name}), point)
        if steps is None:
            return None
        if name == point.node and point.moment in ("when", "before"):
            return Gap(f"'{name}' asks for its own result before it has run")
        fork = unit.flow.beside(point.node, name) if point.node != END else None
        if fork is not None and point.moment != "end":
            return Gap(f"'{name}' runs at the same time, in another branch of '{fork}'")
        return gap_on(unit, name, steps, point)


def gap_on(unit: Unit, name: str, steps: tuple[Step, ...], point: Point = GRAPH_END) -> Gap:
    """Why a node has no result on this path to a point."""
    for gap in (_left_inside(unit, name, point), _on_the_way(unit, name, steps, point)):
        if gap is not None:
            return gap
    path = path_to(steps, point)
    return Gap(f"{shown(path)} skips '{name}'" if len(path) > 1 else f"'{point.node}' runs before '{name}'")


def path_to(steps: tuple[Step, ...], point: Point) -> list[str]:
    """The names along a path, with `$end` at the end of the graph."""
    return [*(step.node for step in steps), *([END] if point.node == END else [])]


def _left_inside(unit: Unit, name: str, point: Point) -> Gap | None:
    """For a node whose results never leave the branch it runs in."""
    flow = unit.flow
    around_point = {flow.root.entry} if point.node == END else {r.entry for r in flow.around(point.node)}
    for region in reversed(flow.around(name)):
        branch = flow.branch_of(region.entry) if region.fork is not None else None
        if branch is None or region.entry in around_point or branch.kept != "never":
            continue
        own = field_names(unit.fixed_type(str(region.fork)) or {})
        way_out = f"use {region.fork}.{own[0]}" if own else f"let '{region.fork}' give what is needed"
        what = branch.why or f"runs inside of '{region.fork}', which keeps none of its results"
        return Gap(f"'{name}' {what}", way_out, unit.tree.at(("nodes", str(region.fork), *branch.path)))
    return None


def _on_the_way(unit: Unit, name: str, steps: tuple[Step, ...], point: Point) -> Gap | None:
    """For a node that lies on the path itself, or in a fork that does: how it is passed without a result."""
    regions = {region.fork: region.entry for region in unit.flow.around(name) if region.fork is not None}
    for i, step in enumerate(steps):
        if step.way is None:
            continue
        if step.node == name:
            return _left_without(unit, name, step.way, point)
        if step.node in regions:
            branch = unit.flow.branch_of(regions[step.node])
            if not step.way.keeps:
                return _left_without(unit, step.node, step.way, point, name)
            if branch is not None and branch.kept in ("one", "maybe"):
                path = [*(s.node for s in steps[i:]), *([END] if point.node == END else [])]
                return Gap(f"{shown(path)}: '{name}' {branch.why or 'may not have come to its end'}")
            return _in_branch(unit, name, step, branch)
    return None


def _in_branch(unit: Unit, name: str, fork: Step, branch: Branch | None) -> Gap | None:
    inner = _on_the_way(unit, name, fork.within, Point(fork.node, "end"))
    if inner is None or branch is None or inner.condition == "" or name != branch.entry:
        return inner
    return Gap(inner.reason, inner.help, inner.decided_at, fork.node, inner.condition)


_WITHOUT: Mapping[Literal["exit", "error", "instead"], str] = {
    "exit": "may go on without a result",
    "error": "may fail",
    "instead": "may fail",
}


def _left_without(unit: Unit, node: str, way: Way, point: Point, inner: str | None = None) -> Gap | None:
    """How a node (of whose branches `inner` is a part) is left without a result."""
    path: Path = ("nodes", node, "when") if way.cause == "over" else way.path
    if way.cause == "instead":
        path = ("nodes", node, "on_error")
    place = unit.tree.at(path)
    where = f"({place.line}:{place.column})"
    who = f"'{node}', which runs '{inner}'," if inner is not None else f"'{node}'"
    if way.cause == "over":
        condition = str(unit.graph.nodes[node].config.when)
        return Gap(f"{who} is skipped when not ({condition}) {where}", None, place, condition=condition)
    if way.cause == "next":
        return None
    target = f", then '{way.to}' is next" if way.to in unit.graph.nodes and way.to != point.node else ""
    help_ = "give it a result with on_error: { value: { … } }" if way.cause == "error" and inner is None else None
    return Gap(f"{who} {_WITHOUT[way.cause]}{target} {where}", help_, place)
