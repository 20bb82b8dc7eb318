"""How far a value in brackets or quotes has come: read character by character, for as much of it as is typed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from girih.language.spec.tree import Path

_PLAIN = re.compile(r"""[^"'\\{}\[\],:#\n]+""")


class FlowState(NamedTuple):
    """Where a value ends that is not finished: the way into it, what is typed there, and the keys beside it."""

    path: Path
    at: Literal["key", "value", "comment"]
    text: str
    siblings: tuple[str, ...]
    quote: str


@dataclass
class _Bracket:
    is_list: bool
    step: str | int
    is_key: bool
    keys: list[str] = field(default_factory=list)


class Flow:
    """A value that begins with a bracket or a quote."""

    def __init__(self) -> None:
        self._open: list[_Bracket] = []
        self._quote = ""
        self._text = ""
        self._was_quoted = False

    @property
    def is_closed(self) -> bool:
        """Whether all brackets and quotes are closed."""
        return not self._open and not self._quote

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """The keys so far of each bracket that is open; of a list, none."""
        return tuple(tuple(bracket.keys) for bracket in self._open)

    def feed(self, text: str) -> None:
        """Take in what follows."""
        at = 0
        while at < len(text):
            at = self._in_quote(text, at) if self._quote else self._outside(text, at)

    def state(self) -> FlowState:
        """Where it has come to."""
        top = self._open[-1] if self._open else None
        is_key = top is not None and top.is_key
        steps = tuple(bracket.step for bracket in self._open if not bracket.is_key)
        text = self._text if self._quote else self._text.lstrip()
        if self._was_quoted or (top is None and not self._quote):
            return FlowState(steps, "comment", "", (), "")
        keys = tuple(top.keys) if top is not None and is_key else ()
        return FlowState(steps, "key" if is_key else "value", text, keys, self._quote)

    def _in_quote(self, text: str, at: int) -> int:
        char = text[at]
        if char == "\\" and self._quote == '"':
            self._text += text[at : at + 2]
            return at + 2
        if char != self._quote:
            end = text.find(self._quote, at)
            slash = text.find("\\", at, end if end >= 0 else len(text)) if self._quote == '"' else -1
            end = slash if slash >= 0 else end if end >= 0 else len(text)
            self._text += text[at:end]
            return end
        if char == "'" and text[at + 1 : at + 2] == "'":
            self._text += "'"
            return at + 2
        self._quote, self._was_quoted = "", True
        return at + 1

    def _outside(self, text: str, at: int) -> int:
        plain = _PLAIN.match(text, at)
        if plain is not None:
            self._text += plain.group()
            return plain.end()
        char = text[at]
        if char in "{[":
            self._open.append(_Bracket(char == "[", 0 if char == "[" else "", is_key=char == "{"))
            self._next()
        elif char in "}]":
            del self._open[-1:]
            self._next()
            self._was_quoted = True  # nothing may follow but a comma
        elif char in "\"'" and not self._text.strip():
            self._next()
            self._quote = char
        elif char == "#" and (at == 0 or text[at - 1] in " \t"):
            end = text.find("\n", at)
            return end if end >= 0 else len(text)
        else:
            self._sign(char, text, at)
        return at + 1

    def _sign(self, char: str, text: str, at: int) -> None:
        top = self._open[-1] if self._open else None
        if char == "," and top is not None:
            top.is_key = not top.is_list
            top.step = top.step + 1 if isinstance(top.step, int) else ""
            self._next()
        elif char == ":" and top is not None and top.is_key and self._ends_key(text, at + 1):
            top.step, top.is_key = self._text.strip(), False
            top.keys.append(str(top.step))
            self._next()
        elif char != "\n" or self._text:
            self._text += char

    def _ends_key(self, text: str, at: int) -> bool:
        return self._was_quoted or at >= len(text) or text[at] in " \t\n{[\"',}"

    def _next(self) -> None:
        self._text, self._was_quoted = "", False
