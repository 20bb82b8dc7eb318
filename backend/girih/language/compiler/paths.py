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


@dataclass
class _Search:
    """What is looked for in one region: a path to `arrived` on which none of `avoid` gets a result."""

    avoid: frozenset[str]
    arrived: Callable[[str, Way | None], bool]
    use_facts: bool


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
        plain = self._past(avoid, point, use_facts=False)
        if plain is None:
            return None
        try:
            found = self._past(avoid, point, use_facts=True)
        except _TooManyError:
            return plain[0]
        return found[0] if found is not None else None

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

    def _past(self, avoid: frozenset[str], point: Point, *, use_facts: bool) -> tuple[tuple[Step, ...], Facts] | None:
        """The path through every region around the point, from the outermost in."""
        goal = point.node
        inner = self.flow.root if goal == END else self.flow.regions[goal]
        steps: tuple[Step, ...] = ()
        known: Facts = NOTHING
        regions = [inner, *self.flow.around(inner.fork)] if inner.fork is not None else [inner]
        regions.reverse()
        for region, deeper in zip(regions, [*regions[1:], None], strict=True):
            if deeper is not None:
                arrived = _arrives(Point(deeper.fork or ""))
            elif point.moment == "end":
                arrived = self._closing
            else:
                arrived = _arrives(point)
            found = self._search(region, _Search(avoid, arrived, use_facts), known)
            if found is None:
                return None
            steps, known = (*steps, *found[0]), found[1]
            if deeper is not None:
                branch = self.flow.branch_of(deeper.entry)
                known = without(known, frozenset(branch.binds if branch is not None else ()))
        return steps, known

    def _closing(self, name: str, way: Way | None) -> bool:
        return way is not None and self.flow.closes(name, way)

    def _search(self, region: Region, search: _Search, known: Facts) -> tuple[tuple[Step, ...], Facts] | None:
        if region.entry not in self.flow.graph.nodes:
            return None
        waiting: deque[tuple[str, Facts, _Trail | None]] = deque([(region.entry, known, None)])
        seen: set[object] = {(region.entry, _key(known))}
        while waiting:
            name, facts, trail = waiting.popleft()
            for way, after, within in self._crossings(name, facts, search):
                here = _Trail(Step(name, way, within), trail)
                if search.arrived(name, way):
                    return here.steps(), after
                if way is None or way.to is None or way.to not in self.flow.edges[name]:
                    continue
                beyond = self._routed(name, way, after) if search.use_facts else after
                state = (way.to, _key(beyond)) if beyond is not None else None
                if beyond is not None and state not in seen:
                    if len(seen) > _MANY_STATES:
                        raise _TooManyError
                    seen.add(state)
                    waiting.append((way.to, beyond, here))
        return None

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
                continue
            if running is None:
                continue
            within = self._within(name, running, search) if way.keeps else ()
            if within is not None:
                left = without(running, self.flow.all_within(name) | ({name} if way.has_result else set()))
                yield way, left, within

    def _within(self, fork: str, facts: Facts, search: _Search) -> tuple[Step, ...] | None:
        """How the branches of a fork can all come to their ends; the steps of the branch that would have run it."""
        shown: tuple[Step, ...] = ()
        for branch in self.flow.forks[fork]:
            region = self.flow.regions.get(branch.entry)
            if branch.kept != "always" or region is None or region.fork != fork or region.entry != branch.entry:
                continue
            if not any(token.rstrip("!") in self._inside(region) for token in search.avoid):
                if not self.must.ends(branch.entry):
                    return None
                continue
            inner = _Search(search.avoid, self._closing, search.use_facts)
            known = without(facts, frozenset(branch.binds))
            found = self._search(region, inner, known)
            if found is None:
                return None
            shown = found[0]
        return shown

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
