"""YAML 1.2 → tree: PyYAML's parser events composed by ourselves, so that places, caps and the dialect are ours."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import yaml

from girih.language.spec.building import (
    MAX_DEPTH,
    MAX_KEYS,
    MAX_VALUES,
    Alias,
    Mapping,
    Node,
    ReadingError,
    Sequence,
    Text,
    TreeBuilder,
)
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.offsets import Style
from girih.language.spec.scalars import NotJsonError, resolve_plain, trap
from girih.language.spec.source import Source
from girih.language.spec.tree import JsonValue, Tree
from girih.language.spec.yaml_faults import explain
from girih.language.spec.yaml_repair import Repair

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STYLES: dict[str | None, Style] = {"'": "single", '"': "double", "|": "block", ">": "block"}
_PROPERTIES = re.compile(r"(?:[&!]\S*(?:\s|#[^\r\n]*[\r\n])*)+")


_MOST_FAULTS = 12
_MOST_TEXT = 400_000
"""How much text is read again, in characters, to find what else is wrong behind a fault."""


def read_yaml(source: Source, found: list[Diagnostic]) -> Tree:
    """The one document of a YAML file; adds findings to `found`. Raises `ReadingError`.

    A fault of the syntax costs the entry it stands in: what is left is read, and the tree says where it is damaged.
    """
    repair = Repair(source)
    faults: list[Diagnostic] = []
    for _ in range(min(_MOST_FAULTS, 1 + _MOST_TEXT // max(1, len(source.text)))):
        findings: list[Diagnostic] = []
        reader = YamlReader(source, findings)
        try:
            tree = reader.read(repair.text)
        except yaml.YAMLError as error:
            fault = explain(source, error, reader.open_quote)
            if not repair.is_known(fault.place.line):
                faults.append(fault)
            if not repair.cut(fault.place):
                break
        except ReadingError:
            found += [*faults, *findings]
            raise
        else:
            found += [*faults, *findings]
            return replace(tree, damage=repair.damage(tree))
    found += faults[:-1]
    raise ReadingError(faults[-1])


def _way_out(text: str) -> str:
    value = resolve_plain(text)
    return "quote it" if isinstance(value, str) else f"write {value}, or quote it if it is meant as text"


class YamlReader:
    """Composes the nodes of one text, and knows what it found on the way."""

    def __init__(self, source: Source, found: list[Diagnostic]) -> None:
        self.source = source
        self.found = found
        self.anchors: dict[str, Node | None] = {}
        self.builder = TreeBuilder(source, self._resolve, found)
        self.open_quote: tuple[int, int] | None = None
        """The last quoted text that goes over several lines: where it begins, and where it ends."""

    def read(self, text: str) -> Tree:
        """The tree of `text`, which is the source's or a repaired form of it, of the same length."""
        return self.builder.build(self.composed(text))

    def composed(self, text: str, depth: int = 0) -> Node:
        """The nodes of `text`, which stands `depth` levels deep in a document."""
        loader = _LOADER(text)
        try:
            return self._document(loader, depth)
        finally:
            loader.dispose()

    def _document(self, loader: Any, depth: int) -> Node:
        loader.get_event()  # the stream's start
        if loader.check_event(yaml.StreamEndEvent):
            return Text("", (0, 0), "plain")
        loader.get_event()  # the document's start
        root = self._node(loader, depth)
        loader.get_event()  # the document's end
        if not loader.check_event(yaml.StreamEndEvent):
            second: Any = loader.get_event()
            span = (second.start_mark.index, second.start_mark.index + 3)
            self._report("a second document begins here", span, "put each document into a file of its own")
        return root

    def _node(self, loader: Any, depth: int) -> Node:
        event = loader.get_event()
        span = (event.start_mark.index, event.end_mark.index)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, span)
        if depth > MAX_DEPTH:
            raise self.builder.stop(f"nested deeper than {MAX_DEPTH} levels", span, "flatten the structure")
        anchor: str | None = event.anchor
        if event.tag is not None:
            self._report("tags ('!…') are not part of the language", span, "write the plain value, or quote the text")
        if anchor is not None:
            self.anchors[anchor] = None
        node = self._content(loader, event, depth)
        if anchor is not None:
            self.anchors[anchor] = node
        return node

    def _content(self, loader: Any, event: Any, depth: int) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        if event.anchor is not None or event.tag is not None:
            properties = _PROPERTIES.match(self.source.text, start, end)
            start = properties.end() if properties else start
        if isinstance(event, yaml.ScalarEvent):
            if event.style in ("'", '"'):
                self.open_quote = (start, end) if self.source.text.find("\n", start, end) >= 0 else None
            return Text(event.value, (start, end), _STYLES.get(event.style, "plain"))
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(loader, start, depth)
        return self._mapping(loader, start, depth)

    def _sequence(self, loader: Any, start: int, depth: int) -> Sequence:
        items: list[Node] = []
        while not loader.check_event(yaml.SequenceEndEvent):
            items.append(self._node(loader, depth + 1))
            if len(items) > MAX_VALUES:
                raise self.builder.too_many_values(items[-1].span)
        return Sequence(tuple(items), (start, loader.get_event().end_mark.index))

    def _mapping(self, loader: Any, start: int, depth: int) -> Mapping:
        pairs: list[tuple[Text, Node]] = []
        while not loader.check_event(yaml.MappingEndEvent):
            key = self._key(self._node(loader, depth + 1))
            value = self._node(loader, depth + 1)
            if key is not None:
                pairs.append((key, value))
            if len(pairs) > MAX_KEYS:
                raise self.builder.too_many_keys(pairs[-1][0].span)
        return Mapping(tuple(pairs), (start, loader.get_event().end_mark.index))

    def _key(self, node: Node) -> Text | None:
        """A key is the text it looks like: `on`, `200` and `null` are names here."""
        if isinstance(node, Alias):
            node = node.target
        if not isinstance(node, Text):
            self._report("a key must be text, not a list or a mapping", node.span, "write a plain name before the ':'")
            return None
        if node.style == "plain" and node.value == "<<":
            self._report("merge keys ('<<') are not part of YAML 1.2", node.span, "write the keys out")
            return None
        if node.style == "plain" and not node.value:
            self._report("a key is missing before the ':'", node.span, "write a name before the ':'")
            return None
        return node

    def _alias(self, event: Any, span: tuple[int, int]) -> Alias | Text:
        target = self.anchors.get(event.anchor)
        if target is not None:
            return Alias(target, span)
        if event.anchor in self.anchors:
            self._report(f"'*{event.anchor}' stands inside of what it refers to", span, "write the value out")
        else:
            self._report(f"'*{event.anchor}' refers to no anchor", span, "define it above, or quote the text")
        return Text("", span, "plain")

    def _resolve(self, text: Text, span: tuple[int, int]) -> JsonValue:
        if text.style != "plain":
            return text.value
        if sentence := trap(text.value):
            place = self.builder.place(span)
            self.builder.add(Diagnostic("W003", sentence, place, help=_way_out(text.value), severity="warning"))
        try:
            return resolve_plain(text.value)
        except NotJsonError as fault:
            self._report(str(fault), span, "quote it if it is meant as text")
            return text.value

    def _report(self, message: str, span: tuple[int, int], help: str) -> None:
        self.builder.add(Diagnostic("E001", message, self.builder.place(span), help=help))
