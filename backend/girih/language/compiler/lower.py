"""A proven graph → its plan: every reference resolved, every type worked out, every node told what it may see."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

from girih.language.compiler.expressions_of import conditions_of, values_of
from girih.language.compiler.plan import (
    Frozen,
    Plan,
    PlanBranch,
    PlanCache,
    PlanLimits,
    PlanNode,
    PlanOnError,
    PlanOutput,
    PlanRetry,
    PlanRoute,
    PlanState,
    PlanTimeout,
)
from girih.language.compiler.typed_values import Values
from girih.language.compiler.unit import AllNames, Unit
from girih.language.expressions.check import check_expression
from girih.language.expressions.kinds import ANY, union
from girih.language.expressions.values import expressions_in, names_in, references
from girih.language.nodes.base import Branch, GraphContract, Slot, object_of
from girih.language.spec.model import GraphNode, Merged, SharedValue
from girih.language.spec.policies import Cache, Policies
from girih.language.spec.tree import JsonSchema, JsonValue

P = TypeVar("P", bound=Frozen)


def lower(unit: Unit) -> Plan:
    """The plan of a graph without errors."""
    graph = unit.graph
    return Plan(
        name=graph.name,
        title=graph.head.title,
        description=graph.head.description,
        inputs=_ordered(unit.inputs_schema),
        outputs=_ordered(object_of({name: output_type(unit, output) for name, output in graph.outputs.items()})),
        chat=graph.head.chat.model_dump() if graph.head.chat else None,
        start=graph.start or "",
        # By name: the order nodes are written in says nothing but which one is the first, which `start` holds.
        nodes=tuple(_node(unit, graph.nodes[name]) for name in sorted(graph.nodes)),
        results={name: PlanOutput(values=_sources(output)) for name, output in graph.outputs.items()},
        state={name: _state(value) for name, value in graph.state.items()},
        limits=PlanLimits(**graph.head.limits.model_dump()),
        redact=tuple(sorted(set(graph.head.trace.redact))),
        lock=tuple(sorted(unit.resolved.lock, key=lambda entry: entry.alias)),
    )


def contract(unit: Unit) -> GraphContract:
    """What a graph without errors takes and gives, without a plan: of no version yet, so without a digest."""
    outputs = object_of({name: output_type(unit, output) for name, output in unit.graph.outputs.items()})
    return GraphContract(unit.graph.name, "", _ordered(unit.inputs_schema), _ordered(outputs))


def _node(unit: Unit, node: GraphNode) -> PlanNode:
    kind, config = unit.kinds[node.verb], node.config
    scope = unit.scope_at(node.name)
    region = unit.flow.regions[node.name]
    policies: Policies = config
    return PlanNode(
        name=node.name,
        title=config.title,
        verb=node.verb,
        shape=kind.shape,
        settings=_ordered(kind.lower(config, scope)),
        values={slot.name: _slot(slot) for slot in kind.slots(config, scope)},
        reads=tuple(sorted(reads(unit, node.name))),
        returns=_ordered(unit.fixed_type(node.name) or ANY),
        routes=tuple(PlanRoute(to=r.to, condition=r.condition, max_visits=r.max_visits) for r in node.routes),
        when=policies.when,
        retry=_held(PlanRetry, policies.retry),
        timeout=_held(PlanTimeout, policies.timeout),
        on_error=_held(PlanOnError, policies.on_error),
        cache=_cache(policies.cache),
        writes=dict(policies.write),
        conditions={slot.name: slot.text for slot in kind.conditions(config, scope)},
        exits={way.name: way.to for way in kind.exits(config)},
        branches=tuple(_branch(branch) for branch in unit.branches(node.name)),
        fork=region.fork,
        region=region.entry if region.fork is not None else None,
    )


def _slot(slot: Slot) -> JsonValue:
    """What is evaluated for a slot."""
    return [f"${{ {e.text} }}" for e in expressions_in(slot.value)] if slot.apart else slot.value


def _held(model: type[P], policy: BaseModel | None) -> P | None:
    """A common key as the plan holds it: the same fields."""
    return model(**policy.model_dump()) if policy is not None else None


def _cache(cache: Cache | None) -> PlanCache | None:
    if cache is None:
        return None
    return PlanCache(ttl=cache.ttl, key=(cache.key,) if "key" in cache.model_fields_set else ())


def _branch(branch: Branch) -> PlanBranch:
    gives = () if branch.gives is None else (branch.gives.value,)
    return PlanBranch(
        entry=branch.entry, binds=tuple(branch.binds), gives=gives, reads=tuple(sorted(references(list(gives))))
    )


def reads(unit: Unit, name: str) -> frozenset[str]:
    """The names that a node must be shown: for a fork also what its branches read from outside of themselves."""
    return unit.shared(("reads", name), lambda: _reads(unit, name))


def _reads(unit: Unit, name: str) -> frozenset[str]:
    node = unit.graph.nodes[name]
    found: set[str] = set()
    for given in values_of(unit, node):
        if given.point.moment != "end":
            found |= references(given.value)
    for asked in conditions_of(unit, node):
        found |= names_in(asked.text) - asked.binds.keys()
    for branch in unit.branches(name):
        inner = unit.flow.in_region(unit.flow.regions[branch.entry])
        read = references(branch.gives.value) if branch.gives is not None else set()
        read = read.union(*(reads(unit, other) for other in inner))
        found |= read - branch.binds.keys() - unit.flow.all_within(name)
    return frozenset(found)


def _state(value: SharedValue) -> PlanState:
    return PlanState(type=_ordered(value.schema), merge=value.merge, default=value.default)


def _ordered(value: Any) -> Any:
    """The data with the `required` of its schemas sorted: the one list whose order comes from a mapping's."""
    if isinstance(value, list):
        return [_ordered(item) if isinstance(item, dict | list) else item for item in value]
    if not isinstance(value, dict):
        return value
    result = {key: _ordered(item) if isinstance(item, dict | list) else item for key, item in value.items()}
    if "properties" in result and isinstance(result.get("required"), list):
        result["required"] = sorted(result["required"])
    return result


def _sources(output: JsonValue | Merged) -> tuple[JsonValue, ...]:
    return tuple(f"${{ {text} }}" for text in output.from_) if isinstance(output, Merged) else (output,)


def output_type(unit: Unit, output: JsonValue | Merged) -> JsonSchema:
    """The type of an output."""
    names = AllNames(unit, unit.flow.root)
    if isinstance(output, Merged):
        return union([check_expression(text, names).schema for text in output.from_])
    return Values(names, lambda *_: None, lambda *_: None).type_of(output)
