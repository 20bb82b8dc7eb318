"""What came of tests, in lines for people: each test, each expectation that was not met, and the slow ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from girih.cli.output import data, harmless, painted, wants_color
from girih.cli.trials import Tested

SLOW = 1.0
"""Seconds from which on a test is listed as slow."""

MOST_SLOW = 5
"""Slow tests that are listed."""


def write_text(tested: Sequence[Tested], coverage: bool) -> None:
    """All tests on stdout, graph by graph."""
    pieces = [piece for one in tested for piece in _graph(one, coverage)] + list(_slow(tested))
    color = wants_color(sys.stdout)
    data(painted([(style, harmless(text)) for style, text in pieces], color=color))


def _graph(one: Tested, coverage: bool) -> Iterator[tuple[str, str]]:
    yield "place", one.graph
    yield "frame", f"  {one.file}\n"
    for report in one.reports:
        yield ("ok", "  ok  ") if report.passed else ("error", "  FAIL")
        yield "message", f"  {report.name}"
        yield "frame", f"  ({report.seconds * 1000:.0f} ms)\n"
        for miss in report.misses:
            yield "message", f"        {miss}\n"
    if coverage:
        yield from _covered(one)


def _covered(one: Tested) -> Iterator[tuple[str, str]]:
    found = one.coverage
    lacks = bool(found.missing_nodes or found.missing_ways)
    numbers = f"  nodes {found.nodes_seen} of {found.nodes}, ways {found.ways_seen} of {found.ways}\n"
    yield "warning" if lacks else "ok", numbers
    if found.missing_nodes:
        yield "message", f"        never begun: {', '.join(found.missing_nodes)}\n"
    if found.missing_ways:
        yield "message", f"        never taken: {', '.join(f'{a} → {b}' for a, b in found.missing_ways)}\n"


def _slow(tested: Sequence[Tested]) -> Iterator[tuple[str, str]]:
    """The slowest tests, slowest first, if they are slow at all."""
    long = [(report.seconds, f"{one.graph}: {report.name}") for one in tested for report in one.reports]
    slowest = sorted((pair for pair in long if pair[0] >= SLOW), reverse=True)[:MOST_SLOW]
    if slowest:
        yield "warning", "slow\n"
    for seconds, name in slowest:
        yield "message", f"  {seconds:.1f} s  {name}\n"
