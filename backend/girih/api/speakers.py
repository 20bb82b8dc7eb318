"""How a door puts a run's events into bytes: ours as they are, those of other projects in their own words."""

from __future__ import annotations

from typing import Protocol

from girih.engine.events import RunEvent
from girih.language.spec.tree import JsonValue
from girih.services.runs.plain import encoded

RETRY = b"retry: 1000\n\n"
PING = b": ping\n\n"
_LINE_ENDS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))
"""Characters at which many clients, against the standard, end a line."""


def frame(event: RunEvent) -> bytes:
    """One event as it goes over the wire; `id` is what a client resumes after."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, event.event.type.encode(), one_line(event.as_dict()))


def one_line(data: JsonValue) -> bytes:
    """JSON that no client takes for more than one line."""
    text = encoded(data)
    if text.isascii():
        return text
    for character, escape in _LINE_ENDS:
        text = text.replace(character, escape)
    return text


class Speaker(Protocol):
    """How a door puts a run's events into bytes. There is one for each stream, so it may keep what it has heard."""

    over: bool
    """Whether the stream is over although the run is not: what is to be said has been said."""

    def begin(self) -> bytes:
        """What comes first."""
        ...

    def say(self, event: RunEvent) -> bytes:
        """One event; nothing where the door has no word for it."""
        ...

    def ping(self) -> bytes:
        """What breaks a silence."""
        ...

    def broken(self) -> bytes:
        """The last words where the server cannot go on; nothing where the client had better resume."""
        ...


class Plain:
    """Says events as they are, each with the number to resume after."""

    over = False

    def begin(self) -> bytes:
        """How soon to come back."""
        return RETRY

    def say(self, event: RunEvent) -> bytes:
        """The event's frame, made once for all who read it."""
        return event.encoded(frame)

    def ping(self) -> bytes:
        """A comment."""
        return PING

    def broken(self) -> bytes:
        """Nothing: a client that sees no end resumes."""
        return b""


PLAIN = Plain()
