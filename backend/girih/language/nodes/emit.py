"""`emit`: publishes a domain event, for other runs and for whoever listens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import Field

from girih.language.nodes.base import STRING, NodeConfig, NodeKind, Scope, Slot, object_of
from girih.language.nodes.ports import NodeContext
from girih.language.spec.event_types import EventType
from girih.language.spec.model import Name
from girih.language.spec.tree import JsonObject, JsonSchema


class EmitConfig(NodeConfig):
    """`emit: TYPE` of the event, and its data."""

    emit: EventType
    with_: dict[Name, Any] = Field(default_factory=dict, alias="with")


class EmitNode(NodeKind[EmitConfig]):
    """Publishes a domain event.

    `emit` is the event's type, lower-case words joined by dots; `with` is its data. The event belongs to the project:
    runs that `wait` for it go on, and it can be listed. It is published once, also when the node has to be run again
    after a crash. The result is the event's `id`.
    """

    verb: ClassVar[str] = "emit"
    Config = EmitConfig
    example: ClassVar[str] = """\
tell:
  emit: order.refunded
  with: { order_id: "${ inputs.order_id }", amount: 12.5 }
  next: $end
"""

    def slots(self, config: EmitConfig, scope: Scope) -> Iterable[Slot]:
        yield Slot("with", ("with",), config.with_, {"type": "object"})

    def returns(self, config: EmitConfig, scope: Scope) -> JsonSchema:
        return object_of({"id": STRING})

    def lower(self, config: EmitConfig, scope: Scope) -> JsonObject:
        return {"type": config.emit}

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        return {"id": await ctx.ports.events.publish(settings["type"], values["with"], key=ctx.attempt_key)}
