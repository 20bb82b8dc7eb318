"""Findings as text for people, JSON for programs, annotations for GitHub: data in, text out, no colour decided here."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from json import dumps
from typing import Literal

from girih.language.spec.diagnostics import Diagnostic, Place
from girih.language.spec.source import Source

Style = Literal["place", "error", "warning", "message", "frame", "code", "caret", "help"]
Piece = tuple[Style, str]

_WIDEST = 140
_MARGIN = 60


def text(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> str:
    """Each finding with its line, a caret, the way out and related places; `sources` by file name."""
    return "".join(piece for _, piece in pieces(diagnostics, sources))


def pieces(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> Iterator[Piece]:
    """The text form in pieces that know what they are, for a door that colours them."""
    for i, diagnostic in enumerate(diagnostics):
        if i:
            yield "message", "\n"
        yield from _finding(diagnostic, sources)


def concise(diagnostics: Iterable[Diagnostic]) -> str:
    """One line each: `file:line:column CODE message`."""
    return "".join(f"{_where(d.place)} {d.code} {printable(_sentence(d))}\n" for d in diagnostics)


def json(diagnostics: Iterable[Diagnostic]) -> str:
    """`{"diagnostics": [...]}`, as the API's 422 has them."""
    return dumps({"diagnostics": [d.as_dict() for d in diagnostics]}, indent=2, ensure_ascii=False) + "\n"


def github(diagnostics: Iterable[Diagnostic]) -> str:
    """Workflow commands that GitHub shows beside the lines."""
    return "".join(_annotation(d) for d in diagnostics)


def printable(value: str) -> str:
    """The text with every control character as a visible escape: a file may not steer the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)


def _finding(diagnostic: Diagnostic, sources: Mapping[str, Source]) -> Iterator[Piece]:
    yield "place", _where(diagnostic.place)
    yield diagnostic.severity, f" {diagnostic.code} "
    yield "message", printable(diagnostic.message) + "\n"
    source = sources.get(diagnostic.place.file)
    gutter = " " * len(str(diagnostic.place.line))
    if source is not None and source.line(diagnostic.place.line).strip():
        yield from _excerpt(diagnostic.place, source, gutter)
    if diagnostic.help:
        yield "frame", f" {gutter} = "
        yield "help", f"help: {printable(diagnostic.help)}\n"
    for related in diagnostic.related:
        yield "frame", f" {gutter} = "
        yield "message", f"{_where(related.place)} {printable(related.message)}\n"


def _excerpt(place: Place, source: Source, gutter: str) -> Iterator[Piece]:
    line = source.line(place.line)
    start = place.column - 1
    first = max(0, start - _MARGIN) if len(line) > _WIDEST else 0
    shown, marked = line[first : first + _WIDEST], line[start : start + place.length]
    before = ("…" if first else "") + _cells(line[first:start])
    after = "…" if first + _WIDEST < len(line) else ""
    yield "frame", f" {gutter} |\n {place.line} | "
    yield "code", ("…" if first else "") + _cells(shown) + after + "\n"
    yield "frame", f" {gutter} | "
    carets = max(1, min(_width(_cells(marked)), _WIDEST - _width(before)))
    yield "caret", " " * _width(before) + "^" * carets + "\n"


def _cells(line: str) -> str:
    """The line as a terminal may show it: a tab is four blanks, a control character a dot."""
    return "".join("    " if c == "\t" else c if c.isprintable() else "·" for c in line)


def _width(line: str) -> int:
    """How many columns a terminal gives the text."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in line)
    return len(line) + wide - sum(unicodedata.combining(c) != 0 for c in line)


def _where(place: Place) -> str:
    return f"{printable(place.file)}:{place.line}:{place.column}"


def _sentence(diagnostic: Diagnostic) -> str:
    return f"{diagnostic.message}. {diagnostic.help}" if diagnostic.help else diagnostic.message


def _annotation(diagnostic: Diagnostic) -> str:
    place = diagnostic.place
    span = f"line={place.line},col={place.column},endColumn={place.column + place.length}"
    body = _escaped(_sentence(diagnostic))
    file = _escaped(place.file).replace(":", "%3A").replace(",", "%2C")
    return f"::{diagnostic.severity} file={file},{span},title={diagnostic.code}::{body}\n"


def _escaped(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
