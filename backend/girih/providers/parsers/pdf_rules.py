"""Lines that are drawn on a page of a PDF, level and upright ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ctypes import c_float, c_int
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Any

import pypdfium2.raw as pdfium

from girih.providers.parsers.pdf_words import turn

NEAR = 3.0
"""Points: lines that are no further apart than this are one, and lines that miss each other by less meet."""

_STRAIGHT = 0.7
_SHORTEST = 4.0
_MOST_OBJECTS = 20_000
_MOST_SEGMENTS = 20_000

Point = tuple[float, float]
Edge = tuple[float, float, float, float]
"""A line from its lower left to its upper right end."""


@dataclass(frozen=True)
class Rule:
    """A straight line at `at` (its height, or how far from the left if it is upright), from `first` to `last`."""

    at: float
    first: float
    last: float

    def covers(self, place: float) -> bool:
        """Whether the line goes on there."""
        return self.first - NEAR <= place <= self.last + NEAR


@dataclass(frozen=True)
class Rules:
    """The lines of a page, and how many steps it took to read them."""

    level: list[Rule]
    upright: list[Rule]
    steps: int


def rules_of(page: Any, turned: int) -> Rules:
    """The lines of a page. One that is drawn of more than can be looked at has none."""
    raw = page.raw
    count = pdfium.FPDFPage_CountObjects(raw)
    if count > _MOST_OBJECTS:
        return Rules([], [], 1)
    get, kind, path = pdfium.FPDFPage_GetObject, pdfium.FPDFPageObj_GetType, pdfium.FPDF_PAGEOBJ_PATH
    paths = [each for each in map(get, repeat(raw, count), range(count)) if kind(each) == path]
    segments = 0
    edges: list[Edge] = []
    for drawn in paths:
        segments += max(pdfium.FPDFPath_CountSegments(drawn), 0)
        if segments > _MOST_SEGMENTS:
            return Rules([], [], count + 8 * segments)
        edges += _edges(drawn)
    level, upright = _sorted(edges, turned)
    return Rules(_merged(level), _merged(upright), count + 8 * segments)


def _sorted(edges: Sequence[Edge], turned: int) -> tuple[list[Rule], list[Rule]]:
    level, upright = [], []
    for edge in edges:
        left, low, right, high = turn(edge, turned)
        if high - low <= _STRAIGHT and right - left >= _SHORTEST:
            level.append(Rule((low + high) / 2, left, right))
        elif right - left <= _STRAIGHT and high - low >= _SHORTEST:
            upright.append(Rule((left + right) / 2, low, high))
    return level, upright


def _edges(drawn: Any) -> Iterator[Edge]:
    """The lines that a path draws: what is filled shows one where it is thin, what is drawn around shows its edges."""
    fill, stroke = c_int(), c_int()
    pdfium.FPDFPath_GetDrawMode(drawn, fill, stroke)
    for points in _pieces(drawn, bent=not stroke.value):
        xs, ys = [x for x, _ in points], [y for _, y in points]
        left, low, right, high = min(xs), min(ys), max(xs), max(ys)
        if right - left < NEAR and high - low > NEAR:
            yield (left + right) / 2, low, (left + right) / 2, high
        elif high - low < NEAR and right - left > NEAR:
            yield left, (low + high) / 2, right, (low + high) / 2
        elif stroke.value:
            for (x, y), (to_x, to_y) in pairwise(points):
                yield min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y)


def _pieces(drawn: Any, *, bent: bool) -> Iterator[list[Point]]:
    """The points of each piece of a path, on the page. A curve ends a piece, unless pieces may be bent."""
    matrix, x, y = pdfium.FS_MATRIX(), c_float(), c_float()
    if not pdfium.FPDFPageObj_GetMatrix(drawn, matrix):
        return
    a, b, c, d, e, f = matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f
    goes_on = (pdfium.FPDF_SEGMENT_LINETO, pdfium.FPDF_SEGMENT_BEZIERTO) if bent else (pdfium.FPDF_SEGMENT_LINETO,)
    piece: list[Point] = []
    for index in range(pdfium.FPDFPath_CountSegments(drawn)):
        segment = pdfium.FPDFPath_GetPathSegment(drawn, index)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        if pdfium.FPDFPathSegment_GetType(segment) not in goes_on:
            if len(piece) > 1:
                yield piece
            piece = []
        piece.append((a * x.value + c * y.value + e, b * x.value + d * y.value + f))
        if pdfium.FPDFPathSegment_GetClose(segment):
            piece.append(piece[0])
    if len(piece) > 1:
        yield piece


def _merged(rules: list[Rule]) -> list[Rule]:
    """Lines that lie on each other, or go on where another ends, as one."""
    whole: list[Rule] = []
    for beside in _near(rules):
        at = sum(rule.at for rule in beside) / len(beside)
        first, last = None, 0.0
        for rule in sorted(beside, key=lambda rule: rule.first):
            if first is not None and rule.first <= last + NEAR:
                last = max(last, rule.last)
                continue
            if first is not None:
                whole.append(Rule(at, first, last))
            first, last = rule.first, rule.last
        if first is not None:
            whole.append(Rule(at, first, last))
    return whole


def _near(rules: list[Rule]) -> Iterator[list[Rule]]:
    """The lines in groups of those that are at the same place."""
    group: list[Rule] = []
    for rule in sorted(rules, key=lambda rule: rule.at):
        if group and rule.at - group[0].at > NEAR:
            yield group
            group = []
        group.append(rule)
    if group:
        yield group
