"""E404: every model, and whatever stands in for it, can do what the nodes that use it need."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.unit import Unit, finding
from girih.language.nodes.base import Need
from girih.language.nodes.fallbacks import in_order
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.model import GraphNode

_ABILITIES = {"tools": "cannot call tools", "structured_output": "has no structured output"}


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name each model that lacks an ability, at the node that needs it."""
    for node in unit.sound_nodes:
        for need in unit.kinds[node.verb].needs(node.config):
            yield from _need(unit, node, need)


def _need(unit: Unit, node: GraphNode, need: Need) -> Iterator[Diagnostic]:
    named, contracts = unit.scope.models.get(need.alias, ()), unit.scope.model_contracts
    for model in in_order(named, lambda name: contracts[name].fallbacks if name in contracts else ()):
        contract = contracts.get(model)
        if contract is None or getattr(contract, need.ability) != "none":
            continue
        who = f"model '{model}'" if model in named else f"model '{model}', a fallback,"
        message = f"{who} {_ABILITIES[need.ability]}; '{need.key}' needs it"
        help_ = f"use another model, or say in its model/v1 file: capabilities: {{ {need.ability}: prompted }}"
        yield finding(unit, "E404", message, ("nodes", node.name, *need.path), help_)
