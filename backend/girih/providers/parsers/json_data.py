"""JSON and JSON lines: keys as headings, small values whole as an outline, lists of like objects as tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

from girih.errors import DocumentRejected
from girih.providers.parsers.document import Builder, ParsedDocument
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.tables import markdown_tables
from girih.providers.parsers.text import read_text, too_long

_HEADINGS = 6
"""How deep keys become headings; what is deeper is shown as JSON."""
_SMALL_LINES, _SMALL = 40, 1_000
"""Lines and characters of an outline that stays together."""
_WIDEST = 30
"""Columns of a table; objects with more keys than these are shown one by one."""


def parse_json(path: Path, limits: Limits) -> ParsedDocument:
    """A file that is one JSON value, or one on each line. Numbers stay as they are written."""
    builder = Builder(limits.characters)
    try:
        value = _read(read_text(path))
        _Values(builder, limits).add(value, 1)
    except RecursionError as fault:
        raise DocumentRejected("the JSON nests its values too deep") from fault
    builder.title = None  # the first key's name says nothing about the others
    return builder.build(_name(value) or None)


def _read(text: str) -> Any:
    try:
        return _load(text)
    except json.JSONDecodeError as fault:
        whole = fault
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    values = []
    for number, line in lines:
        try:
            values.append(_load(line))
        except json.JSONDecodeError as fault:
            # Lines that begin well are meant as JSON lines; anything else was meant as one value.
            place = f"line {number}, column {fault.colno}" if values else f"line {whole.lineno}, column {whole.colno}"
            raise DocumentRejected(f"the file is not valid JSON: see {place}") from fault
    return values


def _load(text: str) -> Any:
    return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)


class _Values:
    """Adds values under headings."""

    def __init__(self, builder: Builder, limits: Limits) -> None:
        self._builder = builder
        self._limits = limits

    def add(self, value: Any, level: int) -> None:
        """Add a value; keys of objects in it are headings of this level."""
        self._hold()
        if isinstance(value, list):
            self._list(value, level)
        elif isinstance(value, dict) and level > 1 and (text := _small(value)):
            self._builder.add("list", text)
        elif isinstance(value, dict):
            self._object(value, level)
        else:
            self._builder.add("paragraph", _shown(value))

    def _object(self, value: Mapping[str, Any], level: int) -> None:
        plain = {key: item for key, item in value.items() if not _nests(item) or level > _HEADINGS}
        self._builder.add("list", "\n".join(f"{key}: {_shown(item)}" for key, item in plain.items()))
        for key, item in value.items():
            if key not in plain:
                self._builder.heading(key or "(no name)", level)
                self.add(item, level + 1)

    def _list(self, items: list[Any], level: int) -> None:
        if table := _rows(items):
            for part in markdown_tables(table):
                self._builder.add("table", part)
                self._hold()
        elif not _has_nested(items):
            self._builder.add("list", "\n".join(f"- {_shown(item)}" for item in items))
        else:
            for number, item in enumerate(items, start=1):
                if text := _small(item):
                    self._builder.add("list", text)
                    self._hold()
                elif level <= _HEADINGS:
                    self._builder.heading(_name(item) or str(number), level)
                    self.add(item, level + 1)
                else:
                    self.add(_shown(item), level)

    def _hold(self) -> None:
        if self._builder.full:
            raise too_long(self._limits)


def _small(value: Any) -> str:
    """The outline of a value that is small; nothing for a larger one."""
    lines = list(islice(_outline(value), _SMALL_LINES + 1))
    text = "\n".join(lines)
    return text if len(lines) <= _SMALL_LINES and len(text) <= _SMALL else ""


def _outline(value: Any) -> Iterator[str]:
    """Lines with names and values; what is inside of another stands further to the right."""
    if isinstance(value, dict):
        for key, item in value.items():
            if _nests(item):
                yield f"{key}:"
                yield from (f"  {line}" for line in _outline(item))
            else:
                yield f"{key}: {_shown(item)}"
    elif isinstance(value, list):
        for item in value:
            marks = chain(("- ",), repeat("  "))
            yield from (mark + line for mark, line in zip(marks, _outline(item), strict=False))
    else:
        yield _shown(value)


def _rows(items: list[Any]) -> list[list[str]]:
    """A header and rows for a list of objects of plain values; nothing for any other list."""
    if len(items) < 2 or not all(isinstance(item, dict) and not _has_nested(item.values()) for item in items):
        return []
    keys = list(dict.fromkeys(key for item in items for key in item))
    if not 1 < len(keys) <= _WIDEST:
        return []
    return [keys, *([_shown(item.get(key)) for key in keys] for item in items)]


def _has_nested(values: Iterable[Any]) -> bool:
    return any(map(_nests, values))


def _nests(value: Any) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _name(item: Any) -> str:
    """What an object calls itself."""
    if not isinstance(item, dict):
        return ""
    return next((str(item[key]) for key in ("title", "name", "id") if isinstance(item.get(key), str) and item[key]), "")


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
