"""The paths that pass a node by: what has certainly run at a point, and if it has not, a path that shows it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from girih.language.compiler.facts import NOTHING, Choices, Facts, facts_of, joined, without
from girih.language.compiler.flow import Flow, Region
from girih.language.compiler.must import EVERYTHING, Must
from girih.language.compiler.ways import Way
from girih.language.nodes.base import NodeConfig
from girih.language.spec.model import END

Moment = Literal["when", "before", "after", "result", "end"]

_MANY_STATES = 4_000
"""How many places with different knowledge one search looks at; beyond, knowledge is left out."""

_ENDLESS = 10**9


@dataclass(frozen=True)
class Point:
    """A moment at a node: before its `when` is asked, `before` it runs, `after` it (where its routes are asked), when
    it has its `result`; or the `end` of the branch that begins at the node, of the graph for `$end`."""

    node: str
    moment: Moment = "before"


GRAPH_END = Point(END, "end")


@dataclass(frozen=True)
class Step:
    """A node on a path and the way it was left by; `None` for the last one. `within` is how a fork's branch passed."""

    node: str
    way: Way | None
    within: tuple[Step, ...] = ()


@dataclass(frozen=True)
class _Trail:
    """A path as a linked list, so that a search costs no copies."""

    step: Step
    before: _Trail | None = None

    def steps(self) -> tuple[Step, ...]:
        found: list[Step] = []
        trail: _Trail | None = self
        while trail is not None:
            found.append(trail.step)
            trail = trail.before
        return tuple(reversed(found))


_Found = tuple[tuple[Step, ...], Facts]
"""A path, and what is known at its end."""


@dataclass
class _Search:
    """What is looked for in one region: a path to `arrived` on which none of `avoid` gets a result."""

    avoid: frozenset[str]
    arrived: Callable[[str, Way | None], bool]
    use_facts: bool
    left: list[int] = field(default_factory=lambda: [_MANY_STATES])
    """How many more states may be looked at, shared by all searches for one answer."""

    def to(self, arrived: Callable[[str, Way | None], bool]) -> _Search:
        """The same search with another goal."""
        return _Search(self.avoid, arrived, self.use_facts, self.left)

    def count(self) -> None:
        """Count one state. Raises when it has been too many."""
        self.left[0] -= 1
        if self.left[0] < 0:
            raise _TooManyError


@dataclass
class Paths:
    """The paths of one graph."""

    flow: Flow
    choices: Choices
    must: Must = field(init=False)
    _facts: dict[tuple[str, bool], Facts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.must = Must(self.flow)

    def way_past(self, avoid: frozenset[str], point: Point) -> tuple[Step, ...] | None:
        """A path from the start to the point on which none of `avoid` has a result; `None` when there is none.

        `avoid` may hold `NODE!` for a failure of a node that led on. A path that contradicts itself is none: what is
        known of closed lists of values and of equal conditions is followed along it.
        """
        if any(self.must.has(self._certain(point), name) for name in avoid):
            return None
        plain = next(self._past(_Search(avoid, self._closing, use_facts=False, left=[_ENDLESS]), point), None)
        if plain is None:
            return None
        try:
            return next(self._past(_Search(avoid, self._closing, use_facts=True), point), None)
        except _TooManyError:
            return plain

    def is_certain(self, token: str, point: Point) -> bool:
        """Whether a node has a result (for `NODE!`: has failed) on every path to a point."""
        return self.way_past(frozenset({token}), point) is None

    def _certain(self, point: Point) -> int:
        must, flow = self.must, self.flow
        if point.moment == "end":
            return must.at_end(flow.root if point.node == END else flow.regions[point.node])
        if point.moment in ("when", "before"):
            return must.before(point.node)
        ways = [way for way in flow.ways[point.node] if _is_at(way, point.moment)]
        return must.after(point.node, ways) if ways else EVERYTHING

    # --- search

    def _past(self, search: _Search, point: Point) -> Iterator[tuple[Step, ...]]:
        """The paths through every region around the point, from the outermost in."""
        inner = self.flow.root if point.node == END else self.flow.regions[point.node]
        regions = [inner, *self.flow.around(inner.fork)] if inner.fork is not None else [inner]
        heads: Iterator[_Found] = iter([((), NOTHING)])
        for region, deeper in zip(reversed(regions), [*reversed(regions[:-1]), None], strict=True):
            if deeper is not None:
                arrived = _arrives(Point(deeper.fork or ""))
            else:
                arrived = self._closing if point.moment == "end" else _arrives(point)
            heads = self._onward(heads, region, search.to(arrived))
        return (steps for steps, _ in heads)

    def _onward(self, heads: Iterator[_Found], region: Region, search: _Search) -> Iterator[_Found]:
        """Each path so far with each way it can go on through a region."""
        branch = self.flow.branch_of(region.entry) if region.fork is not None else None
        binds = frozenset(branch.binds if branch is not None else ())
        for steps, known in heads:
            for more, facts in self._search(region, search, without(known, binds)):
                yield (*steps, *more), facts

    def _closing(self, name: str, way: Way | None) -> bool:
        return way is not None and self.flow.closes(name, way)

    def _search(self, region: Region, search: _Search, known: Facts) -> Iterator[_Found]:
        """The shortest path to the goal for each thing that can be known there."""
        if region.entry not in self.flow.graph.nodes:
            return
        waiting: deque[tuple[str, Facts, _Trail | None]] = deque([(region.entry, known, None)])
        seen: set[object] = {(region.entry, _key(known))}
        given: set[object] = set()
        while waiting:
            name, facts, trail = waiting.popleft()
            search.count()
            for way, after, within in self._crossings(name, facts, search):
                here = _Trail(Step(name, way, within), trail)
                if search.arrived(name, way) and _key(after) not in given:
                    given.add(_key(after))
                    yield here.steps(), after
                if way is None or way.to is None or way.to not in self.flow.edges[name]:
                    continue
                beyond = self._routed(name, way, after) if search.use_facts else after
                if beyond is not None and (way.to, _key(beyond)) not in seen:
                    seen.add((way.to, _key(beyond)))
                    waiting.append((way.to, beyond, here))

    def _crossings(
        self, name: str, facts: Facts, search: _Search
    ) -> Iterator[tuple[Way | None, Facts, tuple[Step, ...]]]:
        """The ways through a node: `None` first, for having come to it and to where its values are asked."""
        running = self._when(name, facts, truth=True) if search.use_facts else facts
        if running is not None:
            yield None, running, ()
        for way in self.flow.ways[name]:
            if (way.has_result and name in search.avoid) or (way.has_failed and f"{name}!" in search.avoid):
                continue
            if way.cause == "over":
                passed = self._when(name, facts, truth=False) if search.use_facts else facts
                if passed is not None:
                    yield way, passed, ()
            elif running is not None:
                left = without(running, self.flow.all_within(name) | ({name} if way.has_result else set()))
                for within, after in self._within(name, left, search) if way.keeps else [((), left)]:
                    yield way, after, within

    def _within(self, fork: str, facts: Facts, search: _Search) -> list[_Found]:
        """How the branches of a fork can all come to their ends; the steps of the last branch that matters."""
        ends: list[_Found] = [((), facts)]
        one: list[_Found] | None = None
        for branch in self.flow.forks[fork]:
            region = self.flow.regions.get(branch.entry)
            if region is None or region.fork != fork or region.entry != branch.entry:
                continue
            if branch.kept == "always":
                ends = self._through(region, ends, search)
            elif branch.kept == "one":
                one = [*(one or ()), *self._through(region, [((), facts)], search)]
        return ends if one is None else one

    def _through(self, region: Region, heads: list[_Found], search: _Search) -> list[_Found]:
        """How a branch can come to its end after each of these."""
        if any(token.rstrip("!") in self._inside(region) for token in search.avoid):
            inner = self._onward(iter([((), known) for _, known in heads]), region, search.to(self._closing))
            return list({_key(found[1]): found for found in inner}.values())
        return heads if self.must.ends(region.entry) else []

    def _inside(self, region: Region) -> frozenset[str]:
        names = frozenset(self.flow.in_region(region))
        return names.union(*(self.flow.all_within(name) for name in names))

    # --- knowledge

    def _when(self, name: str, facts: Facts, *, truth: bool) -> Facts | None:
        config = self.flow.graph.nodes[name].config
        if not isinstance(config, NodeConfig) or config.when is None:
            return facts
        return joined(facts, self._of(config.when, truth=truth))

    def _routed(self, name: str, way: Way, facts: Facts) -> Facts | None:
        """What is known when this rule of `next` was taken, and none before it; `None` if that cannot be."""
        if way.route is None:
            return facts
        known: Facts | None = facts
        for route in self.flow.graph.nodes[name].routes:
            is_taken = route is way.route
            if route.condition is not None and known is not None and (is_taken or route.max_visits is None):
                known = joined(known, self._of(route.condition, truth=is_taken))
            if is_taken:
                break
            if route.condition is None and route.max_visits is None:
                return None
        return known

    def _of(self, condition: str, *, truth: bool) -> Facts:
        key = (condition, truth)
        if key not in self._facts:
            self._facts[key] = facts_of(condition, self.choices, truth=truth)
        return self._facts[key]


class _TooManyError(Exception):
    """The search has seen too much; never leaves this module."""


def _is_at(way: Way, moment: Moment) -> bool:
    """Whether a moment after a node comes before this way is taken."""
    if moment == "result":
        return way.has_result
    return way.cause in ("next", "over", "instead")


def _arrives(point: Point) -> Callable[[str, Way | None], bool]:
    if point.moment == "before":
        return lambda name, way: name == point.node and way is None
    if point.moment == "when":
        return lambda name, way: name == point.node and (way is None or way.cause == "over")
    return lambda name, way: name == point.node and way is not None and _is_at(way, point.moment)


def _key(facts: Facts) -> object:
    return frozenset(facts.items())
