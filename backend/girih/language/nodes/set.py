"""`set`: shapes data with expressions, without calling anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import Field

from girih.language.nodes.base import NodeConfig, NodeKind, Scope, Slot, object_of
from girih.language.nodes.ports import NodeContext
from girih.language.spec.model import Name
from girih.language.spec.tree import JsonObject, JsonSchema


class SetConfig(NodeConfig):
    """`set: { field: value or ${ expression } }`."""

    set: Annotated[dict[Name, Any], Field(min_length=1)]


class SetNode(NodeKind[SetConfig]):
    """Computes named values from expressions.

    Use it to shape data between two nodes or to give a long expression a name. Each field keeps the type of its
    expression; text around `${ … }` makes it a string. Nothing outside the graph is touched, so the node is free and
    may run again at any time.
    """

    verb: ClassVar[str] = "set"
    Config = SetConfig
    example: ClassVar[str] = """\
greeting:
  set:
    name: "${ inputs.name }"
    text: "Hello ${ inputs.name }, you wrote ${ size(inputs.question) } characters"
  next: $end
"""

    def slots(self, config: SetConfig, scope: Scope) -> Iterable[Slot]:
        yield Slot("set", ("set",), config.set)

    def returns(self, config: SetConfig, scope: Scope) -> JsonSchema:
        return object_of({name: scope.infer(value) for name, value in config.set.items()})

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        return dict(values["set"])
