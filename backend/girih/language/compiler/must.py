"""What has certainly run before each point of a graph: one pass over its ways, with a bit for each node."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from functools import reduce

from girih.language.compiler.flow import Flow, Region
from girih.language.compiler.ways import Way

EVERYTHING = -1
"""All bits: what is so where nothing ever comes."""


class Must:
    """For each point, the set of nodes that have a result on every path to it, as an integer with their bits.

    A node's failure that led on (`errors.NODE`) is a bit as well, under the name `NODE!`.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        names = list(flow.graph.nodes)
        self._bit = {name: 1 << i for i, name in enumerate((*names, *(f"{name}!" for name in names)))}
        self._before: dict[str, int] = {}
        self._given: dict[str, int] = {}
        for region in reversed(flow.outer_first):
            self._settle(region)
            if region.fork is not None:
                self._given[region.entry] = self.at_end(region)
        for region in flow.outer_first:
            if region.parent is not None and region.fork is not None:
                self._lift(region, self._before.get(region.fork, EVERYTHING))
        for name in names:
            self._before.setdefault(name, EVERYTHING)

    def before(self, name: str) -> int:
        """Before a node runs."""
        return self._before[name]

    def after(self, name: str, ways: Iterable[Way]) -> int:
        """After a node has been left by one of these ways."""
        return reduce(int.__and__, (self._out(name, way, self._before[name]) for way in ways), EVERYTHING)

    def at_end(self, region: Region) -> int:
        """At the good end of a region."""
        names = self._flow.in_region(region)
        outs = [self._out(n, way, self._before[n]) for n in names for way in self._flow.ways[n]
                if self._flow.closes(n, way)]  # fmt: skip
        return reduce(int.__and__, outs, EVERYTHING)

    def has(self, point: int, token: str) -> bool:
        """Whether a node (or `NODE!`, its failure) is certain at a point."""
        return bool(point & self._bit[token])

    def ends(self, entry: str) -> bool:
        """Whether the branch that begins at a node can come to its end at all."""
        return self._given.get(entry) != EVERYTHING

    def _settle(self, region: Region) -> None:
        """Work out a region whose branches are done; what came before the region is left out for now."""
        flow = self._flow
        names = flow.in_region(region)
        before = dict.fromkeys(names, EVERYTHING)
        if region.entry not in before:
            return
        before[region.entry] = 0
        waiting = deque([region.entry])
        queued = {region.entry}
        while waiting:
            name = waiting.popleft()
            queued.discard(name)
            for way in flow.ways[name]:
                if way.to not in before or way.to not in flow.edges[name]:
                    continue
                now = before[way.to] & self._out(name, way, before[name])
                if now != before[way.to]:
                    before[way.to] = now
                    if way.to not in queued:
                        queued.add(way.to)
                        waiting.append(way.to)
        self._before |= before

    def _lift(self, region: Region, base: int) -> None:
        """Add to a region what has run before it."""
        for name in self._flow.in_region(region):
            self._before[name] |= base

    def _out(self, name: str, way: Way, before: int) -> int:
        out = before
        if way.has_result:
            out |= self._bit[name]
        if way.has_failed:
            out |= self._bit[f"{name}!"]
        if way.keeps:
            for branch in self._flow.forks[name]:
                if branch.kept == "always":
                    out |= self._given.get(branch.entry, 0)
        return out
