"""`recall`: finds what `remember` kept, by its meaning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from girih.language.nodes.base import STRING, NodeConfig, NodeKind, Scope, Slot, object_of
from girih.language.nodes.memories import Recollection
from girih.language.nodes.namespaces import DEFAULT, MemoryScope, namespace_of
from girih.language.nodes.ports import NodeContext
from girih.language.nodes.remember import OWN_KEY
from girih.language.spec.model import Name
from girih.language.spec.tree import JsonObject, JsonSchema

_SHARE: JsonSchema = {"type": "number", "minimum": 0, "maximum": 1}
_ITEM = object_of(
    {
        "id": STRING,
        "key": STRING,
        "text": STRING,
        "data": {"type": "object"},
        "score": {"type": "number"},
        "at": STRING,
    },
    optional=("key",),
)


class RecallConfig(NodeConfig):
    """`recall: QUERY`, and where to look."""

    recall: str
    scope: MemoryScope = "user"
    namespace: Name = DEFAULT
    top_k: int | str = 5
    min_score: float | str | None = None


class RecallNode(NodeKind[RecallConfig]):
    """Finds what was remembered.

    `recall` is what to look for; with an empty text the latest comes first. It looks in the memory of the run's user,
    or with `scope: project` in the one the project shares, under the same `namespace` that `remember` used. `items`
    holds at most `top_k` (1 to 50) of them, best first, each with `id`, `key` where it has one, `text`, `data`, `score`
    (0 to 1) and `at`, when it was written; with `min_score`, weaker ones are left out. To find nothing is no error.
    """

    verb: ClassVar[str] = "recall"
    Config = RecallConfig
    example: ClassVar[str] = """\
known:
  recall: "${ inputs.question }"
  namespace: preferences
  top_k: 3
  min_score: 0.3
  next: $end
"""

    def slots(self, config: RecallConfig, scope: Scope) -> Iterable[Slot]:
        yield Slot("query", ("recall",), config.recall, STRING)
        yield Slot("top_k", ("top_k",), config.top_k, {"type": "integer", "minimum": 1, "maximum": 50})
        if config.min_score is not None:
            yield Slot("min_score", ("min_score",), config.min_score, _SHARE)

    def returns(self, config: RecallConfig, scope: Scope) -> JsonSchema:
        return object_of({"items": {"type": "array", "items": _ITEM}})

    def lower(self, config: RecallConfig, scope: Scope) -> JsonObject:
        return {"scope": config.scope, "namespace": config.namespace}

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        namespace = namespace_of(settings["scope"], settings["namespace"], ctx.user)
        top_k = max(1, min(50, int(values["top_k"])))
        found = await ctx.ports.memory.search(
            namespace, values["query"], top_k=top_k, min_score=values.get("min_score")
        )
        told = {"scope": settings["scope"], "namespace": settings["namespace"], "found": len(found)}
        ctx.emit("memory.read", told)
        return {"items": [_shown(item) for item in found]}


def _shown(item: Recollection) -> JsonObject:
    shown = {"id": item.id, "text": item.text, "data": item.data, "score": item.score, "at": item.at}
    return shown if item.key is None or item.key.startswith(OWN_KEY) else {**shown, "key": item.key}
