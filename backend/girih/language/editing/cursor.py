"""Where a cursor stands in a text that is half-typed: read from the characters before it, whatever follows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from girih.language.editing.flow import Flow
from girih.language.spec.tree import Path

_KEY = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#\[\]{},&*!|>'"%@`-][^:#]*?|-[^\s:#][^:#]*?)[ \t]*:(?=[ \t]|$)"""
)
_ITEM = re.compile(r"-(?:[ \t]+|$)")
_BLOCK = re.compile(r"[|>][-+0-9]*[ \t]*(?:#.*)?$")
_COMMENT = re.compile(r"(?:^|[ \t])#")


@dataclass(frozen=True)
class Cursor:
    """A place in a text.

    `path` leads to the value that is typed, or to the mapping whose key is typed; a word that stands alone may become
    either, and counts as a key. `text` is what is there of the value or of the key; `siblings` are the keys before it
    in the same mapping. `column` is where the line's own keys begin.
    """

    path: Path
    at: Literal["key", "value", "comment"]
    text: str = ""
    siblings: tuple[str, ...] = ()
    quote: str = ""
    column: int = 0
    is_flow: bool = False
    around: tuple[tuple[str, ...], ...] = ()
    """The keys before the cursor in each mapping around it, from the outermost in; of a list, none."""


@dataclass
class _Frame:
    """A mapping or a list that is written in lines: where it is indented to, and where in it the text has come."""

    indent: int
    is_list: bool
    step: str | int
    keys: list[str] = field(default_factory=list)


def cursor_at(text: str, index: int) -> Cursor:
    """Where the character at `index` stands."""
    lines = re.split(r"\r\n|\r|\n", text[:index])
    reader = _Reader()
    for line in lines[:-1]:
        reader.line(line)
    return reader.cursor(lines[-1])


def keys_after(text: str, index: int, column: int) -> Iterator[str]:
    """The keys that follow a cursor's line in the same mapping, which is written in lines."""
    for line in re.split(r"\r\n|\r|\n", text[index:])[1:]:
        content = line.lstrip(" ")
        indent = len(line) - len(content)
        if content and not content.startswith("#"):
            if indent < column or (indent == column and content.startswith("- ")):
                return
            found = _KEY.match(content) if indent == column else None
            if found is not None:
                yield found[1].strip("\"'")


class _Reader:
    """Goes through a text line by line, and knows where it is."""

    def __init__(self) -> None:
        self._frames: list[_Frame] = []
        self._flow: Flow | None = None
        self._block: list[str] | None = None
        """The lines of a text that begins with `|` or `>`."""
        self._owner = 0
        """The indentation of what such a text, or a bracket or a quote that is open, belongs to."""

    def line(self, line: str) -> None:
        """Take in a whole line."""
        if self._is_in_block(line, blank=True):
            return
        if self._is_in_flow(line):
            self._feed(line)
            return
        content = line.lstrip(" \t")
        if not content or content[0] == "#":
            return
        margin = len(line) - len(content)
        indent, content = self._items(content, margin)
        found = _KEY.match(content)
        if found is not None:
            self._enter(indent, is_list=False, key=found[1].strip("\"'"))
            content = content[found.end() :].lstrip(" \t")
            if _BLOCK.match(content):
                self._block, self._owner = [], indent
                return
        if content[:1] in ("{", "[", '"', "'") and content:
            self._flow, self._owner = Flow(), margin if self._frames else -1
            self._feed(content)

    def cursor(self, line: str) -> Cursor:
        """Where the end of this last, unfinished line stands."""
        if self._is_in_block(line, blank=False) and self._block is not None:
            return Cursor(self._path(), "value", "\n".join(self._block), quote="|", around=self._around())
        if self._is_in_flow(line):
            return self._in_flow(line)
        content = line.lstrip(" \t")
        if content[:1] == "#":
            return Cursor((), "comment")
        indent, content = self._items(content, len(line) - len(content))
        found = _KEY.match(content)
        if found is None:
            return self._alone(content, indent)
        self._enter(indent, is_list=False, key=found[1].strip("\"'"))
        return self._value(content[found.end() :].lstrip(" \t"))

    # --- parts of a line

    def _is_in_block(self, line: str, *, blank: bool) -> bool:
        if self._block is None:
            return False
        content = line.lstrip(" ")
        if (content or not blank) and len(line) - len(content) <= self._owner:
            self._block = None
            return False
        self._block.append(line)
        return True

    def _is_in_flow(self, line: str) -> bool:
        """Whether a bracket or a quote goes on; one that was never closed ends where something else begins."""
        content = line.lstrip(" \t")
        if self._flow is not None and len(line) - len(content) <= self._owner and content[:1] not in ("", "}", "]"):
            self._flow = None
        return self._flow is not None

    def _items(self, content: str, indent: int) -> tuple[int, str]:
        while item := _ITEM.match(content):
            self._enter(indent, is_list=True)
            indent += item.end()
            content = content[item.end() :]
        return indent, content

    def _feed(self, text: str) -> None:
        if self._flow is not None:
            self._flow.feed(text + "\n")
            self._flow = None if self._flow.is_closed else self._flow

    def _enter(self, indent: int, *, is_list: bool, key: str = "") -> None:
        """Come to a key or to an item at a column."""
        self._leave(indent, is_list=is_list)
        top = self._frames[-1] if self._frames else None
        if top is None or top.indent != indent or top.is_list != is_list:
            top = _Frame(indent, is_list, -1)
            self._frames.append(top)
        top.step = int(top.step) + 1 if is_list else key
        top.keys.append(key)

    def _leave(self, indent: int, *, is_list: bool) -> None:
        """Leave what lies deeper; a list may stand at the column of the key that it belongs to."""
        while self._frames:
            top = self._frames[-1]
            if top.indent < indent or (top.indent == indent and (is_list or not top.is_list)):
                return
            self._frames.pop()

    def _around(self) -> tuple[tuple[str, ...], ...]:
        return tuple(() if frame.is_list else tuple(frame.keys) for frame in self._frames)

    def _path(self) -> Path:
        return tuple(frame.step for frame in self._frames)

    def _alone(self, word: str, indent: int) -> Cursor:
        """A word without a key before it."""
        if word[:1] in ("{", "[", '"', "'") and word:
            return self._value(word)
        self._leave(indent, is_list=False)
        top = self._frames[-1] if self._frames else None
        if top is not None and top.indent == indent:
            return Cursor(self._path()[:-1], "key", word, tuple(top.keys), column=indent, around=self._around())
        return Cursor(self._path(), "key", word, column=indent, around=self._around())

    def _value(self, rest: str) -> Cursor:
        if rest[:1] in ("{", "[", '"', "'") and rest:
            self._flow = Flow()
            return self._in_flow(rest)
        return Cursor(self._path(), "comment" if _COMMENT.search(rest) else "value", rest, around=self._around())

    def _in_flow(self, rest: str) -> Cursor:
        flow = self._flow or Flow()
        flow.feed(rest)
        path, at, text, siblings, quote = flow.state()
        around = (*self._around(), *flow.keys)
        return Cursor((*self._path(), *path), at, text, siblings, quote, is_flow=True, around=around)
