"""The layout of a file as edits: only the lines that change are replaced, so that a cursor stays where it is."""

from __future__ import annotations

from girih.language.editing.positions import Edit, between
from girih.language.formatting.formatter import NotTheSameError, formatted
from girih.language.spec.source import Source


def layout_edits(source: Source) -> list[Edit]:
    """The edit that lays a file out; none where it is laid out already, or where its syntax is not sound."""
    try:
        text, found = formatted(source)
    except NotTheSameError:
        return []
    if found or text == source.text:
        return []
    before, after = source.text.splitlines(keepends=True), text.splitlines(keepends=True)
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    first = sum(map(len, before[:start]))
    last = len(source.text) - sum(map(len, before[len(before) - end :]))
    return [Edit(between(source, first, last), "".join(after[start : len(after) - end]))]
