"""The ways out of one node: by its `next`, past it when it is passed over, by its exits, and when it has failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from girih.language.nodes.base import NodeConfig, NodeKind
from girih.language.spec.model import FAIL, GraphNode, Route
from girih.language.spec.tree import Path

Kinds = Mapping[str, NodeKind[Any]]
Cause = Literal["next", "over", "exit", "error", "instead"]


@dataclass(frozen=True)
class Way:
    """One way out of a node.

    `to` is a node, `$end` or `$fail`; `None` where nothing follows: the end of a branch, or a good end of the graph.
    `cause` says what is taken: `next` after a result, `over` (`next`, but `when` did not hold), an `exit` of the kind,
    `error` (`on_error.to`), or `instead` (`next` with `on_error.value` as the result). `path` is where the target is
    written. With `keeps` the results of a fork's branches are there.
    """

    to: str | None
    path: Path
    cause: Cause = "next"
    route: Route | None = None
    has_result: bool = True
    keeps: bool = True

    @property
    def has_failed(self) -> bool:
        """Whether the failure of the node is known on this way."""
        return self.cause in ("error", "instead")


def ways_of(node: GraphNode, kinds: Kinds) -> tuple[Way, ...]:
    """Every way out of a node, as far as it could be read."""
    return tuple(_ways(node, kinds))


def is_good_end(node: GraphNode) -> bool:
    """Whether a node that ends the run ends it well."""
    written = node.raw.get(node.verb)
    return not (isinstance(written, dict) and written.get("status") == "failed")


def _ways(node: GraphNode, kinds: Kinds) -> Iterator[Way]:
    base: Path = ("nodes", node.name)
    kind = kinds.get(node.verb)
    follows = [Way(r.to, (*base, *r.at), route=r) for r in node.routes] or [Way(None, base)]
    if kind is not None and kind.shape == "end":
        yield Way(None if is_good_end(node) else FAIL, base)
    else:
        yield from follows
    if kind is not None and isinstance(node.config, NodeConfig):
        yield from _other_ways(node.config, kind, base, follows)


def _other_ways(config: NodeConfig, kind: NodeKind[Any], base: Path, follows: list[Way]) -> Iterator[Way]:
    if config.when is not None:
        for way in follows:
            yield Way(way.to, way.path, "over", way.route, has_result=False, keeps=False)
    for exit_ in kind.exits(config):
        yield Way(exit_.to, (*base, *exit_.path), "exit", has_result=exit_.has_result, keeps=False)
    if config.on_error is None:
        return
    if config.on_error.to is not None:
        yield Way(config.on_error.to, (*base, "on_error", "to"), "error", has_result=False, keeps=False)
    elif kind.shape == "fork":
        for way in follows:
            yield Way(way.to, way.path, "instead", way.route, keeps=False)
