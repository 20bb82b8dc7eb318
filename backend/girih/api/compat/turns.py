"""One turn of a chat as a stream: a run's events, folded into steps and put into the words of a door."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from fastapi import Request

from girih.api.deps import GuardedRoute
from girih.api.speakers import PING, one_line
from girih.engine.events import NewEvent, RunEvent
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_fold import ChatFold
from girih.services.runs.chat_steps import END_OF_TURN, ChatStep, WaitStep
from girih.services.runs.conversations import Turn
from girih.services.runs.reader import GAP

ERROR = "Error: "
"""How the result of an app's tool begins that failed."""
LIMIT = 25 * 1024 * 1024
"""The largest request body, in bytes: images come within the messages."""


class ChatRoute(GuardedRoute):
    """A route whose bodies may hold images."""

    def limit(self, request: Request) -> int:  # noqa: ARG002 - as the base has it
        """The most bytes a request may carry here."""
        return LIMIT


class Words(Protocol):
    """What a door has for the steps of a turn: objects that go over the wire one by one."""

    ends: frozenset[str]
    """The types of those with which a turn is over, said only where it is."""

    def begin(self) -> list[JsonObject]:
        """The beginning."""
        ...

    def take(self, step: ChatStep) -> list[JsonObject]:
        """What is to be said of a step."""
        ...

    def resumed(self, answers: Mapping[str, JsonValue]) -> list[JsonObject]:
        """The run goes on with answers, by the ids of the questions."""
        ...

    def result(self, call_id: str, value: JsonValue, error: str | None) -> list[JsonObject]:
        """The run goes on with the result of a call that the app did."""
        ...

    def broken(self) -> list[JsonObject]:
        """The last words where the stream cannot go on."""
        ...

    def dated(self, said: JsonObject, at: datetime) -> JsonObject:
        """What is said of something that happened then."""
        ...


class TurnSpeaker:
    """Says one turn of a run, from its beginning or from where it went on with an answer, to where it ends or waits.

    What was before is only heard, so that a stream that comes later says the same. Waits before event number `past`
    were answered, and the turn goes on behind them. `last` goes over the wire at the end.
    """

    def __init__(self, turn: Turn, words: Words, *, past: int = 0, last: bytes = b"") -> None:
        self.over = False
        self._fold = ChatFold(turn.plan, turn.run_id, aloud=True)
        self._words = words
        self._since = turn.since
        self._past = past
        self._last = last
        self._has_begun = False
        self._calls: dict[str, str] = {}

    def begin(self) -> bytes:
        """Nothing before the first event."""
        return b""

    def say(self, event: RunEvent) -> bytes:
        """What an event is to the chat."""
        new = event.event
        if new.type == GAP:
            return self._end(self._words.broken())
        said: list[JsonObject] = []
        if not self._has_begun and self._is_beginning(new):
            self._has_begun = True
            said += self._words.begin()
        if new.type == "run.resumed":
            said += self._resumed(new.data.get("answers") or {})
        elif new.type == "run.interrupted":
            self._waits(new.data.get("interrupts") or ())
        for step in self._fold.take(event):
            said += self._taken(step, event.seq)
        return self._frames(said, new.at) + (self._last if self.over else b"") if self._has_begun else b""

    def ping(self) -> bytes:
        """A comment."""
        return PING

    def broken(self) -> bytes:
        """The door's own words for it: its clients take a stream that just ends for a whole one."""
        return self._end(self._words.broken())

    def _is_beginning(self, new: NewEvent) -> bool:
        answers = new.data.get("answers") or {} if new.type == "run.resumed" else {}
        return not self._since or not self._since.isdisjoint(answers)

    def _taken(self, step: ChatStep, seq: int) -> list[JsonObject]:
        said = self._words.take(step)
        if not isinstance(step, END_OF_TURN) or not self._has_begun:
            return said
        if isinstance(step, WaitStep) and seq < self._past:
            return [one for one in said if one["type"] not in self._words.ends]
        self.over = True
        return said

    def _waits(self, interrupts: Any) -> None:
        self._calls |= {one["id"]: one["details"]["call_id"] for one in interrupts if one["kind"] == "tool"}

    def _resumed(self, answers: Mapping[str, JsonValue]) -> list[JsonObject]:
        said = self._words.resumed(answers)
        for number, value in answers.items():
            if number in self._calls:
                failed = isinstance(value, str) and value.startswith(ERROR)
                said += self._words.result(self._calls[number], value, str(value)[len(ERROR) :] if failed else None)
        return said

    def _end(self, said: list[JsonObject]) -> bytes:
        self.over = True
        return b"".join(b"data: %s\n\n" % one_line(one) for one in said) + self._last

    def _frames(self, said: list[JsonObject], at: datetime) -> bytes:
        return b"".join(b"data: %s\n\n" % one_line(self._words.dated(one, at)) for one in said)
