"""Warnings that an author has seen and accepts: `# girih: ignore[W204]` at the line, or alone on the line above."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from girih.language.spec.codes import INEFFECTIVE, WARNINGS
from girih.language.spec.diagnostics import Diagnostic, Place, has_errors
from girih.language.spec.source import Source
from girih.language.spec.suggest import did_you_mean, hint
from girih.language.spec.tree import Tree

_MARK = re.compile(r"#[ \t]*girih:[ \t]*(?P<what>[\w-]*)[ \t]*(?P<list>\[(?P<codes>[^\]\r\n]*)\])?")
_WORDS = ("ignore", "ignore-file")
_CODE = re.compile(r"[^\s,]+")
_MOST = 1_000
"""How many comments of a file count, and how many findings they may have."""

_FORM = "write '# girih: ignore[CODE]', with the code of a warning"


@dataclass
class _Entry:
    """One code in a comment: the line that it is for (`None` for the whole file), and whether it was of use."""

    code: str
    line: int | None
    place: Place
    is_used: bool = False


def without_ignored(found: Iterable[Diagnostic], trees: Mapping[str, Tree]) -> list[Diagnostic]:
    """The findings without the warnings that comments ignore, and a finding (W005) for each comment without effect."""
    kept = list(found)
    for name, tree in trees.items():
        if "girih:" not in tree.source.text or name.endswith(".json"):
            continue
        faults: list[Diagnostic] = []
        entries: dict[tuple[str, int | None], list[_Entry]] = {}
        for entry in islice(_entries(tree, faults), _MOST):
            entries.setdefault((entry.code, entry.line), []).append(entry)
        kept = [d for d in kept if not _is_ignored(d, name, entries)]
        # In a file with errors not everything was looked at: a warning may come back when they are mended.
        if not has_errors(d for d in kept if d.place.file == name):
            faults += [_useless(entry) for same in entries.values() for entry in same if not entry.is_used]
        kept += faults[:_MOST]
    return kept


def _is_ignored(diagnostic: Diagnostic, file: str, entries: Mapping[tuple[str, int | None], list[_Entry]]) -> bool:
    """Whether a comment is for this warning: by its own line, or by the line that names the prompt file it is in."""
    places = [diagnostic.place, *(related.place for related in diagnostic.related[:1])]
    line = next((place.line for place in places if place.file == file), None)
    if diagnostic.severity == "error" or line is None:
        return False
    fitting = [*entries.get((diagnostic.code, None), ()), *entries.get((diagnostic.code, line), ())]
    for entry in fitting:
        entry.is_used = True
    return bool(fitting)


def _entries(tree: Tree, faults: list[Diagnostic]) -> Iterator[_Entry]:
    source = tree.source
    texts = _Texts(tree)
    targets, head = _targets(source)
    for mark in _MARK.finditer(source.text):
        if not texts.is_comment(mark.start()):
            continue
        line, _ = source.position(mark.start())
        is_for_file = mark["what"] == "ignore-file"
        if mark["what"] not in _WORDS or mark["list"] is None:
            faults.append(_malformed(source, mark))
        elif is_for_file and line > head:
            message, way_out = "'ignore-file' stands in the head of a file", "move it above the first line that is data"
            faults.append(Diagnostic(INEFFECTIVE, message, _place(source, mark.span()), way_out, "warning"))
        else:
            yield from _listed(source, mark, None if is_for_file else targets.get(line, line), faults)


def _listed(source: Source, mark: re.Match[str], line: int | None, faults: list[Diagnostic]) -> Iterator[_Entry]:
    """The codes of one comment that is for a line, or (`None`) for the file."""
    for code in _CODE.finditer(mark["codes"]):
        place = _place(source, tuple(mark.start("codes") + at for at in code.span()))
        if (fault := _not_ignorable(code.group(), place)) is not None:
            faults.append(fault)
        else:
            yield _Entry(code.group(), line, place)


def _targets(source: Source) -> tuple[dict[int, int], int]:
    """For each line that is a comment the next line with data; and the last line above all data."""
    targets: dict[int, int] = {}
    below = len(source.lines)
    for number in range(len(source.lines), 0, -1):
        content = source.line(number).strip()
        if content.startswith("#"):
            targets[number] = below
        elif content:
            below = number
    return targets, below - 1


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
    where = "in this file" if entry.line is None else "on its line"
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
