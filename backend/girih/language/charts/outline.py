"""A chart as lines of text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.charts.chart import START, Box, Chart, one_line

_SIGNS = {"branch": "⇉", "join": "⇥", "error": "⚠", "exit": "↷"}


def outline(chart: Chart) -> str:
    """Each node with its verb, and below it where it leads and when."""
    return "\n".join(map(one_line, [chart.title, *_lines(chart)])) + "\n"


def _lines(chart: Chart) -> Iterator[str]:
    width = max((len(_named(box)) for box in chart.boxes if box.verb), default=0)
    labels = {box.name: box.label for box in chart.boxes if not box.verb}
    for box in chart.boxes:
        leading = [arrow for arrow in chart.arrows if arrow.source == box.name]
        if box.name == START or not leading:
            continue
        indent = "  " * (1 + _depth(chart, box))
        if box.verb:
            yield f"{indent}{_named(box):<{width}}  {box.verb}"
        else:
            yield f"{indent}({box.label})"
        for arrow in leading:
            when = f"  {arrow.label}" if arrow.label else ""
            yield f"{indent}  {_SIGNS.get(arrow.kind, '→')} {labels.get(arrow.target, arrow.target)}{when}"


def _named(box: Box) -> str:
    return box.name if box.label == box.name else f"{box.name} ({box.label})"


def _depth(chart: Chart, box: Box) -> int:
    forks = {other.name: other.fork for other in chart.boxes}
    depth, fork = 0, box.fork
    while fork is not None:
        depth, fork = depth + 1, forks.get(fork)
    return depth
