"""A chart as Mermaid, which GitHub, GitLab and most wikis draw."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.charts.chart import Arrow, Box, Chart, one_line

_LINES = {"error": "-.->", "exit": "-.->"}
_SHAPES = {"parallel": ("[[", "]]"), "each": ("[[", "]]"), "ask": ("[/", "/]"), "wait": ("[/", "/]")}


def mermaid(chart: Chart) -> str:
    """A `flowchart`; the boxes of a fork's branches lie in a box of their own."""
    return "\n".join(_lines(chart)) + "\n"


def _lines(chart: Chart) -> Iterator[str]:
    ids = {box.name: f"n{number}" for number, box in enumerate(chart.boxes)}
    yield "flowchart TD"
    yield from _boxes(chart, ids, None, "  ")
    for arrow in chart.arrows:
        yield f"  {ids[arrow.source]} {_LINES.get(arrow.kind, '-->')}{_said(arrow)} {ids[arrow.target]}"


def _boxes(chart: Chart, ids: dict[str, str], fork: str | None, indent: str) -> Iterator[str]:
    for box in chart.boxes:
        if box.fork != fork:
            continue
        yield f"{indent}{ids[box.name]}{_shape(box)}"
        if any(other.fork == box.name for other in chart.boxes):
            yield f'{indent}subgraph {ids[box.name]}b ["{_text(box.label)}"]'
            yield from _boxes(chart, ids, box.name, indent + "  ")
            yield f"{indent}end"


def _shape(box: Box) -> str:
    if not box.verb:
        return f'(["{_text(box.label)}"])'
    begin, end = _SHAPES.get(box.verb, ("[", "]"))
    return f'{begin}"{_text(box.label)}<br/>{box.verb}"{end}'


def _said(arrow: Arrow) -> str:
    return f'|"{_text(arrow.label)}"|' if arrow.label else ""


def _text(text: str) -> str:
    """The text with what Mermaid would read as its own signs written as entities."""
    signs = {"&": "&amp;", '"': "#quot;", "<": "&lt;", ">": "&gt;", "#": "#35;"}
    return "".join(signs.get(sign, sign) for sign in one_line(text))
