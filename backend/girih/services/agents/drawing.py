"""A plan as a picture: nodes and the ways between them, with the graphs inside of it where they are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from girih.language.charts.chart import Arrow, chart_of, join_of
from girih.language.compiler.plan import Plan, PlanNode
from girih.language.spec.model import END, FAIL

BEGIN = "__start__"
FINISH = "__end__"


_Way: TypeAlias = tuple[str, str | None, bool]


@dataclass(frozen=True)
class Inner:
    """A graph inside of another one: the node that runs it, what it is called there, and which one it is."""

    node: str
    place: str
    name: str
    digest: str


@dataclass(frozen=True)
class Node:
    """A node by its id; `inner` is the name of the graph it runs, where it runs one."""

    id: str
    verb: str
    inner: str | None = None


@dataclass(frozen=True)
class Edge:
    """A way from one node to another; `label` says when it is taken, where that is not always."""

    source: str
    target: str
    label: str | None = None
    is_conditional: bool = False


@dataclass
class Drawing:
    """Nodes and edges, each once."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


def inner_of(plan: Plan) -> list[Inner]:
    """The graphs that nodes of the plan run. A node that may hand over to several has each in a place of its own."""
    found: list[Inner] = []
    for node in plan.nodes:
        if node.verb == "graph" and node.settings.get("digest"):
            found.append(Inner(node.name, node.name, str(node.settings["name"]), str(node.settings["digest"])))
        for handoff in node.settings.get("handoffs") or ():
            place = f"{node.name}.{handoff['alias']}"
            found.append(Inner(node.name, place, str(handoff["alias"]), str(handoff["digest"])))
    return found


def draw(plan: Plan, inner: Mapping[str, Plan], depth: int = 0) -> Drawing:
    """The drawing of a plan, from `__start__` to `__end__`.

    Graphs inside of it, to that depth, take the place of the nodes that run them, with the node's name before each of
    theirs; `inner` holds their plans by digest. What an agent hands over to is no step of the graph, so it stays out.
    """
    drawing = Drawing([Node(BEGIN, BEGIN)], [])
    entries, ways = _draw(plan, inner, depth, "", drawing)
    drawing.nodes.append(Node(FINISH, FINISH))
    drawing.edges += [Edge(BEGIN, entry) for entry in entries]
    drawing.edges += [Edge(way.source, FINISH, way.label, way.is_conditional) for way in ways]
    drawing.edges = list(dict.fromkeys(drawing.edges))
    return drawing


def _draw(
    plan: Plan, inner: Mapping[str, Plan], depth: int, prefix: str, drawing: Drawing
) -> tuple[list[str], list[Edge]]:
    """Add a plan's nodes and edges; gives where it begins, and the edges that leave it (without their targets)."""
    begins: dict[str, list[str]] = {}
    leaves: dict[str, list[Edge]] = {}
    graphs = {one.node: one for one in inner_of(plan) if one.node == one.place}
    for node in plan.nodes:
        own = f"{prefix}{node.name}"
        child = graphs.get(node.name)
        if child is not None and depth > 0 and child.digest in inner:
            begins[node.name], leaves[node.name] = _draw(inner[child.digest], inner, depth - 1, f"{own}:", drawing)
            continue
        drawing.nodes.append(Node(own, node.verb, child.name if child is not None else None))
        begins[node.name], leaves[node.name] = [own], [Edge(own, "")]
    out: list[Edge] = []
    ways = _Ways(plan)
    for node in plan.nodes:
        for target, label, is_conditional in ways.of(node):
            for end in leaves[node.name]:
                way = Edge(end.source, "", label or end.label, is_conditional or end.is_conditional)
                if target in begins:
                    drawing.edges += [
                        Edge(way.source, entry, way.label, way.is_conditional) for entry in begins[target]
                    ]
                else:
                    out.append(way)
    return begins.get(plan.start, []), out


class _Ways:
    """The arrows of a plan's chart as ways from node to node: the marks where branches come together are left out."""

    def __init__(self, plan: Plan) -> None:
        self._arrows: dict[str, list[Arrow]] = {}
        for arrow in chart_of(plan).arrows:
            self._arrows.setdefault(arrow.source, []).append(arrow)

    def of(self, node: PlanNode) -> Iterator[_Way]:
        """Where a node leads to, when, and whether it may also lead elsewhere."""
        own = self._arrows.get(node.name, [])
        begun = [arrow for arrow in own if arrow.kind == "branch"]
        # A fork goes on when its branches have ended: their last nodes lead to what comes after it.
        yield from ((arrow.target, None, len(begun) == 1) for arrow in begun)
        if len(begun) == 1:  # a list to go over may be empty
            yield from ((target, label, True) for target, label, _ in self._onward(join_of(node.name)))
        yield from self._onward(node.name)
        for arrow in own:
            if arrow.kind in ("error", "exit"):
                yield arrow.target, arrow.when or "error", True

    def _onward(self, place: str) -> Iterator[_Way]:
        leading = [arrow for arrow in self._arrows.get(place, []) if arrow.kind in ("next", "join")]
        is_conditional = len(leading) > 1 or any(arrow.when for arrow in leading)
        for arrow in leading:
            if arrow.kind == "join":
                onward = self._onward(arrow.target)
                yield from ((target, label, is_maybe or is_conditional) for target, label, is_maybe in onward)
            else:
                is_failure = arrow.target == FAIL
                label = "fail" if is_failure else arrow.when or None
                yield END if is_failure else arrow.target, label, is_conditional
