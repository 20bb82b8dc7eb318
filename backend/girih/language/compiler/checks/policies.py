"""E002, E201: what a node may carry besides its own keys agrees with itself, and names what there is."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.builtin_names import MESSAGES, STATE
from girih.language.compiler.unit import Unit, finding
from girih.language.nodes.base import NodeConfig
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.model import GraphNode
from girih.language.spec.names import RESERVED
from girih.language.spec.suggest import hint
from girih.language.spec.tree import Path

_BINDS_ALWAYS = frozenset({"item", "index"})


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Check `on_error`, `write` and the names that branches bind."""
    for node in unit.sound_nodes:
        if isinstance(node.config, NodeConfig):
            yield from _on_error(unit, node, node.config)
            yield from _writes(unit, node, node.config)
        yield from _binds(unit, node)


def _on_error(unit: Unit, node: GraphNode, config: NodeConfig) -> Iterator[Diagnostic]:
    policy = config.on_error
    if policy is None or (policy.to is None) != (policy.value is None):
        return
    both = policy.to is not None
    message = f"'on_error' of '{node.name}' has " + ("both 'to' and 'value'" if both else "neither 'to' nor 'value'")
    path: Path = ("nodes", node.name, "on_error", *(("value",) if both else ()), "[key]")
    yield finding(unit, "E002", message, path, "write { to: NODE }, or { value: { … } } for a result in its place")


def _writes(unit: Unit, node: GraphNode, config: NodeConfig) -> Iterator[Diagnostic]:
    known = (unit.builtins.get(STATE) or {}).get("properties", {})
    for name in config.write:
        path: Path = ("nodes", node.name, "write", name, "[key]")
        if name not in known:
            way_out = hint(name, known, "state") if known else f"add it: 'state: {{ {name}: string }}'"
            yield finding(unit, "E201", f"the graph's state has no '{name}'", path, way_out)
        elif name == MESSAGES and name not in unit.graph.state:
            message = "state.messages is written by the conversation itself"
            yield finding(unit, "E201", message, path, "write to a value of your own under state:")


def _binds(unit: Unit, node: GraphNode) -> Iterator[Diagnostic]:
    """Names of a branch that already mean something else."""
    seen: set[str] = set()
    for branch in unit.flow.forks[node.name]:
        for name in branch.binds:
            is_taken = name in unit.graph.nodes or (name in RESERVED and name not in _BINDS_ALWAYS)
            if not is_taken or name in seen:
                continue
            seen.add(name)
            key = next((key for key, value in node.raw.items() if value == name), node.verb)
            what = "a node already" if name in unit.graph.nodes else "a word of the language"
            message = f"'{name}' is {what} and cannot be the name of an item of '{node.name}'"
            yield finding(unit, "E002", message, ("nodes", node.name, key), "give it another name")
