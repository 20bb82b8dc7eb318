"""Places in a thread's stream: which of its runs, and where in that run's log; as one number, or as text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from girih.api.compat.langgraph.frames import Place
from girih.errors import BadCursor

_PER_EVENT = 1_000
_PER_RUN = 1_000_000 * _PER_EVENT
_TEXT = re.compile(r"([0-9]{1,7})\.([0-9]{1,9})-([0-9]{1,6})")


@dataclass(frozen=True, order=True)
class ThreadPlace:
    """After which frame: the run's number on the thread (from 1), and the place in it."""

    run: int
    place: Place

    @property
    def number(self) -> int:
        """As one number that grows with every frame; it stays below 2**53."""
        return self.run * _PER_RUN + self.place.seq * _PER_EVENT + self.place.number

    @property
    def text(self) -> str:
        """As an id of a frame."""
        return f"{self.run}.{self.place.seq}-{self.place.number}"


def of_number(number: int) -> ThreadPlace:
    """The place that a number names."""
    run, rest = divmod(number, _PER_RUN)
    return ThreadPlace(run, Place(*divmod(rest, _PER_EVENT)))


def of_text(cursor: str | None) -> ThreadPlace | None:
    """The place that a `Last-Event-ID` names; `None` for no place, and the beginning for -1."""
    if cursor is None or cursor == "":
        return None
    if cursor in ("-1", "0"):
        return ThreadPlace(0, Place(0, 0))
    match = _TEXT.fullmatch(cursor)
    if match is None:
        raise BadCursor(
            "the event id to resume after is not one of this stream's ids",
            help="send the `id:` of the last frame that arrived, or -1 to begin with the thread's first run",
        )
    return ThreadPlace(int(match[1]), Place(int(match[2]), int(match[3])))
