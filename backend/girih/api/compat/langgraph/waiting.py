"""An answer that is one JSON object, with the run's values, and comes when the run waits or has ended."""

from __future__ import annotations

from girih.api.compat.langgraph.frames import LAST, Place
from girih.api.compat.langgraph.interrupts import INTERRUPT, interrupts_of
from girih.api.compat.langgraph.telling import is_end
from girih.engine.events import RunEvent
from girih.language.spec.tree import JsonObject
from girih.services.runs.plain import dump
from girih.services.runs.reader import GAP
from girih.services.runs.run_view import RunView
from girih.services.runs.told_values import ToldValues

PATIENCE = b"\n"
"""What is sent meanwhile: JSON may begin with it, and proxies keep the connection."""


class ValuesSpeaker:
    """Says nothing but the values, after the place from which the answer comes."""

    def __init__(self, after: Place) -> None:
        self.over = False
        self._after = after
        self._told: ToldValues | None = None

    @property
    def knows(self) -> bool:
        """Whether it was told about its run."""
        return self._told is not None

    def meet(self, view: RunView) -> None:
        """This is the run."""
        self._told = ToldValues(view)

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def say(self, event: RunEvent) -> bytes:
        """The values, at the end."""
        assert self._told is not None  # noqa: S101 - see `ViewedTail`
        if event.event.type == GAP:
            self._told.forget()
            return b""
        self._told.take(event)
        if not is_end(event) or Place(event.seq, LAST) <= self._after:
            return b""
        self.over = True
        return dump(self._values(event, self._told)).encode()

    def ping(self) -> bytes:
        """A blank line."""
        return PATIENCE

    def broken(self) -> bytes:
        """Nothing: a client that reads no JSON asks again."""
        return b""

    @staticmethod
    def _values(event: RunEvent, told: ToldValues) -> JsonObject:
        name, data = event.event.type, event.event.data
        if name == "run.failed":
            error = data.get("error") or {}
            return {"__error__": {"error": error.get("kind", "internal"), "message": error.get("message", "")}}
        values = told.values
        if name == "run.interrupted":
            values |= {INTERRUPT: interrupts_of(data["interrupts"])}
        return values
