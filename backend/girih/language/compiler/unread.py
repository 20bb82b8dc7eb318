"""What nobody can know of a graph because one of its nodes could not be read."""

from __future__ import annotations

from girih.language.compiler.flow import Flow
from girih.language.spec.model import AgentGraph, GraphNode
from girih.language.spec.tree import JsonValue


def leads_elsewhere(node: GraphNode, graph: AgentGraph) -> bool:
    """Whether a node that could not be read names another one besides in its `next`: an exit, for one."""
    waiting: list[JsonValue] = [value for key, value in node.raw.items() if key != "next"]
    for value in waiting:  # grows while it is gone through
        if isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value
        elif isinstance(value, str) and value in graph.nodes and value != node.name:
            return True
    return False


def lost_names(graph: AgentGraph, flow: Flow) -> frozenset[str]:
    """The names that forks bind, if one of them could not be read or begins a branch that is not there."""
    branches = [branch for forked in flow.forks.values() for branch in forked]
    lost = [node.raw for node in graph.nodes.values() if not node.sound and flow.shape(node.name) == "fork"]
    if not lost and all(branch.entry in graph.nodes for branch in branches):
        return frozenset()
    written = (str(raw.get("as", "item")) for raw in lost)
    return frozenset(name for branch in branches for name in branch.binds) | {"index", *written}
