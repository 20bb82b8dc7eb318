"""A thread's stream as `threads.join_stream` reads it: what its runs do, one after the other, without an end."""

from __future__ import annotations

from girih.api.compat.langgraph.frames import PING, Place, encode
from girih.api.compat.langgraph.run_shapes import STATUS
from girih.api.compat.langgraph.telling import ENDS, Telling, is_end
from girih.api.compat.langgraph.thread_places import ThreadPlace
from girih.engine.events import TERMINAL, RunEvent
from girih.language.spec.tree import JsonValue
from girih.services.runs.reader import GAP
from girih.services.runs.thread_tail import Turn

_MODES = frozenset({"values", "updates", "messages-tuple", "custom"})
_NEWS = 10_002
"""The place of what is said of a run as a whole, behind its frames."""


class ThreadSpeaker:
    """Says what comes after a place, in the kinds that are wanted: `run_modes`, `lifecycle`, `state_update`."""

    over = False

    def __init__(self, kinds: frozenset[str], after: ThreadPlace) -> None:
        self._kinds = kinds
        self._after = after
        self._turn: Turn | None = None
        self._telling: Telling | None = None

    def meet(self, turn: Turn) -> None:
        """The thread's next run."""
        self._turn = turn
        self._telling = Telling(turn.view, _MODES, subgraphs=False)

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def say(self, event: RunEvent) -> bytes:
        """The frames of an event that come after the place."""
        assert self._turn is not None and self._telling is not None  # noqa: S101 - `ThreadTail` sees to it
        if event.event.type == GAP:
            return b""
        frames = self._telling.take(event)
        said: list[tuple[Place, str, JsonValue]] = []
        if "run_modes" in self._kinds:
            said += [(one.place, one.name, one.data) for one in frames if one.name != "end"]
        if (news := self._news(event)) is not None and self._kinds & {"run_modes", "lifecycle"}:
            said.append((Place(event.seq, _NEWS), "metadata", news))
        if event.event.type == "run.finished" and "state_update" in self._kinds:
            values = self._telling.values
            said.append((Place(event.seq, _NEWS + 1), "state_update", {"values": values, "next": []}))
        numbered = [(ThreadPlace(self._turn.number, place), name, data) for place, name, data in said]
        return b"".join(encode(place.text, name, data) for place, name, data in numbered if place > self._after)

    def ping(self) -> bytes:
        """A comment."""
        return PING

    def broken(self) -> bytes:
        """Nothing: a client that was cut off resumes."""
        return b""

    def _news(self, event: RunEvent) -> JsonValue:
        assert self._turn is not None  # noqa: S101 - see `say`
        run = {"run_id": event.run_id, "thread_id": self._turn.view.run.thread_id, "attempt": event.attempt}
        if event.event.type == "run.started":
            return run | {"status": "run_running"}
        if event.event.type in TERMINAL:
            return run | {"status": "run_done", "run_status": ENDS[event.event.type]}
        if is_end(event):
            return run | {"status": "run_waiting", "run_status": STATUS["interrupted"]}
        return None
