"""A run's events as a chat's answer: text as it grows, tools, and how it ends.

What is told as text adds up to the run's final output, word for word, whenever the answer ends with a `DoneStep`. So
only nodes are heard live whose text is certain to be that output (see `chat_live`). Of an agent that has tools no one
knows before a turn ends whether what it says is its answer or goes with a call: it is heard when its node is done, or
turn by turn by who takes things back (`aloud`, see `chat_turns`). What was not told by the end comes as a last piece.
A node that is begun anew, by a retry or in another process, may say something else than before: if it does, what was
told cannot be taken back, and the answer ends with a `FailedStep` of the kind `diverged`, while the run itself stands
as it ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from girih.engine.context import usage_dict
from girih.engine.events import RunEvent
from girih.engine.shared_state import message_id, message_text
from girih.language.compiler.plan import Plan
from girih.language.nodes.ports import Usage
from girih.language.spec.tree import JsonObject
from girih.services.runs.chat_live import Heard
from girih.services.runs.chat_steps import (
    ChatStep,
    CustomStep,
    DoneStep,
    FailedStep,
    Question,
    TextStep,
    WaitStep,
)
from girih.services.runs.chat_text import Told
from girih.services.runs.chat_tools import Tools, calls_of
from girih.services.runs.chat_turns import Place, Turns

DIVERGED = "diverged"
_OF_PEOPLE = frozenset({"timer", "event"})
"""Waits that nobody on the other side of a chat can end: the answer goes on by itself."""


class ChatFold:
    """Folds the events of one run, from its first on and in order. Raises `ValueError` for a plan without `chat`.

    With `aloud` agents with tools are told turn by turn, as they speak: text that turns out to go with calls is taken
    back by a `SaidStep`, and calls of the app's tools come in pieces.
    """

    def __init__(self, plan: Plan, run_id: str, *, aloud: bool = False) -> None:
        if plan.chat is None:
            raise ValueError(f"plan '{plan.name}' has no chat")
        self.message_id = message_id(f"{run_id}:", "assistant")
        """The id of the answer under `state.messages`."""
        self._plan = plan
        self._output = str(plan.chat["output"])
        self._heard = Heard(plan)
        self._tools = Tools()
        self._has_result: set[str] = set()
        self._told = Told()
        self._turns = Turns(self.message_id, self._told)
        self._aloud = aloud
        self._speaker: str | None = None
        """The node that is heard now."""
        self._unsure = frozenset(node.name for node in plan.nodes if node.verb == "agent")
        """Nodes that may say something and then go on; what they say last is marked."""
        self._said: dict[str, str] = {}
        """What each node's model said last."""
        self._called: set[str] = set()
        self._usage = Usage()
        self._model: str | None = None
        self._cut_off = False
        self._take = {
            "node.started": self._node_started,
            "node.retried": self._begun_anew,
            "node.finished": self._node_finished,
            "message.delta": self._delta,
            "message.completed": self._completed,
            "model.finished": self._counted,
            "tool.started": self._tools.started,
            "tool.finished": self._tools.finished,
            "tool.delta": self._call_delta,
            "run.interrupted": self._interrupted,
            "run.resumed": self._begun_anew,
            "run.finished": self._run_finished,
            "run.failed": self._run_failed,
            "run.cancelled": self._run_cancelled,
        }

    def take(self, event: RunEvent) -> list[ChatStep]:
        """What one more event adds."""
        take = self._take.get(event.event.type)
        return list(take(event) if take is not None else _custom(event))

    def _node_started(self, event: RunEvent) -> Iterator[ChatStep]:
        name = event.event.node or ""
        if self._heard.is_heard(name, self._has_result):
            self._speaker = name
            self._told.begin()
        yield from _custom(event)

    def _begun_anew(self, event: RunEvent) -> Iterator[ChatStep]:
        if event.event.node in (None, self._speaker):
            self._told.begin()
            self._turns.begin()
        yield from _custom(event)

    def _delta(self, event: RunEvent) -> Iterator[ChatStep]:
        data, name = event.event.data, event.event.node
        if (place := self._place(event)) is not None:
            yield from self._turns.text(place, data["text"])
        elif name == self._speaker and (name not in self._unsure or data.get("final")):
            yield from self._text(self._told.add(data["text"]))

    def _call_delta(self, event: RunEvent) -> Iterator[ChatStep]:
        if (place := self._place(event)) is not None:
            yield from self._turns.piece(place, event.event.data)

    def _place(self, event: RunEvent) -> Place | None:
        """The turn that is told as it comes, if the event is one's."""
        name, turn = event.event.node, event.event.data.get("turn")
        is_heard = self._aloud and name is not None and name == self._speaker
        return (str(name), int(turn)) if is_heard and turn is not None else None

    def _node_finished(self, event: RunEvent) -> Iterator[ChatStep]:
        name, output = event.event.node or "", event.event.data.get("output")
        if "/" not in name:
            self._has_result.add(name)
        if name == self._speaker:
            self._speaker = None
            yield from self._turns.leave()
            if isinstance(output, dict) and isinstance(output.get("text"), str):
                yield from self._text(self._told.end(output["text"]))
        yield from _custom(event)

    def _text(self, piece: str) -> Iterator[ChatStep]:
        if piece:
            yield TextStep(self.message_id, piece)

    def _completed(self, event: RunEvent) -> Iterator[ChatStep]:
        data, place = event.event.data, self._place(event)
        text = str(data.get("text", ""))
        self._said[event.event.node or ""] = text if place is None else ""
        self._model = data.get("model") or self._model
        self._cut_off = bool(data.get("cut_off"))
        if place is not None:
            yield from self._turns.completed(place, text, data.get("calls") or ())

    def _counted(self, event: RunEvent) -> Iterator[ChatStep]:
        self._usage += Usage(**event.event.data.get("usage", {}))
        yield from ()

    def _interrupted(self, event: RunEvent) -> Iterator[ChatStep]:
        interrupts: list[JsonObject] = event.event.data["interrupts"]
        calls = tuple(self._turns.whole(call) for call in calls_of(interrupts))
        yield from self._turns.wait(calls)
        if self._turns.has_diverged:
            yield _diverged(usage_dict(self._usage))
            return
        for call in calls:
            if call.call_id not in self._called:
                self._called.add(call.call_id)
                yield call
        questions = tuple(
            _question(one) for one in interrupts if one["kind"] != "tool" and one["kind"] not in _OF_PEOPLE
        )
        if calls or questions:
            said = "\n".join(filter(None, (self._said.get(node, "") for node in _callers(interrupts))))
            yield WaitStep(calls, questions, usage_dict(self._usage), said)
        else:
            yield from _custom(event)

    def _run_finished(self, event: RunEvent) -> Iterator[ChatStep]:
        outputs, usage = event.event.data["outputs"], event.event.data.get("usage", {})
        text = message_text(outputs[self._output]) if self._output in outputs else ""
        yield from self._text(self._told.end(text))
        if self._told.has_diverged or self._turns.has_diverged:
            yield _diverged(usage)
        else:
            yield DoneStep(self.message_id, text, outputs, usage, self._model, cut_off=self._cut_off)

    def _run_failed(self, event: RunEvent) -> Iterator[ChatStep]:
        error, usage = event.event.data.get("error") or {}, event.event.data.get("usage", {})
        if self._is_refusal(error) and self._told.is_empty and not self._told.has_diverged:
            text = str(error["message"])
            yield from self._text(self._told.end(text))
            yield DoneStep(self.message_id, text, {}, usage, self._model, refused=True)
        else:
            message = str(error.get("message") or "the run failed")
            yield FailedStep(str(error.get("kind") or "internal"), message, usage=usage)

    def _is_refusal(self, error: JsonObject) -> bool:
        """Whether the graph itself ended as failed, with words of its author."""
        ends = {node.name for node in self._plan.nodes if node.shape == "end"}
        return error.get("kind") == "refused" and error.get("node") in ends

    def _run_cancelled(self, event: RunEvent) -> Iterator[ChatStep]:
        words: dict[Any, str] = {
            "expired": "nobody answered in time: the run has expired",
            "superseded": "another run took its place",
        }
        message = words.get(event.event.data.get("reason"), "the run was cancelled")
        yield FailedStep("cancelled", message, cancelled=True, usage=usage_dict(self._usage))


def _callers(interrupts: list[JsonObject]) -> list[str]:
    return list(dict.fromkeys(one["node"] for one in interrupts if one["kind"] == "tool"))


def _question(interrupt: JsonObject) -> Question:
    return Question(
        id=interrupt["id"],
        kind=interrupt["kind"],
        node=interrupt["node"],
        message=interrupt["message"],
        schema=interrupt["schema"],
        details=interrupt["details"],
    )


def _diverged(usage: JsonObject) -> FailedStep:
    message = "a model was asked again after a failure and gave another answer than the one begun here"
    return FailedStep(DIVERGED, f"{message}; ask for the run to see it", usage=usage)


def _custom(event: RunEvent) -> Iterator[ChatStep]:
    yield CustomStep(event.event.type, event.event.node, event.event.data)
