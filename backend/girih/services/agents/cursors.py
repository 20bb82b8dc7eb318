"""Where lists of agents and versions go on: after a name, before a number."""

from __future__ import annotations

import re

from girih.errors import BadCursor
from girih.services.agents.references import is_name

_NUMBER = re.compile(r"[1-9]\d{0,8}")


def name_of(cursor: str | None) -> str | None:
    """The agent after which a list goes on. Raises `BadCursor`."""
    if cursor is not None and not is_name(cursor):
        raise _bad()
    return cursor


def number_of(cursor: str | None) -> int | None:
    """The version before which a list goes on, by its number. Raises `BadCursor`."""
    if cursor is None:
        return None
    if not _NUMBER.fullmatch(cursor):
        raise _bad()
    return int(cursor)


def _bad() -> BadCursor:
    return BadCursor("this is no cursor of this list", help="send the `next` of the page before")
