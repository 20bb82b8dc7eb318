"""Says a turn of a run as the events of a response, after the number that a client has seen."""

from __future__ import annotations

from collections.abc import Iterable

from girih.api.compat.openai.response_frames import Response
from girih.api.compat.openai.wire import DONE, frame
from girih.api.speakers import PING
from girih.engine.events import RunEvent
from girih.language.spec.tree import JsonObject


class ResponseSpeaker:
    """A stream of one response. It ends with the response, or with an error where a person is asked first."""

    def __init__(self, response: Response, after: int = -1) -> None:
        self.over = False
        self._response = response
        self._after = after

    def begin(self) -> bytes:
        """The first events, where the turn is there from the start."""
        return self._frames(self._response.begin())

    def say(self, event: RunEvent) -> bytes:
        """The response's events that come of one of the run."""
        said = self._frames(self._response.take(event))
        if self._response.is_over:
            self.over = True
            return said + DONE
        if (question := self._response.question()) is not None:
            self.over = True
            return said + frame(question, "error")
        return said

    def ping(self) -> bytes:
        """A comment."""
        return PING

    def broken(self) -> bytes:
        """Nothing: the client resumes after the last number."""
        return b""

    def _frames(self, events: Iterable[JsonObject]) -> bytes:
        return b"".join(frame(event, event["type"]) for event in events if event["sequence_number"] > self._after)
