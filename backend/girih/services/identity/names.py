"""What organizations, projects, keys and people may be called."""

from __future__ import annotations

from typing import Final

from girih.errors import InvalidInput

LONGEST: Final = 100
"""Characters of a name."""


def name_of(what: str, name: str) -> str:
    """The name without white space around it. Raises `InvalidInput` for what is none."""
    name = name.strip()
    if not name or len(name) > LONGEST or not name.isprintable():
        raise InvalidInput(f"this is not a name for a {what}", help=f"use 1 to {LONGEST} printable characters")
    return name


def person_name(name: str) -> str:
    """A person's name with single spaces. Raises `InvalidInput` for what is none."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST or not name.isprintable():
        raise InvalidInput("this is not a person's name", help=f"use 1 to {LONGEST} printable characters")
    return name
