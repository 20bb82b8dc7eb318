"""Everything a node has to evaluate, in one list: its values, its conditions, and what its common keys say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from girih.language.compiler.builtin_names import STATE
from girih.language.compiler.paths import Point
from girih.language.compiler.unit import Unit
from girih.language.expressions.kinds import ANY
from girih.language.nodes.base import NodeConfig
from girih.language.spec.model import GraphNode
from girih.language.spec.tree import JsonSchema, JsonValue, Path


@dataclass(frozen=True)
class Given:
    """Data with `${ … }` in it: its path below the node, the type that is needed there, and when it is evaluated."""

    value: JsonValue
    path: Path
    point: Point
    expects: JsonSchema = field(default_factory=dict)
    is_slot: bool = False


@dataclass(frozen=True)
class Asked:
    """A condition: its path below the node, when it is asked, and the names that only it can speak."""

    text: str
    path: Path
    point: Point
    binds: Mapping[str, JsonSchema] = field(default_factory=dict)


def values_of(unit: Unit, node: GraphNode) -> tuple[Given, ...]:
    """Every value of a node that could be read."""
    return unit.shared(("values", node.name), lambda: tuple(_values_of(unit, node)))


def conditions_of(unit: Unit, node: GraphNode) -> tuple[Asked, ...]:
    """Every condition of a node: of one that could not be read, those of its routes."""
    return unit.shared(("conditions", node.name), lambda: tuple(_conditions_of(unit, node)))


def _values_of(unit: Unit, node: GraphNode) -> Iterator[Given]:
    name, config = node.name, node.config
    before = Point(name, "before")
    for slot in unit.kinds[node.verb].slots(config, unit.scope_at(name)):
        yield Given(slot.value, slot.path, before, slot.expects, is_slot=True)
    for branch in unit.branches(name):
        if branch.gives is not None and branch.entry in unit.graph.nodes:
            yield Given(branch.gives.value, branch.gives.path, Point(branch.entry, "end"), branch.gives.expects)
    if not isinstance(config, NodeConfig):
        return
    if config.on_error is not None and config.on_error.value is not None and config.on_error.to is None:
        yield Given(config.on_error.value, ("on_error", "value"), before, unit.fixed_type(name) or ANY)
    if config.cache is not None and config.cache.key is not None:
        yield Given(config.cache.key, ("cache", "key"), before)
    state = (unit.builtins.get(STATE) or {}).get("properties", {})
    for key, value in config.write.items():
        yield Given(value, ("write", key), Point(name, "result"), state.get(key, ANY))


def _conditions_of(unit: Unit, node: GraphNode) -> Iterator[Asked]:
    name, config = node.name, node.config
    if isinstance(config, NodeConfig) and config.when is not None:
        yield Asked(config.when, ("when",), Point(name, "when"))
    for route in node.routes:
        if route.condition is not None:
            yield Asked(route.condition, route.condition_at, Point(name, "after"))
    if node.sound:
        for slot in unit.kinds[node.verb].conditions(config, unit.scope_at(name)):
            yield Asked(slot.text, slot.path, Point(name, "before"), slot.binds)
