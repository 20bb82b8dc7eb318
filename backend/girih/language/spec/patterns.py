"""Regular expressions that authors write: RE2, whose time is linear in the text whatever the expression."""

from __future__ import annotations

import importlib
import re
from functools import lru_cache
from typing import Any

MAX_PATTERN = 512
"""Characters one pattern may have."""

_CACHED = 1024
_BEYOND = re.compile(r"\(\?<?[=!]|\\[1-9]|\\k<|\(\?P=")
"""What other engines have and RE2 has not."""


class PatternError(ValueError):
    """A text that is no RE2 expression; the message is RE2's own."""


def pattern_fault(pattern: str) -> str | None:
    """What is wrong with a pattern, as a sentence; `None` if it is sound."""
    if len(pattern) > MAX_PATTERN:
        return f"the pattern is longer than {MAX_PATTERN} characters"
    try:
        _compiled(pattern)
    except PatternError as refused:
        return f"'{pattern}' is not a RE2 expression: {refused}{_limits(pattern)}"
    return None


def search(pattern: str, text: str) -> bool:
    """Whether the pattern occurs anywhere in the text. Raises `PatternError` when it is no RE2 expression."""
    return _compiled(pattern).search(_bytes(text)) is not None


def spans(pattern: str, text: str, most: int = 100) -> list[tuple[int, int]]:
    """Where the pattern occurs, as (start, end) in characters: in order, without overlaps, at most `most` times.

    Raises `PatternError` when it is no RE2 expression.
    """
    data = text.encode(errors="replace")  # one byte for half of a character, so that characters can be counted
    result: list[tuple[int, int]] = []
    byte = char = 0
    for match in _compiled(pattern).finditer(data):
        if match.start() == match.end():
            continue
        start = char + len(data[byte : match.start()].decode())
        char = start + len(data[match.start() : match.end()].decode())
        byte = match.end()
        result.append((start, char))
        if len(result) == most:
            break
    return result


@lru_cache(maxsize=_CACHED)
def _compiled(pattern: str) -> Any:
    # Loaded by name with the first pattern: most graphs have none.
    re2 = importlib.import_module("re2")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(_bytes(pattern), options)
    except re2.error as refused:
        said = refused.args[0] if refused.args else ""
        raise PatternError(said.decode(errors="replace") if isinstance(said, bytes) else str(said)) from refused


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half of a character has no UTF-8: it counts as the sign for an unknown one.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _limits(pattern: str) -> str:
    is_known = _BEYOND.search(pattern) is not None
    return ", look-around and back-references are not supported" if is_known else ""
