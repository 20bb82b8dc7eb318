"""Checks that were made before, with the same answers to all that they asked of the names they stand among."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from girih.language.expressions.names import Names
from girih.language.spec.memory import Memory
from girih.language.spec.tree import JsonSchema

R = TypeVar("R")

MOST_VARIANTS = 8
"""How many checks of one text are kept, each with other answers."""


@dataclass
class _Listening:
    """Names that note what they are asked, and their answers: of a type its fingerprint."""

    known: Names
    memory: Memory
    heard: dict[tuple[str, str], Any] = field(default_factory=dict)

    def names(self) -> list[str]:
        """See `Names`."""
        found = self.known.names()
        self.heard["names", ""] = tuple(found)
        return found

    def type_of(self, name: str) -> JsonSchema | None:
        """See `Names`."""
        schema = self.known.type_of(name)
        self.heard["type_of", name] = _print(self.memory, schema)
        return schema

    def why_unset(self, name: str) -> str | None:
        """See `Names`."""
        reason = self.heard["why_unset", name] = self.known.why_unset(name)
        return reason


def remembered(key: tuple[Any, ...], names: Names, memory: Memory, make: Callable[[Names], R]) -> R:
    """What `make` gives, which depends on nothing but the key and what it asks of the names it is given."""
    kept: list[tuple[R, dict[tuple[str, str], Any]]] = memory.get(key) or []
    for result, heard in kept:
        if all(_answer(names, memory, question, name) == was for (question, name), was in heard.items()):
            return result
    listening = _Listening(names, memory)
    result = make(listening)
    if _UNPRINTABLE not in listening.heard.values():
        memory.put(key, [(result, listening.heard), *kept[: MOST_VARIANTS - 1]])
    return result


_UNPRINTABLE = b"?"


def _print(memory: Memory, schema: JsonSchema | None) -> bytes | None:
    return None if schema is None else memory.print_of(schema) or _UNPRINTABLE


def _answer(names: Names, memory: Memory, question: str, name: str) -> Any:
    if question == "type_of":
        return _print(memory, names.type_of(name))
    return names.why_unset(name) if question == "why_unset" else tuple(names.names())
