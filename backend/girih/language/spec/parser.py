"""Values with places → a graph: `kind` first, then each node's verb, then that verb's model; all faults in one pass."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from girih.language.spec.diagnostics import Diagnostic, in_order
from girih.language.spec.findings import Subject, label, shaped
from girih.language.spec.memory import Memory
from girih.language.spec.model import AgentGraph, FirstOf, GraphHead, GraphNode, Merged
from girih.language.spec.names import NAME_HELP, RESERVED
from girih.language.spec.node_parser import Kind, NodeParser
from girih.language.spec.state_parser import parse_state
from girih.language.spec.suggest import hint
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue, Path, Tree
from girih.language.spec.types import schema_of
from girih.language.spec.uris import UriError, parse_uri
from girih.language.spec.words import found

GRAPH_KIND = "graph/v1"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_UNNAMED = "unnamed"


def parse_graph(
    tree: Tree, kinds: Mapping[str, Kind], memory: Memory | None = None
) -> tuple[AgentGraph | None, tuple[Diagnostic, ...]]:
    """The graph of a document, and every fault of its shape (E002).

    A faulty graph is still given as far as it is sound, so that later checks can run: names stay known, a faulty type
    is `any`, a node that could not be read is not `sound`. `None` if the document is no `graph/v1` at all.
    """
    if not isinstance(tree.value, dict) or tree.value.get("kind") != GRAPH_KIND:
        message = f"a graph is a mapping with 'kind: {GRAPH_KIND}'"
        return None, (
            Diagnostic("E002", message, tree.at(("kind",)), help=f"begin the file with 'kind: {GRAPH_KIND}'"),
        )
    parser = _GraphParser(tree, kinds, memory)
    graph = parser.graph(tree.value)
    return graph, in_order(parser.faults)


@dataclass
class _GraphParser:
    tree: Tree
    kinds: Mapping[str, Kind]
    memory: Memory | None = None
    faults: list[Diagnostic] = field(default_factory=list)

    def graph(self, value: JsonObject) -> AgentGraph:
        head = self._head(value)
        inputs, required = self._inputs(value.get("inputs"), head)
        graph = AgentGraph(
            head=head,
            inputs=inputs,
            required=required,
            use={alias: self._uris(item, ("use", alias)) for alias, item in head.use.items()},
            nodes=self._nodes(value),
            outputs={name: self._output(item, ("outputs", name)) for name, item in head.outputs.items()},
            state=parse_state(head.state, self.tree, self.faults),
        )
        self._check_chat(graph)
        self._check_state(graph)
        return graph

    def _head(self, value: JsonObject) -> GraphHead:
        rest = {key: item for key, item in value.items() if key != "nodes"}
        subject = Subject(self.tree, (), GraphHead, "the graph", ("nodes",))
        head = shaped(GraphHead, rest, subject, self.faults)
        if head is None:
            # Only what has no default can be missing now: the name. The rest of the graph is still worth reading.
            sound = shaped(GraphHead, {**rest, "name": _UNNAMED}, subject, [])
            head = sound or GraphHead(kind=GRAPH_KIND, name=_UNNAMED)
        return head

    def _inputs(self, written: JsonValue, head: GraphHead) -> tuple[dict[str, JsonSchema], frozenset[str]]:
        """Every named input, in order; one with a faulty type takes anything."""
        names = [name for name in written if _NAME.match(name)] if isinstance(written, dict) else []
        types = {name: schema_of(head.inputs[name]) if name in head.inputs else ({}, True) for name in names}
        required = frozenset(name for name, (_, is_required) in types.items() if is_required)
        return {name: schema for name, (schema, _) in types.items()}, required

    def _uris(self, value: JsonValue, path: Path) -> tuple[str, ...]:
        """The sound references of one name of `use:`."""
        if isinstance(value, str):
            return self._uri(value, path)
        if not isinstance(value, dict):
            message = f"{label(path)} must be a reference, found {found(value)}"
            self._add(message, path, "write SCHEME://NAME, or { first_of: [model://a, model://b] }")
            return ()
        chain = shaped(FirstOf, value, Subject(self.tree, path, FirstOf, f"'{path[-1]}'"), self.faults)
        if chain is None:
            return ()
        uris = [uri for i, text in enumerate(chain.first_of) for uri in self._uri(text, (*path, "first_of", i))]
        for i, uri in enumerate(chain.first_of):
            if uri in uris and not uri.startswith("model://"):
                self._add("only models can stand in for each other", (*path, "first_of", i), "write model://NAME")
        return tuple(uris)

    def _uri(self, text: str, path: Path) -> tuple[str, ...]:
        if text.startswith("secret://"):
            return ()  # E403 says it, wherever a secret stands
        try:
            return (str(parse_uri(text)),)
        except UriError as error:
            self._add(error.message, path, error.help)
            return ()

    def _nodes(self, value: JsonObject) -> dict[str, GraphNode]:
        nodes = value.get("nodes")
        if not isinstance(nodes, dict) or not nodes:
            message = (
                "missing key 'nodes' in the graph" if "nodes" not in value else "'nodes' must name at least one node"
            )
            place = self.tree.key_at(("nodes",)) if "nodes" in value else self.tree.key_at(("kind",))
            self.faults.append(Diagnostic("E002", message, place, help="add 'nodes:' with a name and a verb below it"))
            return {}
        reader = NodeParser(self.tree, self.kinds, self.faults, self.memory)
        return {name: self._named(name, reader.node(name, item)) for name, item in nodes.items()}

    def _named(self, name: str, node: GraphNode) -> GraphNode:
        """The node; under a name that expressions cannot speak it is not sound."""
        if _NAME.match(name) and name not in RESERVED:
            return node
        place = self.tree.key_at(("nodes", name))
        if name in RESERVED:
            message, way_out = f"'{name}' is a word of the language and cannot name a node", f"write '{name}_node'"
        else:
            message, way_out = f"'{name[:80]}' is not a name for a node", NAME_HELP
        self.faults.append(Diagnostic("E002", message, place, help=way_out))
        return GraphNode(node.name, node.verb, node.config, node.raw, sound=False)

    def _output(self, value: JsonValue, path: Path) -> JsonValue | Merged:
        if not isinstance(value, dict) or "from" not in value:
            return value
        merged = shaped(Merged, value, Subject(self.tree, path, Merged, f"output '{path[-1]}'"), self.faults)
        return merged if merged is not None else None

    def _check_chat(self, graph: AgentGraph) -> None:
        if graph.head.chat is None:
            return
        sides: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
            ("input", graph.head.chat.input, graph.inputs),
            ("output", graph.head.chat.output, graph.head.outputs),
        )
        for side, name, known in sides:
            if name not in known:
                message = f"'chat.{side}' names no {side}: '{name}'"
                self._add(message, ("chat", side), hint(name, known, f"{side}s"))

    def _check_state(self, graph: AgentGraph) -> None:
        if graph.head.chat is not None and "messages" in graph.state:
            message = "a graph with 'chat:' has state.messages already: the messages of the conversation"
            place = self.tree.key_at(("state", "messages"))
            self.faults.append(Diagnostic("E002", message, place, help="give this value another name"))

    def _add(self, message: str, path: Path, help: str | None) -> None:
        self.faults.append(Diagnostic("E002", message, self.tree.at(path), help=help))
