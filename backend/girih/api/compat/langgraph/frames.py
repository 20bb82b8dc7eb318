"""Frames of a stream: what each is called, where it stands in the run's log, and its bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from girih.api.speakers import one_line
from girih.errors import BadCursor
from girih.language.spec.tree import JsonValue

MODES = (
    "messages-tuple",
    "messages",
    "tools",
    "custom",
    "events",
    "tasks",
    "updates",
    "values",
    "checkpoints",
    "debug",
)
"""Every mode there is, in the order in which the frames of one event come."""
PER_MODE = 1_000
"""So many frames of one mode has an event at most."""
LAST = len(MODES) * PER_MODE
"""The place of the frame that ends an answer, behind all others of its event."""
HEAD = LAST + 1
"""The place of the frame that begins the next answer."""
PLACES = HEAD + 1

PING = b": ping\n"
"""What breaks a silence: a comment without a blank line, for which LangGraph's JavaScript client gives out a part."""

_CURSOR = re.compile(r"([0-9]{1,15})(?:-([0-9]{1,6}))?")


class Place(NamedTuple):
    """Where a frame stands: after which number of the run's log, and which of that event's frames it is.

    It does not depend on the modes that were asked for.
    """

    seq: int
    number: int


START = Place(0, HEAD - 1)
"""Before the first event."""


@dataclass(slots=True)
class Frame:
    """One frame: its event, and what it holds."""

    place: Place
    name: str
    data: JsonValue

    def encoded(self) -> bytes:
        """Its bytes, with the id that a client resumes after."""
        return encode(f"{self.place.seq}-{self.place.number}", self.name, self.data)


def encode(number: str, name: str, data: JsonValue) -> bytes:
    """The bytes of a frame."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (number.encode(), name.encode(), one_line(data))


def read_place(cursor: str | None) -> Place | None:
    """The place that a `Last-Event-ID` names; `None` for the beginning, which clients also write as -1 or 0."""
    if cursor is None or cursor in ("", "-1", "0"):
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise BadCursor(
            "the event id to resume after is not one of this stream's ids",
            help="send the `id:` of the last frame that arrived, or -1 to begin with the first one",
        )
    return Place(int(match[1]), int(match[2]) if match[2] is not None else LAST)
