"""`end`: stops the run with a status and a reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from girih.language.nodes.base import STRING, NodeConfig, NodeKind, Scope, Shape, Slot, object_of
from girih.language.nodes.ports import NodeContext
from girih.language.spec.model import Strict
from girih.language.spec.tree import JsonObject, JsonSchema


class Ending(Strict):
    """How the run ends."""

    status: Literal["ok", "failed"] = "ok"
    reason: str | None = None


class EndConfig(NodeConfig):
    """`end: { status, reason }`."""

    end: Ending


class EndNode(NodeKind[EndConfig]):
    """Ends the run here.

    `status: ok` ends it well, as `next: $end` does; `status: failed` fails it with `reason`, which may hold `${ … }`
    and is what the caller reads.
    """

    verb: ClassVar[str] = "end"
    shape: ClassVar[Shape] = "end"
    Config = EndConfig
    example: ClassVar[str] = """\
refuse:
  end: { status: failed, reason: "No account for ${ inputs.customer_id }" }
"""

    def slots(self, config: EndConfig, scope: Scope) -> Iterable[Slot]:
        if config.end.reason is not None:
            yield Slot("reason", ("end", "reason"), config.end.reason, STRING)

    def returns(self, config: EndConfig, scope: Scope) -> JsonSchema:
        return object_of({"status": STRING, "reason": STRING}, optional=("reason",))

    def lower(self, config: EndConfig, scope: Scope) -> JsonObject:
        return {"status": config.end.status}

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        reason = {"reason": values["reason"]} if "reason" in values else {}
        return {"status": settings["status"], **reason}
