"""A chart as an SVG picture that any browser shows, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from xml.sax.saxutils import escape

from girih.language.charts.chart import Arrow, Box, Chart, one_line
from girih.language.charts.layers import Layers, layers_of

HEIGHT, GAP, STEP, MARGIN = 44, 32, 110, 28
LETTER = 7.3
"""Pixels a letter of the labels takes, at most about."""
LONGEST = 36
"""Letters of a label; the rest stands in its tooltip."""
LINE = 13
"""Pixels between the lines of labels that stand above one box."""

_STYLE = """
text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: #1f2430; text-anchor: middle; }
.verb, .when { font-size: 11px; fill: #667085; }
.when { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
.box { fill: #ffffff; stroke: #98a2b3; }
.mark { fill: #eef1f6; stroke: #98a2b3; }
.fork { fill: #eef4ff; stroke: #6b8afd; }
.person { fill: #fff7e6; stroke: #d99a2b; }
.way { fill: none; stroke: #667085; stroke-width: 1.4; }
.aside { stroke-dasharray: 5 4; }
.paper { fill: #ffffff; }
.head { fill: #667085; }
@media (prefers-color-scheme: dark) {
text { fill: #e6e9ef; } .verb, .when { fill: #a3acba; } .box { fill: #232833; } .mark { fill: #2d3441; }
.fork { fill: #232c46; } .person { fill: #3a3020; } .paper { fill: #161a22; } .way { stroke: #a3acba; }
.head { fill: #a3acba; } .when { stroke: #161a22; }
}
"""
_CLASSES = {"parallel": "fork", "each": "fork", "ask": "person", "wait": "person"}


@dataclass
class _Spot:
    """The middle of a box, how wide it is, and how many labels stand above it so far; pixels."""

    x: float
    y: float
    width: float
    said: list[Arrow] = field(default_factory=list)


def svg(chart: Chart) -> str:
    """The picture. Every text is escaped; nothing in it is loaded or run."""
    layers = layers_of(chart)
    boxes = {box.name: box for box in chart.boxes}
    spots = _spots(chart, layers, boxes)
    width = max(spot.x + spot.width / 2 for spot in spots.values()) + MARGIN
    height = max(spot.y for spot in spots.values()) + HEIGHT / 2 + MARGIN
    looped = sum(index in layers.backwards for index in layers.chains)
    width += 24 * looped + (120 if looped else 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        f"<title>{escape(one_line(chart.title))}</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="head" d="M0 0 8 4 0 8z"/></marker></defs>',
        f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>',
        *_ways(chart, layers, spots),
        *(_box(box, spots[box.name]) for box in chart.boxes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _spots(chart: Chart, layers: Layers, boxes: Mapping[str, Box]) -> dict[str, _Spot]:
    """Each row in the middle, its boxes side by side with room for what is said above them."""
    widths = {name: _width(boxes[name]) if name in boxes else 12.0 for row in layers.rows for name in row}
    rooms = dict(widths)
    for index, arrow in enumerate(chart.arrows):
        if arrow.label and index not in layers.backwards:
            first = layers.chains[index][1]
            rooms[first] = max(rooms[first], 6.2 * len(_short(arrow.label)))
    totals = [sum(rooms[name] for name in row) + GAP * (len(row) - 1) for row in layers.rows]
    widest = max(totals)
    spots: dict[str, _Spot] = {}
    for number, (row, total) in enumerate(zip(layers.rows, totals, strict=True)):
        x = MARGIN + (widest - total) / 2
        for name in row:
            spots[name] = _Spot(x + rooms[name] / 2, MARGIN + HEIGHT / 2 + number * STEP, widths[name])
            x += rooms[name] + GAP
    return spots


def _width(box: Box) -> float:
    return max(72.0, LETTER * len(_short(box.label)) + 28)


def _box(box: Box, spot: _Spot) -> str:
    left, top = spot.x - spot.width / 2, spot.y - HEIGHT / 2
    label, radius = escape(_short(box.label)), 8 if box.verb else HEIGHT / 2
    kind = _CLASSES.get(box.verb, "box") if box.verb else "mark"
    frame = (
        f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{spot.width:.1f}" height="{HEIGHT}" rx="{radius}"/>'
    )
    if not box.verb:
        return f'<g>{frame}<text x="{spot.x:.1f}" y="{spot.y + 4:.1f}">{label}</text></g>'
    return (
        f"<g><title>{escape(one_line(f'{box.name}: {box.label}'))}</title>{frame}"
        f'<text x="{spot.x:.1f}" y="{spot.y - 2:.1f}">{label}</text>'
        f'<text class="verb" x="{spot.x:.1f}" y="{spot.y + 14:.1f}">{escape(box.verb)}</text></g>'
    )


def _ways(chart: Chart, layers: Layers, spots: Mapping[str, _Spot]) -> Iterator[str]:
    edge = max(spot.x + spot.width / 2 for spot in spots.values())
    turn = 0
    for index, arrow in enumerate(chart.arrows):
        if index in layers.backwards:
            turn += 1
            yield _around(arrow, spots[arrow.source], spots[arrow.target], edge + 24 * turn)
        else:
            yield _down(arrow, [spots[name] for name in layers.chains[index]])


def _down(arrow: Arrow, passed: list[_Spot]) -> str:
    points = [(passed[0].x, passed[0].y + HEIGHT / 2)]
    points += [(spot.x, spot.y) for spot in passed[1:-1]]
    points.append((passed[-1].x, passed[-1].y - HEIGHT / 2))
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x, y), (to_x, to_y) in pairwise(points):
        middle = (y + to_y) / 2
        path += f" C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
    first = passed[1]
    if arrow.label:
        first.said.append(arrow)
    return _way(arrow, path, first.x, first.y - HEIGHT / 2 - 1 - LINE * len(first.said))


def _around(arrow: Arrow, source: _Spot, target: _Spot, x: float) -> str:
    """A way up goes around everything, on the right."""
    begin, end = source.x + source.width / 2, target.x + target.width / 2
    path = f"M{begin:.1f} {source.y:.1f} C{x:.1f} {source.y:.1f} {x:.1f} {source.y:.1f} {x:.1f} "
    path += f"{(source.y + target.y) / 2:.1f} S{x:.1f} {target.y:.1f} {end:.1f} {target.y:.1f}"
    return _way(arrow, path, x, (source.y + target.y) / 2)


def _way(arrow: Arrow, path: str, x: float, y: float) -> str:
    aside = " aside" if arrow.kind in ("error", "exit") else ""
    line = f'<path class="way{aside}" d="{path}" marker-end="url(#head)"/>'
    if not arrow.label:
        return line
    said, whole = escape(_short(arrow.label)), escape(one_line(arrow.label))
    return f'<g><title>{whole}</title>{line}<text class="when" x="{x:.1f}" y="{y:.1f}">{said}</text></g>'


def _short(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
