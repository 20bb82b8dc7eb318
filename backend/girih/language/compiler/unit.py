"""One graph with all that its checks may ask: its text, its flow, what its names mean, what type a value has."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, TypeVar

from girih.language.compiler.builtin_names import (
    ERRORS,
    RUN,
    RUN_SCHEMA,
    STATE,
    errors_schema,
    state_schema,
    visits_schema,
)
from girih.language.compiler.builtin_names import INPUTS as INPUTS
from girih.language.compiler.flow import Flow, Kinds, Region
from girih.language.compiler.paths import Paths
from girih.language.compiler.prompts import find_prompts
from girih.language.compiler.resolve import Resolved
from girih.language.compiler.typed_values import Values
from girih.language.compiler.unread import leads_elsewhere, lost_names
from girih.language.expressions.check import check_expression
from girih.language.expressions.kinds import ANY, choices
from girih.language.expressions.names import FixedNames
from girih.language.expressions.syntax_tree import VISITS
from girih.language.expressions.values import references
from girih.language.nodes.base import Branch, NodeConfig, Scope
from girih.language.spec.diagnostics import Diagnostic, Place
from girih.language.spec.memory import Memory
from girih.language.spec.model import AgentGraph, GraphNode
from girih.language.spec.tree import JsonSchema, JsonValue, Path, Tree

T = TypeVar("T")

MOST_NESTED = 16
"""How deep forks may stand inside of each other's branches."""


class Unit:
    """A graph under compilation."""

    def __init__(
        self, tree: Tree, graph: AgentGraph, kinds: Kinds, resolved: Resolved, files: Mapping[str, str]
    ) -> None:
        self.memory: Memory | None = None
        self.tree = tree
        self.graph = graph
        self.kinds = kinds
        self.resolved = resolved
        self.files = files
        self._types: dict[str, JsonSchema] = {}
        self._asked: set[str] = set()
        self._branches: dict[str, tuple[Branch, ...]] = {}
        self._settled: set[str] = set()
        """Forks of whose branches the types are worked out."""
        self._binds: dict[str, dict[str, JsonSchema]] = {}
        self._shared: dict[Hashable, Any] = {}
        self._choices: dict[str, list[JsonValue] | None] = {}
        self.prompts = find_prompts(graph, kinds, tree.source.name, files)
        structure = Scope(
            models=resolved.models,
            knowledge=resolved.knowledge,
            tools=resolved.tools,
            graphs=resolved.graphs,
            prompts={written: files[found] for written, found in self.prompts.items() if found is not None},
            infer=lambda _: ANY,
            model_contracts=resolved.model_contracts,
            metadata=resolved.metadata,
        )
        # Which branches there are does not depend on types; the types of what they bind depend on the branches.
        self.flow = Flow(graph, kinds, structure)
        self.paths = Paths(self.flow, self.choices_of)
        self.scope = replace(
            structure, infer=partial(self._infer, self.flow.root), infer_in=self._infer_in, ends=self.flow.ends
        )

    # --- nodes

    @property
    def sound_nodes(self) -> list[GraphNode]:
        """The nodes that could be read."""
        return [node for node in self.graph.nodes.values() if node.sound]

    @cached_property
    def is_flow_known(self) -> bool:
        """Whether it is known where every node leads: not so when one that leads elsewhere could not be read."""
        return all(
            node.is_routed
            and (
                node.sound
                or (
                    node.routes
                    and node.verb in self.kinds
                    and self.flow.shape(node.name) == "step"
                    and not leads_elsewhere(node, self.graph)
                )
            )
            for node in self.graph.nodes.values()
        )

    def scope_at(self, name: str) -> Scope:
        """What a node may ask: names mean what they mean where it stands."""
        region = self.flow.regions[name]
        return self.scope if region.fork is None else replace(self.scope, infer=partial(self._infer, region))

    def branches(self, fork: str) -> tuple[Branch, ...]:
        """The branches of a fork, with the types of what they bind."""
        if fork in self._branches:
            return self._branches[fork]
        node = self.graph.nodes[fork]
        is_readable = node.verb in self.kinds and isinstance(node.config, NodeConfig)
        if not is_readable or len(self.flow.around(fork)) > MOST_NESTED:
            self._branches[fork] = self.flow.forks[fork] if is_readable else ()
        else:
            self._branches[fork] = self.flow.forks[fork]  # while their types are worked out
            self._branches[fork] = tuple(self.kinds[node.verb].branches(node.config, self.scope_at(fork)))
        self._settled.add(fork)
        return self._branches[fork]

    # --- names

    def binds_in(self, region: Region) -> dict[str, JsonSchema]:
        """The names that a region's branch, and those around it, have bound."""
        if region.fork is None or region.entry in self._binds:
            return self._binds.get(region.entry, {})
        found: dict[str, JsonSchema] = {}
        is_final = True
        for inner in reversed(self.flow.around(region.entry)):
            if inner.entry in self._binds:
                found = self._binds[inner.entry]
                continue
            own: dict[str, JsonSchema] = {}
            for branch in self.branches(inner.fork) if inner.fork is not None else ():
                own = {**branch.binds, **own} if branch.entry == inner.entry else own
            found = {**found, **own}
            is_final = is_final and (inner.fork is None or inner.fork in self._settled)
            if is_final:
                self._binds[inner.entry] = found
        return found

    def fixed_type(self, name: str) -> JsonSchema | None:
        """The type of a name that means the same everywhere in the graph; `None` if there is none.

        A node that depends on itself is of any type.
        """
        if name in self.builtins:
            return self.builtins[name]
        node = self.graph.nodes.get(name)
        if node is None:
            return None
        if name not in self._types and name not in self._asked and node.sound:
            for known in self._needed_for(name):
                self._work_out(known)
        return self._types.get(name, ANY)

    def _work_out(self, name: str) -> None:
        node = self.graph.nodes[name]
        if name in self._types or name in self._asked or not node.sound:
            return
        self._asked.add(name)
        is_too_deep = len(self.flow.around(name)) > MOST_NESTED
        self._types[name] = ANY if is_too_deep else self.kinds[node.verb].returns(node.config, self.scope_at(name))

    def _needed_for(self, name: str) -> list[str]:
        """The nodes whose types a node's own type needs, each after those it needs itself; the last is the node."""
        order: list[str] = []
        seen = {name}
        waiting: list[tuple[str, Iterator[str]]] = [(name, iter(self._read_by(name)))]
        while waiting:
            current, needed = waiting[-1]
            found = next((other for other in needed if other not in seen and other not in self._types), None)
            if found is None:
                order.append(current)
                waiting.pop()
            else:
                seen.add(found)
                waiting.append((found, iter(self._read_by(found))))
        return order

    def _read_by(self, name: str) -> list[str]:
        ends = [end for entry in self.flow.branches[name] for end in self.flow.ends(entry)]
        return [other for other in (*references(self.graph.nodes[name].raw), *ends) if other in self.graph.nodes]

    def type_of(self, name: str, region: Region | None = None) -> JsonSchema | None:
        """The type of a name in a region (default: outside of all forks)."""
        binds = self.binds_in(region) if region is not None and region.fork is not None else {}
        return binds[name] if name in binds else self.fixed_type(name)

    @cached_property
    def builtins(self) -> dict[str, JsonSchema]:
        """What the language itself names."""
        found = {INPUTS: self.inputs_schema, RUN: RUN_SCHEMA, VISITS: visits_schema(self.graph)}
        state, errors = state_schema(self.graph), errors_schema(self.graph, lambda _: False)
        return found | ({STATE: state} if state else {}) | ({ERRORS: errors} if errors else {})

    @property
    def inputs_schema(self) -> JsonSchema:
        """The type of `inputs`."""
        return {
            "type": "object",
            "properties": dict(self.graph.inputs),
            "required": [name for name in self.graph.inputs if name in self.graph.required],
            "additionalProperties": False,
        }

    def names(self, region: Region | None = None) -> list[str]:
        """The names that an author may mean in a region (default: outside of all forks).

        `run` can be spoken as well, but it is near to so many words that it is never what was meant.
        """
        binds = self.binds_in(region) if region is not None else {}
        return [
            INPUTS,
            *binds,
            *(name for name in self.builtins if name not in (INPUTS, RUN, VISITS)),
            *self.graph.nodes,
        ]

    @cached_property
    def lost_names(self) -> frozenset[str]:
        """The names that forks bind, if one of them could not be read or begins a branch that is not there."""
        return lost_names(self.graph, self.flow)

    def names_at(self, node: str) -> AllNames:
        """The names an expression of a node may speak, as if all of them had a value."""
        return AllNames(self, self.flow.regions[node])

    # --- types

    def choices_of(self, subject: str) -> list[JsonValue] | None:
        """The closed list of values that a name or a field of one can have, if it has one."""
        if subject not in self._choices:
            root = subject.partition(".")[0].partition("[")[0]
            known = FixedNames({root: self.fixed_type(root) or ANY}, self.memory)
            self._choices[subject] = choices(check_expression(subject, known).schema)
        return self._choices[subject]

    def _infer_in(self, branch: Branch, value: JsonValue) -> JsonSchema:
        region = self.flow.regions.get(branch.entry)
        return self._infer(region, value) if region is not None else ANY

    def _infer(self, region: Region, value: JsonValue) -> JsonSchema:
        return Values(AllNames(self, region), lambda *_: None, lambda *_: None).type_of(value)

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """Something that several checks work out together, made once."""
        if key not in self._shared:
            self._shared[key] = make()
        found: T = self._shared[key]
        return found

    def place(self, path: Path) -> Place:
        """The place of a value; a path that ends in `[key]` means the key that names it."""
        return self.tree.key_at(path[:-1]) if path and path[-1] == "[key]" else self.tree.at(path)


@dataclass(frozen=True)
class AllNames:
    """The names of a region, as if all of them had a value."""

    unit: Unit
    region: Region

    @property
    def memory(self) -> Memory | None:
        """See `Names`."""
        return self.unit.memory

    def names(self) -> list[str]:
        """See `Names`."""
        return self.unit.names(self.region)

    def type_of(self, name: str) -> JsonSchema | None:
        """See `Names`."""
        return self.unit.type_of(name, self.region)

    def why_unset(self, name: str) -> str | None:  # noqa: ARG002 - every one is taken as set
        """See `Names`."""
        return None


_LONG = 8


def shown(path: list[str]) -> str:
    """A path as an author reads it: `classify → gather → answer`; the middle of a long one is left out."""
    if len(path) > _LONG:
        path = [*path[:3], "…", *path[-3:]]
    return " → ".join(path)


def finding(unit: Unit, code: str, message: str, path: Path, help: str | None = None) -> Diagnostic:
    """A diagnostic at the value (or, with `[key]` at the end, at the key) of a path."""
    return Diagnostic(code, message, unit.place(path), help=help)
