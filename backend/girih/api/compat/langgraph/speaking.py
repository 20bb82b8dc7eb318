"""A stream of one run as LangGraph's clients read it: resumable after each frame, over when the run waits or ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from girih.api.compat.langgraph.frames import HEAD, LAST, PING, Frame, Place, encode
from girih.api.compat.langgraph.telling import Telling, is_end
from girih.db.tenancy import OrgScope
from girih.engine.events import RunEvent
from girih.services.runs.reader import GAP, Tail
from girih.services.runs.run_view import RunView
from girih.services.runs.schemas import RunOut
from girih.services.runs.views import Views


class RunSpeaker:
    """Says what comes after a place. Whether its run is known is seen to by its `ViewedTail`, before it speaks."""

    def __init__(
        self,
        modes: frozenset[str],
        *,
        subgraphs: bool,
        after: Place,
        head: bytes,
        until: int | None,
        feedback: Mapping[str, str],
    ) -> None:
        self.over = False
        self._modes = modes
        self._subgraphs = subgraphs
        self._after = after
        self._head = head
        self._until = until
        self._feedback = feedback
        """The URLs at which something can be said of the run, by key."""
        self._telling: Telling | None = None
        self._is_cut = False
        """Whether a part of the run's log is no longer kept: then nobody knows its values, and only its end is told."""

    @property
    def knows(self) -> bool:
        """Whether it was told about its run."""
        return self._telling is not None

    def meet(self, view: RunView) -> None:
        """This is the run."""
        self._telling = Telling(view, self._modes, subgraphs=self._subgraphs)

    def begin(self) -> bytes:
        """The run's id, unless the client goes on with a stream that it knows."""
        return self._head

    def say(self, event: RunEvent) -> bytes:
        """The frames of an event that come after the place."""
        assert self._telling is not None  # noqa: S101 - see the class
        if event.event.type == GAP:
            self._is_cut = True
            return b""
        frames = self._telling.take(event)
        if self._is_cut or event.seq <= self._after.seq:
            least = (event.seq, LAST) if self._is_cut else self._after
            frames = [frame for frame in frames if frame.place > self._after and frame.place >= least]
        if event.seq == self._until:
            self.over = True
        if is_end(event) and Place(event.seq, LAST) > self._after:
            self.over = True
            said = Place(event.seq, LAST - 1)
            if self._feedback and said > self._after:
                frames.insert(-1, Frame(said, "feedback", dict(self._feedback)))
        return b"".join(map(Frame.encoded, frames))

    def ping(self) -> bytes:
        """A comment."""
        return PING

    def broken(self) -> bytes:
        """Nothing: a client that sees no end resumes."""
        return b""


def head_of(after: Place, run_id: str, thread_id: str) -> bytes:
    """The frame that begins an answer."""
    place = Place(after.seq, HEAD)
    told = {"run_id": run_id, "thread_id": thread_id, "attempt": 1}
    return encode(f"{place.seq}-{place.number}", "metadata", told)


class Informed(Protocol):
    """A speaker who has to be told about its run."""

    @property
    def knows(self) -> bool:
        """Whether it was."""
        ...

    def meet(self, view: RunView) -> None:
        """This is the run."""
        ...


class ViewedTail:
    """A run's tail for a speaker who is told about the run when its first event has come: by then all is settled."""

    def __init__(self, views: Views, scope: OrgScope, run: RunOut, tail: Tail, speaker: Informed) -> None:
        self._views, self._scope, self._run = views, scope, run
        self._tail = tail
        self._speaker = speaker

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._tail.ended

    async def take(self) -> Sequence[RunEvent]:
        """What has come since."""
        events = await self._tail.take()
        if events and not self._speaker.knows:
            self._speaker.meet(await self._views.of_known(self._scope, self._run))
        return events

    def wait(self, wake: Callable[[], None]) -> bool:
        """See `Tail.wait`."""
        return self._tail.wait(wake)

    def close(self) -> None:
        """Leave."""
        self._tail.close()
