"""One node of a graph on its own: everything before it is given, and nothing comes after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from girih.engine.trials.mocks import mocked
from girih.errors import InvalidInput
from girih.language.compiler.plan import Plan, PlanNode, PlanRoute
from girih.language.nodes.base import NodeKind
from girih.language.spec.model import END
from girih.language.spec.suggest import hint
from girih.language.spec.tree import JsonObject


def alone(plan: Plan, name: str, results: Mapping[str, JsonObject], kinds: Mapping[str, NodeKind[Any]]) -> Plan:
    """A plan that gives the results of other nodes, runs this one (and what it runs itself), and ends.

    Raises `InvalidInput` for a node that is not there, and where the node reads a result that is not given.
    """
    nodes = {node.name: node for node in plan.nodes}
    if name not in nodes:
        raise InvalidInput(f"graph '{plan.name}' has no node '{name}'", help=hint(name, nodes, "nodes"))
    inside = set(_inside(plan, name))
    unknown = sorted(set(results) - set(nodes))
    if unknown:
        raise InvalidInput(f"there is no node '{unknown[0]}' to have a result", help=hint(unknown[0], nodes, "nodes"))
    missing = sorted(set(nodes[name].reads) & set(nodes) - set(results) - inside - {name})
    if missing:
        raise InvalidInput(
            f"node '{name}' reads the result of '{missing[0]}', which is not given", help="add it under nodes:"
        )
    given = [other for other in results if other != name and other not in inside]
    chain = [_plain(nodes[other], [*given[1:], name][number]) for number, other in enumerate(given)]
    itself = nodes[name].model_copy(update={"routes": (PlanRoute(to=END),), "fork": None, "region": None})
    kept = [node for node in plan.nodes if node.name in inside]
    made = plan.model_copy(
        update={
            "start": given[0] if given else name,
            "nodes": (*chain, itself, *kept),
            "results": {},
            "outputs": {"type": "object"},
            "chat": None,
        }
    )
    return mocked(made, {other: dict(results[other]) for other in given}, kinds)


def _plain(node: PlanNode, to: str) -> PlanNode:
    """A node that only hands on to another."""
    return node.model_copy(
        update={
            "routes": (PlanRoute(to=to),),
            "shape": "step",
            "fork": None,
            "region": None,
            "branches": (),
            "when": None,
            "writes": {},
            "exits": {},
            "on_error": None,
        }
    )


def _inside(plan: Plan, name: str) -> Iterator[str]:
    """The nodes of a fork's branches, and of the forks in them."""
    for node in plan.nodes:
        if node.fork == name:
            yield node.name
            yield from _inside(plan, node.name)
