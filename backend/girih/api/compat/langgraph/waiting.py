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
from girih.services.runs.values import values_of
from girih.services.runs.values_fold import ValuesFold

PATIENCE = b"\n"
"""What is sent meanwhile: JSON may begin with it, and proxies keep the connection."""


class ValuesSpeaker:
    """Says nothing but the values, after the place from which the answer comes."""

    def __init__(self, after: Place) -> None:
        self.over = False
        self._after = after
        self._fold: ValuesFold | None = None

    @property
    def knows(self) -> bool:
        """Whether it was told about its run."""
        return self._fold is not None

    def meet(self, view: RunView) -> None:
        """This is the run."""
        self._fold = view.fold()

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def say(self, event: RunEvent) -> bytes:
        """The values, at the end."""
        assert self._fold is not None  # noqa: S101 - see `ViewedTail`
        if event.event.type == GAP:
            # What the run wrote is no longer kept: what is left of it are its outputs.
            self._fold.state = {}
            return b""
        self._fold.take(event)
        if not is_end(event) or Place(event.seq, LAST) <= self._after:
            return b""
        self.over = True
        return dump(self._values(event, self._fold)).encode()

    def ping(self) -> bytes:
        """A blank line."""
        return PATIENCE

    def broken(self) -> bytes:
        """Nothing: a client that reads no JSON asks again."""
        return b""

    @staticmethod
    def _values(event: RunEvent, fold: ValuesFold) -> JsonObject:
        name, data = event.event.type, event.event.data
        if name == "run.failed":
            error = data.get("error") or {}
            told = {"error": error.get("kind", "internal"), "message": error.get("message", "")}
            return {"__error__": told}
        values = values_of(fold.state, fold.outputs)
        if name == "run.interrupted":
            values |= {INTERRUPT: interrupts_of(data["interrupts"])}
        return values
