"""What CEL's own checker says of an expression, asked once for all that differ in names and constants alone."""

from __future__ import annotations

import re
from functools import lru_cache

from girih.language.expressions.cel import Compiled, compiled, first_fault, parsed
from girih.language.expressions.environment import CHECKING, SLOTS
from girih.language.expressions.syntax_tree import Literal, free_places, walk

_MIXED = re.compile(r"no matching overload for '(_(==|!=|<|<=|>|>=)_|@in|_\?_:_)'")


@lru_cache(maxsize=4096)
def refusal(text: str) -> str | None:
    """What CEL's own checker has against an expression that parses, but for kinds of numbers it keeps apart."""
    return _refusal(_anonymous(compiled(text)))


@lru_cache(maxsize=4096)
def _refusal(text: str) -> str | None:
    try:
        CHECKING.compile(text, disable_check=False)
    except RuntimeError as refused:
        message = first_fault(str(refused), text).message
        return None if _MIXED.search(message) else message
    return None


def _anonymous(program: Compiled) -> str:
    """The expression with other names for what it reads: an environment costs 4 ms, so one has to do for all names.

    Plain texts and numbers become the same ones everywhere: the checker asks for their types only, so that one answer
    does for `n1.kind == 'a'` and `n2.kind == 'b'`.
    """
    text, tree = program.runs, program.tree
    if text != program.text:
        tree = parsed(text)[1]
    slots = {name: f"v{min(i, SLOTS - 1)}" for i, name in enumerate(sorted(program.names))}
    changes = {(at, at + len(name), slots[name]) for at, name in free_places(tree)}
    changes |= {change for part in walk(tree) if isinstance(part, Literal) and (change := _uniform(part, text))}
    for start, end, instead in sorted(changes, reverse=True):
        text = f"{text[:start]}{instead}{text[end:]}"
    return text


_PLAIN_LITERAL = re.compile(
    r"""(?P<text>'[^'\\\n]*'(?!')|"[^"\\\n]*"(?!"))|(?P<double>[0-9]+\.[0-9]+)(?![\w.])|(?P<int>[0-9]+)(?![\w.])"""
)


def _uniform(part: Literal, text: str) -> tuple[int, int, str] | None:
    """Where a plain literal stands, and what takes its place; `None` for one in any other form."""
    found = _PLAIN_LITERAL.match(text, part.at)
    if found is None:
        return None
    written = found.group()
    if found["text"] is not None:
        return (*found.span(), "''") if written[1:-1] == part.value else None
    if isinstance(part.value, bool | str | None):
        return None
    is_double = found["double"] is not None
    if is_double != isinstance(part.value, float):
        return None
    return (*found.span(), "1.5" if is_double else "1")
