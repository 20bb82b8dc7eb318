"""`graph`: runs another published graph as one node, with its own state and a typed contract."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import Field

from girih.language.nodes.base import ANY, NodeConfig, NodeKind, Scope, Slot, Use
from girih.language.nodes.ports import NodeContext
from girih.language.spec.model import Name
from girih.language.spec.tree import JsonObject, JsonSchema


class GraphConfig(NodeConfig):
    """`graph: NAME` of a graph in `use:`, and its inputs."""

    graph: Name
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")


class GraphKind(NodeKind[GraphConfig]):
    """Runs another graph.

    `with` gives the graph's inputs, checked against its contract. The graph keeps its own state: it sees its inputs and
    nothing else, and gives back its outputs. The reference is locked to one version when this graph is published, so a
    later version of the other graph changes nothing here.
    """

    verb: ClassVar[str] = "graph"
    Config = GraphConfig
    example: ClassVar[str] = """\
refund:
  graph: refund_desk
  with: { question: "${ inputs.question }" }
  next: $end
"""

    def uses(self, config: GraphConfig) -> Iterable[Use]:
        yield Use(("graph",), config.graph, "graph")

    def slots(self, config: GraphConfig, scope: Scope) -> Iterable[Slot]:
        contract = scope.graphs.get(config.graph)
        yield Slot("with", ("with",), config.with_, contract.inputs if contract else ANY)

    def returns(self, config: GraphConfig, scope: Scope) -> JsonSchema:
        contract = scope.graphs.get(config.graph)
        return contract.outputs if contract else ANY

    def lower(self, config: GraphConfig, scope: Scope) -> JsonObject:
        contract = scope.graphs.get(config.graph)
        return {"name": contract.name, "digest": contract.digest} if contract else {}

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        return await ctx.ports.graphs.run(settings["digest"], values["with"])
