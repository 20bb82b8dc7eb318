"""`remember`: keeps a text beyond the run, for `recall` to find by its meaning."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, ClassVar

from girih.errors import NodeError
from girih.language.nodes.base import STRING, NodeConfig, NodeKind, Scope, Slot, object_of
from girih.language.nodes.namespaces import DEFAULT, MemoryScope, namespace_of
from girih.language.nodes.ports import NodeContext
from girih.language.spec.durations import Duration
from girih.language.spec.model import Name
from girih.language.spec.tree import JsonObject, JsonSchema

OWN_KEY = "@"
"""What keys begin with that no author wrote."""


class RememberConfig(NodeConfig):
    """`remember: TEXT`, and where it is kept."""

    remember: str
    scope: MemoryScope = "user"
    namespace: Name = DEFAULT
    key: str | None = None
    data: dict[str, Any] | None = None
    ttl: Duration | None = None


class RememberNode(NodeKind[RememberConfig]):
    """Keeps a text for later runs.

    `remember` is the text, which `recall` finds by its meaning; `data` is kept with it. It belongs to the run's user,
    or with `scope: project` to all users of the project; `namespace` divides either by name. The same `key` again
    replaces what was kept under it; without a key each visit of the node keeps a text of its own, once, even if the
    run is interrupted. After `ttl` it is forgotten. A run without a user has no user's memory and fails as `refused`.
    """

    verb: ClassVar[str] = "remember"
    Config = RememberConfig
    example: ClassVar[str] = """\
keep:
  remember: "Prefers to be written to in ${ inputs.language }"
  namespace: preferences
  key: language
  data: { language: "${ inputs.language }" }
  ttl: 365d
  next: $end
"""

    def slots(self, config: RememberConfig, scope: Scope) -> Iterable[Slot]:
        yield Slot("text", ("remember",), config.remember, STRING)
        if config.key is not None:
            yield Slot("key", ("key",), config.key, {"type": "string", "minLength": 1, "maxLength": 200})
        if config.data is not None:
            yield Slot("data", ("data",), config.data)

    def returns(self, config: RememberConfig, scope: Scope) -> JsonSchema:
        return object_of({"id": STRING})

    def lower(self, config: RememberConfig, scope: Scope) -> JsonObject:
        return {"scope": config.scope, "namespace": config.namespace, "ttl": config.ttl}

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        namespace = namespace_of(settings["scope"], settings["namespace"], ctx.user)
        key = values.get("key")
        if key is not None and key.startswith(OWN_KEY):
            raise NodeError(
                "invalid_output", f"a key may not begin with '{OWN_KEY}'", help="use another key", can_pass=False
            )
        key = key or f"{OWN_KEY}{hashlib.sha256(ctx.attempt_key.encode()).hexdigest()}"
        kept = await ctx.ports.memory.put(
            namespace, values["text"], dict(values.get("data") or {}), key=key, ttl=settings["ttl"]
        )
        ctx.emit("memory.written", {"scope": settings["scope"], "namespace": settings["namespace"], "id": kept})
        return {"id": kept}
