"""Warnings that an author has seen and accepts: `# girih: ignore[W204]` at the line, or alone on the line above."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from girih.language.spec.codes import INEFFECTIVE, WARNINGS
from girih.language.spec.diagnostics import Diagnostic, Place, has_errors
from girih.language.spec.source import Source
from girih.language.spec.suggest import did_you_mean, hint
from girih.language.spec.tree import Tree

_MARK = re.compile(r"#[ \t]*girih:[ \t]*(?P<what>[\w-]*)[ \t]*(?P<list>\[(?P<codes>[^\]\r\n]*)\])?")
_WORDS = ("ignore", "ignore-file")
_CODE = re.compile(r"[^\s,]+")
_FORM = "write '# girih: ignore[CODE]', with the code of a warning"


@dataclass
class _Entry:
    """One code in a comment: the lines of the file that it is for (`None` for all), and whether it was of use."""

    code: str
    lines: range | None
    place: Place
    is_used: bool = False


def without_ignored(found: Iterable[Diagnostic], trees: Mapping[str, Tree]) -> list[Diagnostic]:
    """The findings without the warnings that comments ignore, and a finding (W005) for each comment without effect."""
    kept = list(found)
    for name, tree in trees.items():
        if "girih:" not in tree.source.text or name.endswith(".json"):
            continue
        faults: list[Diagnostic] = []
        entries = list(_entries(tree, faults))
        kept = [d for d in kept if not _is_ignored(d, name, entries)]
        # In a file with errors not everything was looked at: a warning may come back when they are mended.
        if not has_errors(d for d in kept if d.place.file == name):
            faults += [_useless(entry) for entry in entries if not entry.is_used]
        kept += faults
    return kept


def _is_ignored(diagnostic: Diagnostic, file: str, entries: Iterable[_Entry]) -> bool:
    """Whether a comment is for this warning: by its own line, or by the line that names the prompt file it is in."""
    if diagnostic.severity == "error":
        return False
    places = [diagnostic.place, *(related.place for related in diagnostic.related[:1])]
    lines = [place.line for place in places[: 1 if places[0].file == file else 2] if place.file == file]
    result = False
    for entry in entries:
        if lines and entry.code == diagnostic.code and (entry.lines is None or lines[0] in entry.lines):
            entry.is_used = result = True
    return result


def _entries(tree: Tree, faults: list[Diagnostic]) -> Iterator[_Entry]:
    source = tree.source
    texts = _Texts(tree)
    for mark in _MARK.finditer(source.text):
        if not texts.is_comment(mark.start()):
            continue
        if mark["what"] not in _WORDS or mark["list"] is None:
            faults.append(_malformed(source, mark))
            continue
        line, _ = source.position(mark.start())
        is_for_file = mark["what"] == "ignore-file"
        if is_for_file and not _is_head(source, line):
            message, way_out = "'ignore-file' stands in the head of a file", "move it above the first line that is data"
            faults.append(Diagnostic(INEFFECTIVE, message, _place(source, mark.span()), way_out, "warning"))
            continue
        for code in _CODE.finditer(mark["codes"]):
            place = _place(source, tuple(mark.start("codes") + at for at in code.span()))
            if (fault := _not_ignorable(code.group(), place)) is not None:
                faults.append(fault)
            else:
                yield _Entry(code.group(), None if is_for_file else _lines_of(source, line), place)


class _Texts:
    """Tells a comment from a '#' inside of a text."""

    def __init__(self, tree: Tree) -> None:
        spans = {spot.span for spot in tree.spots.values() if spot.style is not None and spot.style != "plain"}
        self._spans = sorted(spans)
        self._starts = [start for start, _ in self._spans]
        self._text = tree.source.text

    def is_comment(self, index: int) -> bool:
        """Whether the '#' at `index` begins a comment."""
        if index > 0 and self._text[index - 1] not in " \t\r\n":
            return False
        at = bisect_right(self._starts, index) - 1
        return at < 0 or index >= self._spans[at][1]


def _is_head(source: Source, line: int) -> bool:
    return all(not above.strip() or above.lstrip().startswith("#") for above in source.lines[: line - 1])


def _lines_of(source: Source, line: int) -> range:
    """The lines that a comment is for: its own; the next one with data if it stands alone."""
    below = line
    while source.line(below).lstrip().startswith("#") and below < len(source.lines):
        below += 1
        while below < len(source.lines) and not source.line(below).strip():
            below += 1
    return range(below, below + 1)


def _not_ignorable(code: str, place: Place) -> Diagnostic | None:
    if code in WARNINGS:
        return None
    if code == INEFFECTIVE or re.fullmatch(r"E\d{3}", code):
        what = f"'{code}' is an error and cannot" if code.startswith("E") else f"'{code}' cannot"
        way_out = "put it right; only warnings can be ignored" if code.startswith("E") else "remove the comment"
        return Diagnostic(INEFFECTIVE, f"{what} be ignored", place, way_out, "warning")
    near = hint(code, sorted(WARNINGS), "warnings")
    return Diagnostic(INEFFECTIVE, f"there is no warning '{code}'", place, near, "warning")


def _useless(entry: _Entry) -> Diagnostic:
    where = "in this file" if entry.lines is None else "on its line"
    message = f"there is no '{entry.code}' {where} to ignore"
    return Diagnostic(INEFFECTIVE, message, entry.place, "remove it from the comment", "warning")


def _malformed(source: Source, mark: re.Match[str]) -> Diagnostic:
    what = mark["what"]
    if what in _WORDS:
        message = f"'{what}' names no warning"
    else:
        message = f"'{what}' is nothing that a comment can ask for" if what else "a comment to girih that asks nothing"
    near = did_you_mean(what, _WORDS) if what and what not in _WORDS else None
    way_out = f"did you mean '{near}[CODE]'?" if near else _FORM
    return Diagnostic(INEFFECTIVE, message, _place(source, mark.span()), way_out, "warning")


def _place(source: Source, span: tuple[int, ...]) -> Place:
    line, column = source.position(span[0])
    return Place(source.name, line, column, max(1, span[1] - span[0]))
