"""What is visible of a YAML text, each piece with the indentation it gets where it begins a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

STEP = 2
"""Columns by which what lies deeper is indented."""

Kind = Literal["text", "key", "block", "entry", "value", "question", "comma", "open", "close", "alias", "mark"]


@dataclass(frozen=True)
class Level:
    """A block collection that is open: the column it stands at, and the one it gets."""

    column: int
    indent: int
    kind: Literal["mapping", "sequence", "bare"]
    """`bare`: a sequence whose dashes stand at the column of the mapping around it."""


@dataclass(frozen=True)
class Piece:
    """One visible token. Lines and columns count from 0; `indent` is for one that begins a line.

    `inner` is the indentation of the lines it goes on over. `sign` is `{`, `[`, `}` or `]` of an `open` or `close`.
    """

    kind: Kind
    line: int
    column: int
    end_line: int
    end_column: int
    indent: int
    inner: int
    levels: tuple[Level, ...]
    sign: str = ""
    style: str | None = None


@dataclass
class _Nesting:
    """The collections that are open while the tokens go by."""

    levels: list[Level] = field(default_factory=list)
    depth: int = 0
    base: int = 0
    """The indentation of the line on which the outermost `{` or `[` stands."""
    is_key: bool = False
    begun: dict[int, int] = field(default_factory=dict)
    """Line → the indentation of the piece it begins with."""

    @property
    def indent(self) -> int:
        return self.levels[-1].indent if self.levels else -STEP

    def open_block(self, token: Any, kind: Literal["mapping", "sequence", "bare"]) -> None:
        self.levels.append(Level(token.start_mark.column, self.indent + STEP, kind))

    def close_block(self) -> None:
        self.leave_bare()
        if self.levels:
            self.levels.pop()

    def leave_bare(self) -> None:
        if self.levels and self.levels[-1].kind == "bare":
            self.levels.pop()

    def piece(self, kind: Kind, token: Any, sign: str = "") -> Piece:
        start, end = token.start_mark, token.end_mark
        indent, inner = self._indents(kind)
        if start.line not in self.begun:
            self.begun[start.line] = indent
        self.is_key = False
        style = getattr(token, "style", None)
        return Piece(
            kind, start.line, start.column, end.line, end.column, indent, inner, tuple(self.levels), sign, style
        )

    def _indents(self, kind: Kind) -> tuple[int, int]:
        if self.depth:
            deep = self.depth - 1 if kind == "close" else self.depth
            return self.base + STEP * max(1, deep), self.base + STEP * (self.depth + 1)
        deeper = self.indent + STEP
        is_own = self.is_key or kind in ("entry", "value", "question") or not self.levels
        return max(0, self.indent if is_own and self.levels else deeper), max(STEP, deeper)


def pieces(text: str) -> Iterator[Piece]:
    """Every visible token of a sound YAML text, in order. Comments and white space lie between them."""
    nesting = _Nesting()
    for token in yaml.scan(text, Loader=_LOADER):
        handle = _HANDLERS.get(type(token))
        if handle is not None and (piece := handle(nesting, token)) is not None:
            yield piece


def _block_mapping(nesting: _Nesting, token: Any) -> None:
    nesting.open_block(token, "mapping")


def _block_sequence(nesting: _Nesting, token: Any) -> None:
    nesting.open_block(token, "sequence")


def _block_end(nesting: _Nesting, _: Any) -> None:
    nesting.close_block()


def _key(nesting: _Nesting, token: Any) -> Piece | None:
    if not nesting.depth:
        nesting.leave_bare()
    if token.start_mark.index == token.end_mark.index:
        nesting.is_key = True
        return None
    return nesting.piece("question", token)


def _value(nesting: _Nesting, token: Any) -> Piece | None:
    return nesting.piece("value", token) if token.start_mark.index < token.end_mark.index else None


def _entry(nesting: _Nesting, token: Any) -> Piece:
    if not nesting.levels or nesting.levels[-1].kind == "mapping":
        nesting.open_block(token, "bare")
    return nesting.piece("entry", token)


def _open(sign: str) -> Any:
    def handle(nesting: _Nesting, token: Any) -> Piece:
        piece = nesting.piece("open", token, sign)
        if not nesting.depth:
            nesting.base = nesting.begun[piece.line]
        nesting.depth += 1
        return piece

    return handle


def _close(sign: str) -> Any:
    def handle(nesting: _Nesting, token: Any) -> Piece:
        piece = nesting.piece("close", token, sign)
        nesting.depth -= 1
        return piece

    return handle


def _scalar(nesting: _Nesting, token: Any) -> Piece:
    if token.style in ("|", ">"):
        return nesting.piece("block", token)
    return nesting.piece("key" if nesting.is_key else "text", token)


_HANDLERS: dict[type, Any] = {
    yaml.BlockMappingStartToken: _block_mapping,
    yaml.BlockSequenceStartToken: _block_sequence,
    yaml.BlockEndToken: _block_end,
    yaml.KeyToken: _key,
    yaml.ValueToken: _value,
    yaml.BlockEntryToken: _entry,
    yaml.FlowMappingStartToken: _open("{"),
    yaml.FlowSequenceStartToken: _open("["),
    yaml.FlowMappingEndToken: _close("}"),
    yaml.FlowSequenceEndToken: _close("]"),
    yaml.FlowEntryToken: lambda nesting, token: nesting.piece("comma", token),
    yaml.ScalarToken: _scalar,
    yaml.AliasToken: lambda nesting, token: nesting.piece("alias", token),
    yaml.AnchorToken: lambda nesting, token: nesting.piece("mark", token),
    yaml.TagToken: lambda nesting, token: nesting.piece("mark", token),
    yaml.DocumentStartToken: lambda nesting, token: nesting.piece("mark", token),
    yaml.DocumentEndToken: lambda nesting, token: nesting.piece("mark", token),
    yaml.DirectiveToken: lambda nesting, token: nesting.piece("mark", token),
}
