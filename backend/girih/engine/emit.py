"""Plan → LangGraph: each node with a channel of its own, each fork with a barrier that takes a token per branch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict

from girih.engine.channels import INPUTS, TALLY, added, slot
from girih.engine.context import Frame
from girih.engine.execution import JoinExecution, MakeGraphs, NodeExecution
from girih.language.compiler.plan import Plan, PlanNode
from girih.language.nodes.base import NodeKind
from girih.language.spec.model import END, FAIL

Compiled = CompiledStateGraph[Any, Frame, Any, Any]


def emit(plan: Plan, kinds: Mapping[str, NodeKind[Any]], graphs: MakeGraphs) -> Compiled:
    """The plan as a compiled graph, without a checkpointer. Raises `ValueError` for a plan that no compiler proved."""
    return _Emitter(plan, kinds, graphs).compiled()


class _Emitter:
    def __init__(self, plan: Plan, kinds: Mapping[str, NodeKind[Any]], graphs: MakeGraphs) -> None:
        self._plan = plan
        self._kinds = kinds
        self._graphs = graphs
        self._nodes = {node.name: node for node in plan.nodes}
        self._targets = {name: name for name in self._nodes}
        # Any: LangGraph's overloads cannot follow schemas that are built at run time.
        self._graph: Any = StateGraph(
            _schema("State", self._nodes),
            context_schema=Frame,
            input_schema=_schema("Inputs", ()),
        )

    def compiled(self) -> Compiled:
        """Lay the nodes, then the forks' barriers, then compile."""
        self._require_known_targets()
        for node in self._plan.nodes:
            execution = NodeExecution(node, self._kinds[node.verb], self._targets, self._graphs)
            self._graph.add_node(node.name, execution.run, input_schema=_shown_to(node))
        for fork in (node for node in self._plan.nodes if node.shape == "fork"):
            if self._needs_join(fork):
                join = JoinExecution(fork, self._targets)
                self._graph.add_node(_join(fork), join.run, input_schema=_shown_to(fork))
        for fork in (node for node in self._plan.nodes if node.shape == "fork"):
            self._close(fork)
        self._graph.add_edge(START, self._plan.start)
        graph: Compiled = self._graph.compile(name=self._plan.name)
        return graph

    def _require_known_targets(self) -> None:
        for node in self._plan.nodes:
            targets = {route.to for route in node.routes} | {branch.entry for branch in node.branches}
            if unknown := sorted(targets - self._nodes.keys() - {END, FAIL}):
                raise ValueError(f"plan '{self._plan.name}': '{node.name}' goes to '{unknown[0]}', which is no node")

    def _close(self, fork: PlanNode) -> None:
        """Let the branches meet: the barrier waits for one token of each, so it opens once per execution."""
        sources = [self._exit_of(branch.entry) for branch in fork.branches]
        if None in sources:  # a branch that can only fail: nothing is ever joined
            return
        target = _join(fork) if self._needs_join(fork) else fork.routes[0].to
        if target != END:
            self._graph.add_edge([source for source in sources if source is not None], target)

    def _exit_of(self, branch: str) -> str | None:
        """The LangGraph node that runs once when the branch is done; `None` when the branch has no end.

        A branch with several ends gets a collector: whichever end is reached, the barrier hears one name.
        """
        ends = [self._leaves(node) for node in self._plan.nodes if node.region == branch and not node.routes]
        if len(ends) < 2:
            return ends[0] if ends else None
        collector = f"done.{branch}"
        self._graph.add_node(collector, _collect, input_schema=_schema("Nothing", (), inputs=False))
        for end in ends:
            self._graph.add_edge(end, collector)
        return collector

    def _leaves(self, node: PlanNode) -> str:
        return _join(node) if node.shape == "fork" else node.name

    def _needs_join(self, fork: PlanNode) -> bool:
        """Whether the way on must be chosen; a single plain route is an edge out of the barrier."""
        if len(fork.routes) != 1:
            return True
        route = fork.routes[0]
        return route.condition is not None or route.max_visits is not None or route.to == FAIL


async def _collect(state: Mapping[str, Any]) -> None:  # noqa: ARG001 - LangGraph's signature
    return None


def _join(fork: PlanNode) -> str:
    return f"join.{fork.name}"


def _shown_to(node: PlanNode) -> type:
    return _schema("Shown", (name for name in node.reads if name != "inputs"), inputs="inputs" in node.reads)


def _schema(name: str, nodes: Iterable[str], *, inputs: bool = True) -> type:
    """A state of the given nodes' slots and the tally, with or without the inputs."""
    channels: dict[str, Any] = {TALLY: Annotated[dict[str, int], added]}
    if inputs:
        channels[INPUTS] = dict[str, Any]
    channels |= {slot(node): dict[str, Any] for node in nodes}
    schema: type = TypedDict(name, channels)  # type: ignore[misc]  # - the names come from a plan
    return schema
