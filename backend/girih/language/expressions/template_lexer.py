"""The tags of a prompt file and the tokens inside of each, with offsets into its text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


class Lost(Exception):
    """Text that the reader does not know its way in: nothing is said about it."""


@dataclass(frozen=True)
class Token:
    """One token: its kind (`name`, `text`, `number`, `sign` or `end`), its text, and where it stands."""

    kind: str
    text: str
    at: int

    @property
    def end(self) -> int:
        """The offset behind the token."""
        return self.at + len(self.text)


@dataclass(frozen=True)
class Tag:
    """`{{ … }}` (`is_output`) or `{% … %}`, as its tokens; the last one is of the kind `end`."""

    is_output: bool
    tokens: tuple[Token, ...]


_OPEN = re.compile(r"\{([{%#])[-+]?")
_RAW = re.compile(r"\{%[-+]?\s*raw\s*[-+]?%\}")
_ENDRAW = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
    | (?P<number>\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<name>[^\W\d]\w*)
    | (?P<sign>\*\*|//|[=!<>]=|[-+*/%~<>=|.,:()\[\]{}])
    )""",
    re.VERBOSE | re.DOTALL,
)
_CLOSE = {"{": re.compile(r"\s*[-+]?\}\}"), "%": re.compile(r"\s*[-+]?%\}")}


def tags(text: str) -> Iterator[Tag]:
    """The tags in order, without comments and raw blocks. Raises `Lost`."""
    at = 0
    while (opened := _OPEN.search(text, at)) is not None:
        kind = opened[1]
        raw = _RAW.match(text, opened.start())
        if raw is not None:
            at = _after(_ENDRAW.search(text, raw.end()))
        elif kind == "#":
            end = text.find("#}", opened.end())
            if end < 0:
                raise Lost
            at = end + 2
        else:
            tokens, at = _tokens(text, opened.end(), _CLOSE[kind])
            yield Tag(kind == "{", tokens)


def _after(found: re.Match[str] | None) -> int:
    if found is None:
        raise Lost
    return found.end()


def _tokens(text: str, at: int, close: re.Pattern[str]) -> tuple[tuple[Token, ...], int]:
    found: list[Token] = []
    depth = 0
    while True:
        closed = close.match(text, at) if depth == 0 else None
        if closed is not None:
            return (*found, Token("end", "", at)), closed.end()
        token = _TOKEN.match(text, at)
        if token is None or token.lastgroup is None:
            raise Lost
        kind = token.lastgroup
        found.append(Token(kind, token[kind], token.start(kind)))
        depth += (token[kind] in "{[(") - (token[kind] in ")]}") if kind == "sign" else 0
        at = token.end()
