"""The turns of an agent told as they come: what it says beside its calls, and the calls of the app's tools in pieces.

Nobody knows of a turn that is under way whether it is the answer. Its text is told as one, and where the turn ends with
calls a `SaidStep` takes that back: the answer begins anew behind it. A call is told as soon as its tool is known to be
the app's. One whose arguments do not fit after all is dropped, for the run does not wait for it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import TypeAlias

from girih.language.spec.tree import JsonObject
from girih.services.runs.chat_steps import CallStep, ChatStep, DroppedStep, SaidStep, TextStep
from girih.services.runs.chat_text import Told

UNFIT = "the arguments did not fit, and the model was told so"
Place: TypeAlias = tuple[str, int]
"""A node, and which of its turns."""


class Turns:
    """What was told of each turn. One that is begun anew is followed silently through it, and heard from there on."""

    def __init__(self, message_id: str, told: Told) -> None:
        self._message_id = message_id
        self._told = told
        self._over: set[Place] = set()
        """Turns that have ended with calls."""
        self._calls: dict[tuple[Place, int], _Call] = {}
        self.has_diverged = False
        """Whether calls were told that the model, asked again, did not make."""

    def begin(self) -> None:
        """Somebody begins anew."""
        for call in self._calls.values():
            call.begin()

    def text(self, place: Place, piece: str) -> Iterator[ChatStep]:
        """A piece of what is said in a turn."""
        yield from self._leave_others(place)
        if place not in self._over and (new := self._told.add(piece)):
            yield TextStep(self._message_id, new)

    def piece(self, place: Place, data: JsonObject) -> Iterator[ChatStep]:
        """A piece of a call."""
        yield from self._leave_others(place)
        yield from self._calls.setdefault((place, data["index"]), _Call()).take(data)

    def completed(self, place: Place, text: str, calls: Sequence[JsonObject]) -> Iterator[ChatStep]:
        """The turn has ended with these calls, perhaps with none."""
        yield from self._leave_others(place)
        for (of, index), call in self._calls.items():
            if of == place and call.is_open:
                made = calls[index] if index < len(calls) else None
                self.has_diverged = self.has_diverged or not call.is_like(made)
        if not calls or place in self._over:
            return
        self._over.add(place)
        if rest := self._told.end(text):
            yield TextStep(self._message_id, rest)
        if not self._told.is_empty:
            yield SaidStep(self._message_id)
        self._told.take_back()

    def wait(self, calls: Sequence[CallStep]) -> Iterator[ChatStep]:
        """The run waits for these calls: what else was told is dropped."""
        yield from self._drop({call.call_id for call in calls})

    def whole(self, call: CallStep) -> CallStep:
        """The call in the words in which it was told, where it was."""
        told = next((one for one in self._calls.values() if one.id == call.call_id and one.is_told), None)
        if told is None:
            return call
        told.is_done = True
        return CallStep(call.call_id, call.name, told.text or "{}", done=True)

    def leave(self) -> Iterator[ChatStep]:
        """The node is done."""
        yield from self._drop(())

    def _leave_others(self, place: Place) -> Iterator[ChatStep]:
        yield from self._drop((), but=place)

    def _drop(self, wanted: Collection[str], but: Place | None = None) -> Iterator[ChatStep]:
        for (of, _), call in self._calls.items():
            if call.is_open and of in self._over and of != but and call.id not in wanted:
                call.is_done = True
                yield DroppedStep(call.id, call.name, call.text, UNFIT)


class _Call:
    """One call of a turn, as far as it has come."""

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.is_told = False
        self.is_done = False
        self._told = Told()
        self._early: list[str] | None = []
        """Pieces from before anybody knew whose tool it is; `None` where it is none of the app's."""

    @property
    def text(self) -> str:
        """The arguments as far as they were told."""
        return self._told.text

    @property
    def is_open(self) -> bool:
        """Whether it was told, and nothing has become of it yet."""
        return self.is_told and not self.is_done

    def begin(self) -> None:
        """The model is asked anew."""
        self._early = []
        self._told.begin()

    def take(self, data: JsonObject) -> Iterator[ChatStep]:
        """One more piece."""
        if self._early is None:
            return
        self._early.append(str(data.get("arguments", "")))
        if not data.get("tool") and not self.id:
            return
        if data.get("tool") and not data.get("app"):
            self._early = None
            return
        self.id, self.name = self.id or str(data["call_id"]), self.name or str(data["tool"])
        new, is_new = self._told.add("".join(self._early)), not self.is_told
        self._early, self.is_told = [], True
        if new or is_new:
            yield CallStep(self.id, self.name, new)

    def is_like(self, made: JsonObject | None) -> bool:
        """Whether this call came of what was told."""
        if made is None or (made["id"], made["name"]) != (self.id, self.name):
            return False
        if "fault" in made:
            return True  # it is dropped in any case
        try:
            return bool(json.loads(self.text or "{}") == made["arguments"])
        except ValueError:
            return False
