"""Plain JSON of what a program in the sandbox gave, within limits."""

from __future__ import annotations

import math
from typing import Any

from girih.errors import NodeError
from girih.language.spec.tree import JsonObject, JsonValue

MAX_RESULT = 2_000_000
"""Characters and values that a program's result may have, all in all."""

_MAX_DEPTH = 64
_MAX_BITS = 4_000


def wrong(message: str) -> NodeError:
    """A failure that only a change of the program mends."""
    return NodeError("invalid_output", message, help="mend the program", can_pass=False)


def require_small(inputs: JsonObject, limit: int) -> None:
    """Raise `NodeError` for data of more than `limit` characters and values."""
    try:
        Plain(limit).value(inputs)
    except NodeError as fault:
        raise NodeError(
            "budget", "too much data is passed to the program", help="pass it less under with:", can_pass=False
        ) from fault


class Plain:
    """Makes plain JSON of what a program gave, of which at most `limit` characters and values."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._limit = limit

    def value(self, value: Any, depth: int = 0) -> JsonValue:
        """The value as JSON. Raises `NodeError`."""
        self._count(1)
        if depth > _MAX_DEPTH:
            raise wrong(f"the program's result is nested more than {_MAX_DEPTH} deep")
        if isinstance(value, dict):
            return {self._key(key): self.value(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner, depth + 1) for inner in value]
        return self._scalar(value)

    def _key(self, key: Any) -> str:
        if not isinstance(key, str):
            raise wrong(f"the program's result has a key that is no text: {key!r:.40}")
        self._count(len(key))
        return key

    def _scalar(self, value: Any) -> JsonValue:
        if isinstance(value, str):
            self._count(len(value))
            return value
        if isinstance(value, float) and not math.isfinite(value):
            raise wrong("the program's result holds a number that is not finite")
        if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > _MAX_BITS:
            raise wrong("the program's result holds a number that is too large")
        if value is None or isinstance(value, bool | int | float):
            return value
        raise wrong(f"the program's result holds a {_kind(value)}, which is no JSON: make a list, text or number of it")

    def _count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise NodeError(
                "budget",
                f"the program's result is larger than {self._limit:,} characters",
                help="give only what is needed",
                can_pass=False,
            )


def _kind(value: Any) -> str:
    name = type(value).__name__
    return "value of a class" if name.startswith("Monty") else name
