"""Which nodes and ways of a graph its tests have taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from girih.engine.events import NewEvent
from girih.engine.trials.places import own_node
from girih.language.charts.chart import Arrow, chart_of, join_of
from girih.language.compiler.plan import Plan

_BEGUN = frozenset({"node.started", "node.skipped"})


@dataclass(frozen=True)
class Seen:
    """Nodes that were begun, and ways that were taken, as (from, to); a fork leads on from its join."""

    nodes: frozenset[str] = frozenset()
    ways: frozenset[tuple[str, str]] = frozenset()

    def __or__(self, other: Seen) -> Seen:
        return Seen(self.nodes | other.nodes, self.ways | other.ways)


@dataclass(frozen=True)
class Coverage:
    """How much of a graph was seen, and what was not. Marks such as the start do not count as nodes."""

    nodes: int
    nodes_seen: int
    ways: int
    ways_seen: int
    missing_nodes: tuple[str, ...]
    missing_ways: tuple[tuple[str, str], ...]


def seen_in(plan: Plan, events: Iterable[NewEvent], end: str | None) -> Seen:
    """What one run has taken, read from its events: in one execution of a region nodes follow one another.

    `end` is the mark it ended at by itself, `$end` or `$fail`; `None` where a node failed, or it waits.
    """
    forks = {node.name for node in plan.nodes if node.shape == "fork"}
    regions = {node.name: node.region for node in plan.nodes}
    last: dict[tuple[str, str | None], str] = {}
    nodes: set[str] = set()
    ways: set[tuple[str, str]] = set()
    ended: str | None = None
    for event in events:
        name = own_node(event.node)
        if event.type not in _BEGUN or name is None or name not in regions:
            continue
        nodes.add(name)
        place = (event.ns, regions[name])
        before = last.get(place)
        if before is not None:
            ways.add((join_of(before) if before in forks else before, name))
        last[place] = name
        if regions[name] is None:
            ended = name
    if ended is not None and end is not None:
        ways.add((join_of(ended) if ended in forks else ended, end))
    return Seen(frozenset(nodes), frozenset(ways))


def coverage_of(plan: Plan, seen: Seen) -> Coverage:
    """How much of a plan that is."""
    names = {node.name for node in plan.nodes}
    forks = {node.name for node in plan.nodes if node.shape == "fork"}
    ways = [way for arrow in chart_of(plan).arrows if (way := _decided(arrow, names, forks)) is not None]
    ways = list(dict.fromkeys(ways))
    taken = [way for way in ways if way in seen.ways]
    return Coverage(
        nodes=len(names),
        nodes_seen=len(names & seen.nodes),
        ways=len(ways),
        ways_seen=len(taken),
        missing_nodes=tuple(sorted(names - seen.nodes)),
        missing_ways=tuple(way for way in ways if way not in seen.ways),
    )


def _decided(arrow: Arrow, names: set[str], forks: set[str]) -> tuple[str, str] | None:
    """The way of an arrow that a run may take or not; the branches of a fork are nodes, and are counted as such."""
    is_inside = arrow.kind in ("branch", "join")
    leaves = arrow.source in names or any(arrow.source == join_of(fork) for fork in forks)
    return None if is_inside or not leaves else (arrow.source, arrow.target)
