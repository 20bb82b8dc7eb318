"""One graph with all that its checks may ask: its text, its flow, what its names mean, what type a value has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from girih.language.compiler.flow import Flow, Kinds
from girih.language.compiler.prompts import find_prompts
from girih.language.compiler.resolve import Resolved
from girih.language.compiler.typed_values import Values
from girih.language.expressions.kinds import ANY
from girih.language.expressions.names import FixedNames
from girih.language.expressions.values import references
from girih.language.nodes.base import Scope
from girih.language.spec.diagnostics import Diagnostic, Place
from girih.language.spec.model import END, AgentGraph, GraphNode
from girih.language.spec.tree import JsonSchema, JsonValue, Path, Tree

INPUTS = "inputs"


class Unit:
    """A graph under compilation."""

    def __init__(
        self, tree: Tree, graph: AgentGraph, kinds: Kinds, resolved: Resolved, files: Mapping[str, str]
    ) -> None:
        self.tree = tree
        self.graph = graph
        self.kinds = kinds
        self.resolved = resolved
        self.files = files
        self.flow = Flow(graph, kinds)
        self._types: dict[str, JsonSchema] = {}
        self._asked: set[str] = set()
        self.prompts = find_prompts(graph, kinds, tree.source.name, files)
        self.scope = Scope(
            models=resolved.models,
            knowledge=resolved.knowledge,
            tools=resolved.tools,
            graphs=resolved.graphs,
            prompts={written: files[found] for written, found in self.prompts.items() if found is not None},
            infer=self._infer,
        )

    @property
    def sound_nodes(self) -> list[GraphNode]:
        """The nodes that could be read."""
        return [node for node in self.graph.nodes.values() if node.sound]

    @property
    def is_flow_known(self) -> bool:
        """Whether it is known where every node leads: not so when one that leads elsewhere could not be read."""
        return all(
            node.is_routed and (node.sound or (node.routes and node.verb and self.flow.shape(node.name) == "step"))
            for node in self.graph.nodes.values()
        )

    @property
    def inputs_schema(self) -> JsonSchema:
        """The type of `inputs`."""
        return {
            "type": "object",
            "properties": dict(self.graph.inputs),
            "required": [name for name in self.graph.inputs if name in self.graph.required],
            "additionalProperties": False,
        }

    def type_of(self, name: str) -> JsonSchema | None:
        """The type of a name in expressions; `None` if there is none. A node that depends on itself is of any type."""
        if name == INPUTS:
            return self.inputs_schema
        node = self.graph.nodes.get(name)
        if node is None:
            return None
        if name not in self._types and name not in self._asked and node.sound:
            self._asked.add(name)
            self._types[name] = self.kinds[node.verb].returns(node.config, self.scope)
        return self._types.get(name, ANY)

    def names(self) -> list[str]:
        """Every name an expression may speak."""
        return [INPUTS, *self.graph.nodes]

    def names_at(self, node: str, *, after: bool = False) -> PointNames:
        """What may be named in a node's values, or (`after`) in the conditions on its ways out."""
        return PointNames(self, node, after)

    def names_at_end(self) -> PointNames:
        """What may be named in the outputs."""
        return PointNames(self, END)

    def _infer(self, value: JsonValue) -> JsonSchema:
        known = FixedNames({name: self.type_of(name) or ANY for name in self._names_in(value)})
        return Values(known, lambda *_: None, lambda *_: None).type_of(value)

    def _names_in(self, value: JsonValue) -> list[str]:
        return [name for name in references(value) if name in self.graph.nodes or name == INPUTS]

    def place(self, path: Path) -> Place:
        """The place of a value; a path that ends in `[key]` means the key that names it."""
        return self.tree.key_at(path[:-1]) if path and path[-1] == "[key]" else self.tree.at(path)


@dataclass(frozen=True)
class PointNames:
    """The names at one point of a graph: before a node runs, after it, or at the end."""

    unit: Unit
    point: str
    after: bool = False
    _reasons: dict[str, str | None] = field(default_factory=dict)

    def names(self) -> list[str]:
        """See `Names`."""
        return self.unit.names()

    def type_of(self, name: str) -> JsonSchema | None:
        """See `Names`."""
        return self.unit.type_of(name)

    def why_unset(self, name: str) -> str | None:
        """See `Names`; the sentence shows a path on which the node does not run."""
        if name not in self._reasons:
            self._reasons[name] = self._reason(name)
        return self._reasons[name]

    def _reason(self, name: str) -> str | None:
        flow = self.unit.flow
        if name == INPUTS or not self.unit.is_flow_known or name not in flow.reached:
            return None
        if self.point != END and self.point not in flow.reached:
            return None
        path = flow.way_past(frozenset({name}), self.point, after=self.after)
        if path is None:
            return None
        if name == self.point:
            return f"'{name}' asks for its own result before it has run"
        fork = flow.beside(self.point, name) if self.point != END else None
        if fork is not None:
            return f"'{name}' runs at the same time, in another branch of '{fork}'"
        return f"{shown(path)} skips '{name}'" if len(path) > 1 else f"'{self.point}' runs before '{name}'"


_LONG = 8


def shown(path: list[str]) -> str:
    """A path as an author reads it: `classify → gather → answer`; the middle of a long one is left out."""
    if len(path) > _LONG:
        path = [*path[:3], "…", *path[-3:]]
    return " → ".join(path)


def finding(unit: Unit, code: str, message: str, path: Path, help: str | None = None) -> Diagnostic:
    """A diagnostic at the value (or, with `[key]` at the end, at the key) of a path."""
    return Diagnostic(code, message, unit.place(path), help=help)
