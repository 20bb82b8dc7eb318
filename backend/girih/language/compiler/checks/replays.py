"""W601: what must not be done twice is not tried again after a failure that may have come too late."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.unit import Unit
from girih.language.nodes.base import NodeConfig
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.model import GraphNode
from girih.language.spec.suggest import one_of

_NOTHING_DONE = frozenset({"rate_limit", "refused", "budget"})
"""Failures after which the tool has certainly done nothing."""


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name each `retry` that can call a tool again which is not idempotent.

    A resume after a pause or a crash repeats nothing that was recorded; a retry repeats the whole node, unless its
    kind records each piece of its work.
    """
    for node in unit.sound_nodes:
        if isinstance(node.config, NodeConfig) and not unit.kinds[node.verb].records:
            yield from _retried(unit, node, node.config)


def _retried(unit: Unit, node: GraphNode, config: NodeConfig) -> Iterator[Diagnostic]:
    if config.retry is None:
        return
    late = [kind for kind in config.retry.on if kind not in _NOTHING_DONE]
    for use in unit.kinds[node.verb].uses(config):
        tool = unit.scope.tools.get(use.alias) if use.scheme == "tool" else None
        if tool is None or tool.document.get("idempotent") or not late:
            continue
        message = f"'{node.name}' may call '{tool.name}' twice: after {one_of(late)} it can have done its work already"
        help_ = "write idempotent: true in its tool/v1 file if a second call does no more, or retry on: [rate_limit]"
        place = unit.tree.key_at(("nodes", node.name, "retry"))
        yield Diagnostic("W601", message, place, help=help_, severity="warning")
