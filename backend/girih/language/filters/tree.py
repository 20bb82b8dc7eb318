"""A filter over documents as a small tree: what is asked of which field, with values that may be given later.

Every question is answered yes or no: a field that a document does not have, or that holds something of another kind
than it is compared with, answers no to everything but `!=` and `!`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from girih.language.spec.tree import JsonValue

Root = Literal["document", "metadata"]
Order = Literal["<", "<=", ">", ">="]
TextTest = Literal["startsWith", "endsWith", "contains"]


@dataclass(frozen=True)
class Subject:
    """A field: `document.name`, `metadata.author.name`. `at` is where it is written."""

    root: Root
    path: tuple[str, ...]
    at: int = 0

    @property
    def spoken(self) -> str:
        """As an author writes it."""
        return ".".join((self.root, *self.path))


@dataclass(frozen=True)
class Constant:
    """A value that is written out."""

    value: JsonValue
    at: int = 0


@dataclass(frozen=True)
class Hole:
    """A value that is given with the search, by its name: one value, or a list of them after `in`."""

    name: str
    at: int = 0


Operand: TypeAlias = Constant | Hole


@dataclass(frozen=True)
class Equals:
    """The field is that value."""

    subject: Subject
    value: Operand


@dataclass(frozen=True)
class Compares:
    """The field lies on that side of a number or a text; texts are compared by code points."""

    subject: Subject
    order: Order
    value: Operand


@dataclass(frozen=True)
class OneOf:
    """The field is one of the values."""

    subject: Subject
    values: tuple[Operand, ...] | Hole


@dataclass(frozen=True)
class Holds:
    """The field is a list that holds the value."""

    subject: Subject
    value: Operand


@dataclass(frozen=True)
class Matches:
    """The field is a text that begins with, ends with or contains another."""

    subject: Subject
    test: TextTest
    value: Operand


@dataclass(frozen=True)
class Has:
    """The field is there, and not null."""

    subject: Subject


@dataclass(frozen=True)
class Always:
    """True or false of every document."""

    value: bool


@dataclass(frozen=True)
class Not:
    """The opposite."""

    part: Filter


@dataclass(frozen=True)
class Both:
    """All of the parts (`&&`)."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class Either:
    """One of the parts at least (`||`)."""

    parts: tuple[Filter, ...]


Filter: TypeAlias = Equals | Compares | OneOf | Holds | Matches | Has | Always | Not | Both | Either
