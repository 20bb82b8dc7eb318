"""A proven graph → its plan: every reference resolved, every type worked out, every node told what it may see."""

from __future__ import annotations

from typing import Any

from girih.language.compiler.plan import Plan, PlanBranch, PlanLimits, PlanNode, PlanOutput, PlanRoute
from girih.language.compiler.typed_values import Values
from girih.language.compiler.unit import Unit
from girih.language.expressions.check import check_expression
from girih.language.expressions.kinds import ANY, union
from girih.language.expressions.names import FixedNames
from girih.language.expressions.values import names_in, references
from girih.language.nodes.base import object_of
from girih.language.spec.model import GraphNode, Merged
from girih.language.spec.tree import JsonSchema, JsonValue


def lower(unit: Unit) -> Plan:
    """The plan of a graph without errors."""
    graph = unit.graph
    return Plan(
        name=graph.name,
        title=graph.head.title,
        description=graph.head.description,
        inputs=_ordered(unit.inputs_schema),
        outputs=_ordered(object_of({name: _output_type(unit, output) for name, output in graph.outputs.items()})),
        chat=graph.head.chat.model_dump() if graph.head.chat else None,
        start=graph.start or "",
        # By name: the order nodes are written in says nothing but which one is the first, which `start` holds.
        nodes=tuple(_node(unit, graph.nodes[name]) for name in sorted(graph.nodes)),
        results={name: PlanOutput(values=_sources(output)) for name, output in graph.outputs.items()},
        limits=PlanLimits(**graph.head.limits.model_dump()),
        lock=tuple(sorted(unit.resolved.lock, key=lambda entry: entry.alias)),
    )


def _node(unit: Unit, node: GraphNode) -> PlanNode:
    kind = unit.kinds[node.verb]
    values = {slot.name: slot.value for slot in kind.slots(node.config, unit.scope)}
    read = references(values).union(*(names_in(route.condition) for route in node.routes if route.condition))
    region = unit.flow.regions[node.name]
    return PlanNode(
        name=node.name,
        title=node.config.title,
        verb=node.verb,
        shape=kind.shape,
        settings=_ordered(kind.lower(node.config, unit.scope)),
        values=values,
        reads=tuple(sorted(read)),
        returns=_ordered(unit.type_of(node.name) or ANY),
        routes=tuple(PlanRoute(to=r.to, condition=r.condition, max_visits=r.max_visits) for r in node.routes),
        branches=tuple(PlanBranch(entry=entry) for entry in unit.flow.branches[node.name]),
        fork=region.fork,
        region=region.entry if region.fork is not None else None,
    )


def _ordered(value: Any) -> Any:
    """The data with the `required` of its schemas sorted: the one list whose order comes from a mapping's."""
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    if not isinstance(value, dict):
        return value
    result = {key: _ordered(item) for key, item in value.items()}
    if "properties" in result and isinstance(result.get("required"), list):
        result["required"] = sorted(result["required"])
    return result


def _sources(output: JsonValue | Merged) -> tuple[JsonValue, ...]:
    return tuple(f"${{ {text} }}" for text in output.from_) if isinstance(output, Merged) else (output,)


def _output_type(unit: Unit, output: JsonValue | Merged) -> JsonSchema:
    names = FixedNames({name: unit.type_of(name) or ANY for name in unit.names()})
    if isinstance(output, Merged):
        return union([check_expression(text, names).schema for text in output.from_])
    return Values(names, lambda *_: None, lambda *_: None).type_of(output)
