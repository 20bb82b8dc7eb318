"""A run's values as chats of other projects show them: with what its agents said beside calls among the messages."""

from __future__ import annotations

from girih.engine.events import RunEvent
from girih.engine.shared_state import MESSAGES
from girih.language.spec.tree import JsonObject
from girih.services.runs.run_view import RunView
from girih.services.runs.talk import Talk, woven
from girih.services.runs.values import values_of


class ToldValues:
    """Takes a run's events in order, from the first one."""

    def __init__(self, view: RunView) -> None:
        self._talks = view.talks
        self._fold = view.fold()
        self._talk = Talk(view.plan, view.run.id)

    def take(self, event: RunEvent) -> bool:
        """Take one event; gives whether anything is different now."""
        is_news = bool(self._talk.take(event))
        return self._fold.take(event) or is_news

    def forget(self) -> None:
        """What the run wrote is no longer kept: what is left of it are its outputs."""
        self._fold.state = {}

    @property
    def values(self) -> JsonObject:
        """The values now."""
        return values_of(self._state(), self._fold.outputs)

    def _state(self) -> JsonObject:
        state, own = self._fold.state, self._talk.messages
        if not own:
            return woven(state, self._talks)
        is_answered = any(one.get("id") == self._talk.before for one in state.get(MESSAGES) or ())
        if is_answered:
            return woven(state, {**self._talks, self._talk.before: own})
        return woven(state, self._talks, own)
