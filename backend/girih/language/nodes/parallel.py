"""`parallel`: runs named branches at the same time and joins them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from girih.language.nodes.base import NodeConfig, NodeKind, Scope, Shape, object_of
from girih.language.nodes.ports import NodeContext
from girih.language.spec.model import Name
from girih.language.spec.tree import JsonObject, JsonSchema


class ParallelConfig(NodeConfig):
    """`parallel: [branch, …]` and how they join."""

    parallel: Annotated[list[Name], Field(min_length=2, max_length=32)]
    join: Literal["all"] = "all"


class ParallelNode(NodeKind[ParallelConfig]):
    """Runs two or more branches at the same time.

    Each name in `parallel` is the first node of a branch; the branch follows its nodes' `next` until a node that has
    none, and ends there. When every branch has ended, execution goes on at this node's own `next`. A branch may not
    leave its fork and two branches may not share a node, so a join can neither starve nor run twice. Each branch's
    results stand under its nodes' names, as everywhere.
    """

    verb: ClassVar[str] = "parallel"
    shape: ClassVar[Shape] = "fork"
    Config = ParallelConfig
    example: ClassVar[str] = """\
gather:
  parallel: [search, account]
  join: all
  next: answer
"""

    def returns(self, config: ParallelConfig, scope: Scope) -> JsonSchema:
        return object_of({})

    def lower(self, config: ParallelConfig, scope: Scope) -> JsonObject:
        return {"branches": list(config.parallel), "join": config.join}

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        return {}
