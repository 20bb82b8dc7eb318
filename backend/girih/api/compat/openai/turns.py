"""A run as turns: each ends where the app has to say something, and is what one request is answered with."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from girih.engine.events import RunEvent
from girih.language.spec.tree import JsonObject
from girih.services.runs.chat_steps import ChatStep, DoneStep, FailedStep, TextStep, WaitStep


class Fold(Protocol):
    """What makes a chat's steps of a run's events; see `girih.services.runs.chat_fold`."""

    def take(self, event: RunEvent) -> list[ChatStep]:
        """The steps of one more event."""
        ...


@dataclass(frozen=True)
class Tokens:
    """What model calls used."""

    read: int = 0
    written: int = 0

    @classmethod
    def of(cls, usage: JsonObject) -> Tokens:
        """From a run's usage."""
        return cls(int(usage.get("input_tokens") or 0), int(usage.get("output_tokens") or 0))

    def __sub__(self, other: Tokens) -> Tokens:
        return Tokens(max(0, self.read - other.read), max(0, self.written - other.written))


class Turn:
    """The steps of one turn of a run, out of all its events from the first on.

    The turn is wanted by its number, or as the one that follows the `calls` of the app's tools. `settled` are the ids
    of questions that are asked no more: the turn does not stop at them.
    """

    def __init__(self, fold: Fold, number: int = 0, calls: Collection[str] = (), settled: Collection[str] = ()) -> None:
        self._fold = fold
        self._settled = frozenset(settled)
        self._wanted: int | None = None if calls else number
        self._calls = frozenset(calls)
        self._current = 0
        self._before = Tokens()
        self.began_at: datetime | None = None
        """When the turn's first event happened; `None` while it has not come."""
        self.ended_at: datetime | None = None
        self.tokens = Tokens()
        """What the turn has used, once it is over."""

    @property
    def number(self) -> int:
        """Which turn it is; the first is 0."""
        return self._current if self._wanted is None else self._wanted

    @property
    def is_begun(self) -> bool:
        """Whether the turn has begun: the first one from the start, another one with its first event."""
        return self._wanted == 0 or self.began_at is not None

    @property
    def _is_here(self) -> bool:
        return self._wanted is not None and self._current >= self._wanted

    def take(self, event: RunEvent) -> Sequence[ChatStep]:
        """The turn's steps in one more event; none before it began and after it ended."""
        steps = self._fold.take(event)
        if not self._is_here:
            self._pass_by(steps)
            return ()
        if self.ended_at is not None:
            return ()
        self.began_at = self.began_at or event.event.at
        for number, step in enumerate(steps, 1):
            if ends_turn(step):
                self._end(step, event.event.at)
                return steps[:number]
        return [self._unasked(step) for step in steps]

    def _pass_by(self, steps: Sequence[ChatStep]) -> None:
        for step in steps:
            if isinstance(step, WaitStep) and step.calls:
                self._current += 1
                self._before = Tokens.of(step.usage)
                if self._calls and self._calls <= {call.call_id for call in step.calls}:
                    self._wanted = self._current

    def _end(self, step: ChatStep, at: datetime) -> None:
        assert isinstance(step, WaitStep | DoneStep | FailedStep)  # noqa: S101 - nothing else ends a turn
        self.tokens, self.ended_at = Tokens.of(step.usage) - self._before, at

    def _unasked(self, step: ChatStep) -> ChatStep:
        if isinstance(step, WaitStep) and all(question.id in self._settled for question in step.questions):
            return WaitStep(usage=step.usage)
        return step


def ends_turn(step: ChatStep) -> bool:
    """Whether the app has the next word; a wait for a person is no end, the answer goes on behind it."""
    return isinstance(step, DoneStep | FailedStep) or (isinstance(step, WaitStep) and bool(step.calls))


def with_words(steps: Sequence[ChatStep]) -> Sequence[ChatStep]:
    """The steps, with what a model said along with its calls in front of them."""
    last = steps[-1] if steps else None
    if isinstance(last, WaitStep) and last.calls and last.said:
        return [TextStep(f"before {last.calls[0].call_id}", last.said), *steps]
    return steps


def question_of(steps: Sequence[ChatStep]) -> WaitStep | None:
    """The wait for a person, and for nothing else, that the steps end with."""
    last = steps[-1] if steps else None
    return last if isinstance(last, WaitStep) and last.questions and not last.calls else None
