"""E204: branches that run at the same time only write one value of the state where it says how writes merge."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.unit import Unit
from girih.language.nodes.base import Branch, NodeConfig
from girih.language.spec.diagnostics import Diagnostic, Related
from girih.language.spec.suggest import one_of

_Writer = tuple[str, str]
"""A node, and the value it writes."""


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name each value that two branches of a fork write, or one branch that runs for many items."""
    told: set[str] = set()
    if not unit.graph.state:
        return
    for fork, branches in unit.flow.forks.items():
        first: dict[str, tuple[str, Branch]] = {}
        for branch in branches:
            for node, name in _writes(unit, branch, fork):
                value = unit.graph.state.get(name)
                if value is None or value.is_declared or name in told:
                    continue
                known = first.setdefault(name, (node, branch))
                is_either = branch.kept == "one" and known[1] is not branch  # only what the winner wrote is kept
                if (known[1] is not branch and not is_either) or branch.binds:
                    told.add(name)
                    yield _conflict(unit, fork, name, known[0], node)


def _writes(unit: Unit, branch: Branch, fork: str) -> Iterator[_Writer]:
    """What the nodes of a branch, and of the forks in it, write."""
    region = unit.flow.regions.get(branch.entry)
    if region is None or region.fork != fork:
        return
    names = unit.flow.in_region(region)
    inside = frozenset(names).union(*(unit.flow.all_within(name) for name in names))
    for name in unit.graph.nodes:
        config = unit.graph.nodes[name].config
        if name in inside and isinstance(config, NodeConfig):
            yield from ((name, key) for key in config.write)


def _conflict(unit: Unit, fork: str, name: str, first: str, second: str) -> Diagnostic:
    if first == second:
        message = f"'{first}' writes state.{name} once for each item of '{fork}', at the same time"
    else:
        message = f"'{first}' and '{second}' write state.{name} at the same time, in branches of '{fork}'"
    kind = unit.graph.state[name].schema.get("type")
    rules = {"array": ("append", "union", "last"), "integer": ("sum", "max", "last"), "number": ("sum", "max", "last")}
    fitting = rules.get(kind, ("last",)) if isinstance(kind, str) else ("last",)
    help_ = f"declare how writes come together, with merge: {one_of(fitting)}"
    related = tuple(
        Related(unit.tree.key_at(("nodes", node, "write", name)), f"'{node}' writes it here")
        for node in dict.fromkeys((first, second))
    )
    return Diagnostic("E204", message, unit.tree.key_at(("state", name)), help=help_, related=related)
