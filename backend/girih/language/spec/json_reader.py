"""JSON → tree, with the place of every value: strict JSON, nothing more."""

from __future__ import annotations

import json
import re

from girih.language.spec.building import (
    MAX_DEPTH,
    MAX_KEYS,
    MAX_VALUES,
    Mapping,
    Node,
    ReadingError,
    Sequence,
    Text,
    TreeBuilder,
)
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.scalars import NotJsonError, checked_float, checked_integer
from girih.language.spec.source import Source
from girih.language.spec.tree import JsonValue, Tree

_BLANKS = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\r\n\t]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_BAREWORD = re.compile(r"[^\s,:\[\]{}\"]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<rest>(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)\Z")
_WORDS: dict[str, JsonValue] = {"null": None, "true": True, "false": False}
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def read_json(source: Source, found: list[Diagnostic]) -> Tree:
    """The value of a JSON file; adds findings to `found`. Raises `ReadingError`."""
    reader = _JsonReader(source, found)
    root = reader.node(reader.skip(0), 0)
    end = reader.skip(root.span[1])
    if end < len(source.text):
        raise reader.stop("text after the end of the document", end, "a file holds one value: remove what follows it")
    return reader.builder.build(root)


class _JsonReader:
    def __init__(self, source: Source, found: list[Diagnostic]) -> None:
        self.source = source
        self.text = source.text
        self.found = found
        self.builder = TreeBuilder(source, self._resolve, found)

    def skip(self, at: int) -> int:
        """The index of the next character that is not blank."""
        found = _BLANKS.match(self.text, at)
        return found.end() if found else at

    def stop(self, message: str, at: int, help: str, length: int = 1) -> ReadingError:
        """The exception that ends the reading here."""
        return self.builder.stop(message, (at, at + length), help)

    def node(self, at: int, depth: int) -> Node:
        """The value that begins at `at`."""
        char = self.text[at : at + 1]
        if depth > MAX_DEPTH:
            raise self.stop(f"nested deeper than {MAX_DEPTH} levels", at, "flatten the structure")
        if char == "{":
            return self._mapping(at, depth)
        if char == "[":
            return self._sequence(at, depth)
        if char == '"':
            return self._string(at)
        if self.text.startswith(("//", "/*", "#"), at):
            raise self.stop("comments are not part of JSON", at, "remove it, or write the file as YAML")
        if word := _BAREWORD.match(self.text, at):
            return Text(word.group(), word.span(), "plain")
        if not char:
            raise self.stop("the file ends where a value is expected", at, "close every '{', '[' and '\"'")
        raise self.stop(f"'{char}' where a value is expected", at, "write a value, or remove the comma before it")

    def _string(self, at: int) -> Text:
        found = _STRING.match(self.text, at)
        if found is None:
            way_out = "close it with '\"' on the same line; write line ends as \\n and backslashes as \\\\"
            raise self.stop("a text that is not closed, or holds an unknown escape", at, way_out)
        value = json.loads(found.group())
        if _LONE_SURROGATE.search(value):
            way_out = "write both halves of the pair, or the character itself"
            raise self.stop("half of a surrogate pair is not a character", at, way_out, len(found.group()))
        return Text(value, found.span(), "json")

    def _sequence(self, at: int, depth: int) -> Sequence:
        items: list[Node] = []
        here = self.skip(at + 1)
        while self.text[here : here + 1] != "]" or items:
            items.append(self.node(here, depth + 1))
            if len(items) > MAX_VALUES:
                raise self.builder.too_many_values(items[-1].span)
            here = self.skip(items[-1].span[1])
            if self._closes(here, "]", at):
                break
            here = self.skip(here + 1)
        return Sequence(tuple(items), (at, here + 1))

    def _mapping(self, at: int, depth: int) -> Mapping:
        pairs: list[tuple[Text, Node]] = []
        here = self.skip(at + 1)
        while self.text[here : here + 1] != "}" or pairs:
            pairs.append(self._pair(here, depth))
            if len(pairs) > MAX_KEYS:
                raise self.builder.too_many_keys(pairs[-1][0].span)
            here = self.skip(pairs[-1][1].span[1])
            if self._closes(here, "}", at):
                break
            here = self.skip(here + 1)
        return Mapping(tuple(pairs), (at, here + 1))

    def _pair(self, at: int, depth: int) -> tuple[Text, Node]:
        if self.text[at : at + 1] != '"':
            raise self.stop(
                "a key in quotes is expected here", at, 'write keys as "name"; no comma after the last pair'
            )
        key = self._string(at)
        colon = self.skip(key.span[1])
        if self.text[colon : colon + 1] != ":":
            raise self.stop(f"a ':' is expected after the key \"{key.value}\"", colon, 'write "key": value')
        return key, self.node(self.skip(colon + 1), depth + 1)

    def _closes(self, at: int, closing: str, opened: int) -> bool:
        char = self.text[at : at + 1]
        if char in (closing, ","):
            return char == closing
        line, column = self.source.position(opened)
        way_out = f"the '{self.text[opened]}' at {line}:{column} must be closed; separate values with ','"
        raise self.stop(f"',' or '{closing}' is expected here", at, way_out)

    def _resolve(self, text: Text, span: tuple[int, int]) -> JsonValue:
        if text.style == "json":
            return text.value
        if text.value in _WORDS:
            return _WORDS[text.value]
        number = _NUMBER.match(text.value)
        way_out = "write numbers as JSON does, and texts in double quotes"
        message = f"'{text.value[:40]}' is not a JSON value"
        if number is not None:
            try:
                return checked_float(text.value) if number.group("rest") else checked_integer(text.value)
            except NotJsonError as fault:
                message, way_out = str(fault), "quote it if it is meant as text"
        self.builder.add(Diagnostic("E001", message, self.builder.place(span), help=way_out))
        return text.value
