"""What the check of an expression asks and answers: the names it may use, and the findings it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from girih.language.spec.memory import Memory
from girih.language.spec.tree import JsonSchema


@dataclass(frozen=True)
class Finding:
    """A fault in an expression: `length` characters from `offset` of its text."""

    code: str
    message: str
    offset: int
    length: int
    help: str | None = None


class Names(Protocol):
    """What an expression may name where it stands."""

    @property
    def memory(self) -> Memory | None:
        """What keeps checks for the next compilation, if anything does."""
        ...

    def names(self) -> list[str]:
        """Every name there is."""
        ...

    def type_of(self, name: str) -> JsonSchema | None:
        """The type of a name; `None` when there is none."""
        ...

    def why_unset(self, name: str) -> str | None:
        """Why the name may have no value here, as a sentence; `None` when it always has one."""
        ...


@dataclass(frozen=True)
class FixedNames:
    """Names of known types that always have a value."""

    types: Mapping[str, JsonSchema] = field(default_factory=dict)
    memory: Memory | None = None

    def names(self) -> list[str]:
        """See `Names`."""
        return list(self.types)

    def type_of(self, name: str) -> JsonSchema | None:
        """See `Names`."""
        return self.types.get(name)

    def why_unset(self, name: str) -> str | None:  # noqa: ARG002 - every one is set
        """See `Names`."""
        return None
