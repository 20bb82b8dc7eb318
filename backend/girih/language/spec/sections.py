"""A YAML text read entry by entry, so that after a change only the entry that changed is read again.

The entries of the document, and of its `nodes`, that begin at the margin of their mapping are texts of their own, as
long as nothing refers from one to another. Where that cannot be seen at a glance the whole text is read at once, as it
is for every fault: what is found is the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import yaml

from girih.language.spec.building import MAX_FINDINGS, MAX_KEYS, MAX_VALUES, ReadingError
from girih.language.spec.building import Mapping as MappingNode
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.memory import Memory
from girih.language.spec.source import Source
from girih.language.spec.tree import JsonValue, Path, Spot, Tree
from girih.language.spec.yaml_reader import YamlReader

_MARGIN = re.compile(r"^(?=[^\s#])", re.MULTILINE)
_UNUSUAL = re.compile("\t|\r(?!\n)|[\x85\u2028\u2029]|^(?:---|\\.\\.\\.|%)", re.MULTILINE)
_BEFORE = re.compile(r"(?:[ ]*(?:#[^\r\n]*)?\r?\n)*")
_NODES = re.compile(r"nodes:(?:[ ]+#[^\r\n]*|[ ]*)\r?\n(?:[ ]*(?:#[^\r\n]*)?\r?\n)*(?P<indent> +)(?=[^\s#])")
_INNER = "nodes"


@dataclass(frozen=True)
class Section:
    """One entry: its key and value, spots with indexes from its own beginning, findings with lines from its own."""

    key: str
    key_span: tuple[int, int]
    value: JsonValue
    spots: Mapping[Path, Spot]
    findings: tuple[Diagnostic, ...]


class _Placed(NamedTuple):
    section: Section
    offset: int


@dataclass(frozen=True)
class Spots(Mapping[Path, Spot]):
    """The spots of all sections, moved to where each section stands; few of thousands are ever asked for."""

    own: dict[Path, Spot]
    """Of the mappings that hold the sections."""
    placed: dict[Path, _Placed] = field(default_factory=dict)

    def __getitem__(self, path: Path) -> Spot:
        found = self.own.get(path)
        if found is not None:
            return found
        section, offset = self.placed[path[: 2 if path[:1] == (_INNER,) and (_INNER,) in self.own else 1]]
        return _moved(section.spots[path], offset)

    def __iter__(self) -> Iterator[Path]:
        yield from self.own
        for placed in self.placed.values():
            yield from placed.section.spots

    def __len__(self) -> int:
        return len(self.own) + sum(len(placed.section.spots) for placed in self.placed.values())


def _moved(spot: Spot, by: int) -> Spot:
    key = (spot.key[0] + by, spot.key[1] + by) if spot.key is not None else None
    return Spot((spot.shown[0] + by, spot.shown[1] + by), key, (spot.span[0] + by, spot.span[1] + by), spot.style)


class _AtOnceError(Exception):
    """The text has to be read as a whole."""


def read_sections(source: Source, memory: Memory, found: list[Diagnostic]) -> Tree | None:
    """The document, and what is odd about its text; `None` where it has to be read as a whole."""
    if _UNUSUAL.search(source.text):
        return None
    try:
        return _Reading(source, memory).tree(found)
    except (_AtOnceError, ReadingError, yaml.YAMLError):
        return None


class _Reading:
    def __init__(self, source: Source, memory: Memory) -> None:
        self._source = source
        self._memory = memory
        self._spots = Spots({})

    def tree(self, found: list[Diagnostic]) -> Tree:
        """Raises `_AtOnceError` where something is not as simple as it looks."""
        text = self._source.text
        starts = [match.start() for match in _MARGIN.finditer(text)]
        if not starts or not _BEFORE.fullmatch(text, 0, starts[0]):
            raise _AtOnceError
        value: dict[str, JsonValue] = {}
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
            inner = _NODES.match(text, start, end)
            if inner is None:
                self._take((), start, end, value)
            else:
                self._nodes(start, end, len(inner["indent"]), inner.start("indent"), value)
        self._spots.own[()] = Spot((starts[0], len(text)), None, (starts[0], len(text)))
        odd = list(self._odd())
        if len(self._spots) > MAX_VALUES or len(odd) > MAX_FINDINGS or len(value) > MAX_KEYS:
            raise _AtOnceError
        found += odd
        return Tree(self._source, value, self._spots)

    def _nodes(self, start: int, end: int, indent: int, first: int, value: dict[str, JsonValue]) -> None:
        if _INNER in value:
            raise _AtOnceError
        text = self._source.text
        margin = re.compile(rf"^ {{{indent}}}(?=[^\s#])", re.MULTILINE)
        starts = [match.start() for match in margin.finditer(text, first, end)]
        nodes: dict[str, JsonValue] = {}
        for begin, until in zip(starts, [*starts[1:], end], strict=True):
            self._take((_INNER,), begin, until, nodes)
        if len(nodes) > MAX_KEYS:
            raise _AtOnceError
        value[_INNER] = nodes
        span = (first + indent, end)
        self._spots.own[_INNER,] = Spot(span, (start, start + len(_INNER)), span)

    def _take(self, base: Path, start: int, end: int, into: dict[str, JsonValue]) -> None:
        text = self._source.text[start:end]
        section: Section | None = self._memory.get(("section", base, text))
        if section is None:
            section = _read(text, base)
            self._memory.put(("section", base, text), section)
        if section.key in into:
            raise _AtOnceError
        into[section.key] = section.value
        self._spots.placed[*base, section.key] = _Placed(section, start)

    def _odd(self) -> Iterator[Diagnostic]:
        for section, offset in self._spots.placed.values():
            for one in section.findings:
                line = self._source.position(offset)[0] - 1
                yield replace(one, place=replace(one.place, file=self._source.name, line=one.place.line + line))


def _read(text: str, base: Path) -> Section:
    """One entry by itself. Raises `_AtOnceError`, and what the reader raises."""
    findings: list[Diagnostic] = []
    reader = YamlReader(Source("", text), findings)
    root = reader.composed(text, len(base))
    is_simple = isinstance(root, MappingNode) and len(root.pairs) == 1 and text.lstrip()[:1] not in ("{", "?")
    if not isinstance(root, MappingNode) or not is_simple or reader.anchors:
        raise _AtOnceError
    ((key, node),) = root.pairs
    value = reader.builder.below(base, key, node)
    if any(one.severity == "error" or one.related for one in findings):
        raise _AtOnceError
    return Section(key.value, key.span, value, reader.builder.spots, tuple(findings))
