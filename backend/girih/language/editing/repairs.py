"""Edits that put a finding right, where it is certain what was meant: the finding says it, and the edit ends it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from girih.language.editing.positions import Edit, Range, between, span_of
from girih.language.editing.reading import Reading
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.source import Source
from girih.language.spec.suggest import did_you_mean

MOST = 8
"""Findings that are put right at one place; each edit is tried."""

_MEANT = re.compile(r"did you mean (?:'(?P<word>[^']+)'|(?P<expression>\$\{ .+? \}))\?")
_QUOTED = re.compile(r"'([^']+)'")

Analyse = Callable[[Mapping[str, str]], Reading]


@dataclass(frozen=True)
class Repair:
    """A change of one file that ends a finding: what it does, and the characters that get another text."""

    title: str
    span: tuple[int, int]
    text: str
    finding: Diagnostic

    def edit(self, source: Source) -> Edit:
        """The change as an edit."""
        return Edit(between(source, *self.span), self.text)


def repairs(reading: Reading, file: str, wanted: Range, analyse: Analyse) -> list[Repair]:
    """The repairs of what was found between two positions. `analyse` gives what is found in changed texts."""
    found: list[Repair] = []
    tried = 0
    for diagnostic in reading.analysis.diagnostics:
        if diagnostic.place.file != file or not _touches(reading.spot(diagnostic.place).range, wanted):
            continue
        repair = _repair(reading.source(file), diagnostic)
        if repair is not None and tried < MOST:
            tried += 1
            found += [repair] if _ends(reading, repair, analyse) else []
    return found


def _touches(one: Range, other: Range) -> bool:
    return one.start <= other.end and other.start <= one.end


def _repair(source: Source, diagnostic: Diagnostic) -> Repair | None:
    meant = _MEANT.search(diagnostic.help or "")
    if meant is None:
        return None
    start, end = span_of(source, diagnostic.place)
    if meant["expression"] is not None:
        return Repair(f"write {meant['expression']}", (start, end), f'"{meant["expression"]}"', diagnostic)
    wrong = _wrong_word(diagnostic, meant["word"], source.text[start:end])
    if wrong is None:
        return None
    at = source.text.find(wrong, start, end)
    return Repair(f"change '{wrong}' to '{meant['word']}'", (at, at + len(wrong)), meant["word"], diagnostic)


def _wrong_word(diagnostic: Diagnostic, meant: str, text: str) -> str | None:
    """The word of the message that stands once at the place: the one that is near to what was meant, if any is."""
    words = [word for word in _QUOTED.findall(diagnostic.message) if text.count(word) == 1 and word != meant]
    near = (word for word in words if did_you_mean(word, (meant,)) or word in meant)
    return next(near, words[0] if words else None)


def _ends(reading: Reading, repair: Repair, analyse: Analyse) -> bool:
    """Whether the change ends its finding and brings no other fault."""
    mine = repair.finding
    file, text = mine.place.file, reading.source(mine.place.file).text
    start, end = repair.span
    after = analyse({**reading.files, file: text[:start] + repair.text + text[end:]}).analysis.diagnostics
    is_left = any((d.code, d.message, d.place.file) == (mine.code, mine.message, file) for d in after)
    return not is_left and _errors(after) <= _errors(reading.analysis.diagnostics)


def _errors(found: Iterable[Diagnostic]) -> int:
    return sum(diagnostic.severity == "error" for diagnostic in found)
