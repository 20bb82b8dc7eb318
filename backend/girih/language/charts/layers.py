"""Where the boxes of a chart stand: in layers from top to bottom, with few crossings. After Sugiyama et al., 1981."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from girih.language.charts.chart import Arrow, Chart

SWEEPS = 8
"""How often the order within the layers is improved, down and up."""


@dataclass(frozen=True)
class Layers:
    """The names of each layer from left to right; `chains` lead each arrow through the layers it passes.

    A chain begins with the arrow's upper box and ends with its lower one; between them it holds names that stand for
    the arrow itself. `backwards` are the arrows that lead up.
    """

    rows: tuple[tuple[str, ...], ...]
    chains: Mapping[int, tuple[str, ...]]
    backwards: frozenset[int]


def layers_of(chart: Chart) -> Layers:
    """The layers of a chart. Arrows are named by their position in it."""
    backwards = _backwards(chart)
    ends = [(a.target, a.source) if i in backwards else (a.source, a.target) for i, a in enumerate(chart.arrows)]
    ranks = _ranks([box.name for box in chart.boxes], ends)
    rows: list[list[str]] = [[] for _ in range(1 + max(ranks.values(), default=0))]
    for box in chart.boxes:
        rows[ranks[box.name]].append(box.name)
    chains: dict[int, tuple[str, ...]] = {}
    for index, (upper, lower) in enumerate(ends):
        between = [f"{index}:{rank}" for rank in range(ranks[upper] + 1, ranks[lower])]
        for rank, name in enumerate(between, ranks[upper] + 1):
            rows[rank].append(name)
        chains[index] = (upper, *between, lower)
    return Layers(tuple(map(tuple, _ordered(rows, chains))), chains, backwards)


def _backwards(chart: Chart) -> frozenset[int]:
    """The arrows that close a circle, as a walk from the start finds them; an arrow to its own box is one."""
    leaving: dict[str, list[tuple[int, Arrow]]] = defaultdict(list)
    for index, arrow in enumerate(chart.arrows):
        leaving[arrow.source].append((index, arrow))
    found: set[int] = set()
    done: set[str] = set()
    for box in chart.boxes:
        if box.name in done:
            continue
        path = {box.name: iter(leaving[box.name])}
        while path:
            name, ways = next(reversed(path.items()))
            way = next(ways, None)
            if way is None:
                done.add(name)
                del path[name]
            elif way[1].target in path:
                found.add(way[0])
            elif way[1].target not in done:
                path[way[1].target] = iter(leaving[way[1].target])
    return frozenset(found)


def _ranks(names: Sequence[str], ends: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Each box as high as it can be, below everything that leads to it."""
    ranks = dict.fromkeys(names, 0)
    for _ in names:
        moved = False
        for upper, lower in ends:
            if upper != lower and ranks[lower] <= ranks[upper]:
                ranks[lower] = ranks[upper] + 1
                moved = True
        if not moved:
            break
    return ranks


def _ordered(rows: list[list[str]], chains: Mapping[int, tuple[str, ...]]) -> list[list[str]]:
    """The rows, each sorted by where its neighbours stand, to and fro until the crossings are few."""
    above: dict[str, list[str]] = defaultdict(list)
    below: dict[str, list[str]] = defaultdict(list)
    for chain in chains.values():
        for upper, lower in pairwise(chain):
            if upper != lower:
                above[lower].append(upper)
                below[upper].append(lower)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        order, neighbours = (rows[1:], above) if down else (rows[-2::-1], below)
        fixed = rows[0] if down else rows[-1]
        for row in order:
            places = {name: place for place, name in enumerate(fixed)}
            now = {name: place for place, name in enumerate(row)}
            row.sort(key=lambda name: _middle(neighbours[name], places, now[name]))
            fixed = row
    return rows


def _middle(neighbours: Sequence[str], places: Mapping[str, int], here: int) -> float:
    known = [places[name] for name in neighbours if name in places]
    return sum(known) / len(known) if known else here
