"""Plan → LangGraph, region by region: a graph from its start, and each branch of a fork, run on their own.

In one region one node is active at a time. So nothing is ever joined by the graph itself: a fork runs its branches, and
goes on when it has what it needs of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict

from girih.engine.channels import ERRORS, INPUTS, TALLY, WRITES, added, noted, shared, slot
from girih.engine.children import Runner
from girih.engine.context import Frame
from girih.engine.execution import NodeExecution
from girih.engine.outputs import Outputs
from girih.engine.shared_state import SharedState
from girih.engine.sight import SPECIAL
from girih.language.compiler.plan import Plan, PlanNode
from girih.language.nodes.base import NodeKind
from girih.language.spec.model import END, FAIL

Compiled = CompiledStateGraph[Any, Frame, Any, Any]


class Region:
    """One region of a plan, ready to run; `entry` is a branch's first node, `None` stands for the whole graph."""

    def __init__(self, plan: Plan, entry: str | None, kinds: Mapping[str, NodeKind[Any]], runner: Runner) -> None:
        self.plan = plan
        self.entry = entry
        self._nodes = {node.name: node for node in plan.nodes if node.region == entry}
        self._require_known_targets()
        self._executions = {
            name: NodeExecution(plan, node, kinds[node.verb], runner) for name, node in self._nodes.items()
        }
        self.state = SharedState(plan)
        self.outputs = Outputs(plan)
        self.channels = _channels(plan, entry)
        """Every channel of the region, with its form."""
        self.lone = self._lone() if entry is not None else None
        """The execution of a branch that is one node and nothing more: it needs no graph around it."""
        self.graph = self._compiled() if self.lone is None else None

    @property
    def start(self) -> str:
        """The first node."""
        return self.plan.start if self.entry is None else self.entry

    def _lone(self) -> NodeExecution | None:
        (node, *others) = self._nodes.values()
        return None if others or set(targets(node)) - {END, FAIL} else self._executions[node.name]

    def _require_known_targets(self) -> None:
        named = {self.start: self.plan.name} | {to: node.name for node in self._nodes.values() for to in targets(node)}
        for to in sorted(named.keys() - self._nodes.keys() - {END, FAIL}):
            place = f"the branch of '{self.entry}'" if self.entry else "the graph outside of its forks"
            raise ValueError(f"plan '{self.plan.name}': '{named[to]}' goes to '{to}', which is no node of {place}")

    def _compiled(self) -> Compiled:
        # Any: LangGraph's overloads cannot follow schemas that are built at run time.
        graph: Any = StateGraph(_schema("State", self.channels), context_schema=Frame)
        for name, node in self._nodes.items():
            graph.add_node(name, self._executions[name].run, input_schema=_schema("Shown", self._shown_to(node)))
        graph.add_edge(START, self.start)
        compiled: Compiled = graph.compile(name=self.plan.name)
        return compiled

    def _shown_to(self, node: PlanNode) -> dict[str, Any]:
        """The channels a node can need; a fork's branches may need any."""
        if node.shape == "fork":
            return self.channels
        needed = {slot(name) for name in node.reads if name not in SPECIAL} | {TALLY, ERRORS}
        if node.writes or "state" in node.reads:
            needed |= {WRITES, *(name for name in self.channels if name.startswith(shared("")))}
        return {name: form for name, form in self.channels.items() if name in needed}


def targets(node: PlanNode) -> Iterator[str]:
    """Everywhere a node can go, in its own region or out of it."""
    yield from (route.to for route in node.routes)
    yield from node.exits.values()
    if node.on_error is not None and node.on_error.to is not None:
        yield node.on_error.to


def _channels(plan: Plan, entry: str | None) -> dict[str, Any]:
    channels: dict[str, Any] = {TALLY: Annotated[dict[str, float], added]}
    if any(node.on_error for node in plan.nodes):
        channels[ERRORS] = Annotated[dict[str, Any], noted]
    state = SharedState(plan)
    if entry is None:
        channels[INPUTS] = dict[str, Any]
        channels |= {shared(name): Annotated[Any, state.reducer(name)] for name in state.names}
    elif state.names:
        channels[WRITES] = Annotated[list[Any], _joined]
    return channels | {slot(name): dict[str, Any] for name in _inside(plan, entry)}


def _joined(left: list[Any], right: list[Any]) -> list[Any]:
    return [*left, *right]


def _inside(plan: Plan, entry: str | None) -> Iterator[str]:
    """The nodes of a region and of the branches of its forks, which may be kept."""
    if entry is None:
        yield from (node.name for node in plan.nodes)
        return
    for node in plan.nodes:
        if node.region == entry:
            yield node.name
            for branch in node.branches:
                yield from _inside(plan, branch.entry)


def _schema(name: str, channels: Mapping[str, Any]) -> type:
    schema: type = TypedDict(name, dict(channels))  # type: ignore[misc]  # - the names come from a plan
    return schema
