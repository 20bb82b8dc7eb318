"""A thread's stream in LangGraph's event-streaming protocol: what was asked for, numbered for the whole thread."""

from __future__ import annotations

from collections.abc import Sequence

from girih.api.compat.langgraph.frames import PING, Place, encode
from girih.api.compat.langgraph.protocol_frames import Protocol
from girih.api.compat.langgraph.protocol_wanted import EventsIn
from girih.api.compat.langgraph.thread_places import ThreadPlace
from girih.api.compat.langgraph.told import Told
from girih.engine.events import RunEvent
from girih.language.spec.tree import JsonObject
from girih.services.runs.reader import GAP
from girih.services.runs.thread_tail import Turn


class ProtocolSpeaker:
    """Says what comes after a place, in the wanted channels and namespaces. It has no end of its own."""

    over = False

    def __init__(self, wanted: EventsIn, after: ThreadPlace) -> None:
        self._wanted = wanted
        self._after = after
        self._turn: Turn | None = None
        self._protocol: Protocol | None = None

    def meet(self, turn: Turn) -> None:
        """The thread's next run."""
        self._turn = turn
        self._protocol = Protocol(turn.view)

    def begin(self) -> bytes:
        """A comment: clients wait for the first bytes."""
        return PING

    def say(self, event: RunEvent) -> bytes:
        """The frames of an event."""
        assert self._turn is not None and self._protocol is not None  # noqa: S101 - `ThreadTail` sees to it
        if event.event.type == GAP:
            return b""
        told = self._protocol.take(event)
        return b"".join(self._frames(event, told, self._turn.number))

    def ping(self) -> bytes:
        """A comment."""
        return PING

    def broken(self) -> bytes:
        """What the protocol says before a stream that failed is closed."""
        return encode("0", "error", {"type": "error", "id": None, "error": "unknown_error", "message": "stream failed"})

    def _frames(self, event: RunEvent, told: Sequence[Told], run: int) -> list[bytes]:
        frames = []
        for at, one in enumerate(told, 1):
            place = ThreadPlace(run, Place(event.seq, at))
            if place > self._after and self._wanted.wants(one):
                frames.append(encode(str(place.number), one.method, _event(event, one, place)))
        return frames


def _event(event: RunEvent, told: Told, place: ThreadPlace) -> JsonObject:
    return {
        "type": "event",
        "event_id": f"{event.run_id}:{place.place.seq}:{place.place.number}",
        "seq": place.number,
        "method": told.method,
        "params": {
            "namespace": list(told.ns),
            "timestamp": int(event.event.at.timestamp() * 1000),
            "run_id": event.run_id,
            "data": told.data,
        },
    }
