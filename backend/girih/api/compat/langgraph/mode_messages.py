"""The stream modes `messages` and `messages-tuple`: what models say, piece by piece, and what their calls come to.

A piece of a chat's answer has the id that the message has among the thread's afterwards.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from girih.api.compat.langgraph.moment import Moment, Said
from girih.language.nodes.agent_tools import told
from girih.language.nodes.conversation import answer_id
from girih.language.spec.tree import JsonObject
from girih.services.runs.chat_fold import ChatFold
from girih.services.runs.chat_steps import CallStep, DoneStep, TextStep, WaitStep
from girih.services.runs.message_dicts import called, written
from girih.services.runs.run_view import RunView
from girih.services.runs.talk import Talk


@dataclass(slots=True)
class Message:
    """A message as far as it is known. With `answers` it is a tool's, and says what a call of that id came to."""

    id: str
    text: str = ""
    calls: list[JsonObject] = field(default_factory=list)
    is_new: bool = True
    answers: str | None = None
    name: str | None = None
    failed: bool = False

    def chunk(self, text: str, pieces: list[JsonObject]) -> JsonObject:
        """A piece of it as LangChain writes it; what tools say comes whole."""
        if self.answers is not None:
            return self.whole()
        return {
            "content": text,
            "additional_kwargs": {},
            "response_metadata": {},
            "type": "AIMessageChunk",
            "name": None,
            "id": self.id,
            "tool_calls": [],
            "invalid_tool_calls": [],
            "usage_metadata": None,
            "tool_call_chunks": pieces,
        }

    def whole(self) -> JsonObject:
        """All of it so far."""
        if self.answers is not None:
            answer = {"role": "tool", "call_id": self.answers, "name": self.name, "failed": self.failed}
            return written({"id": self.id, "content": self.text, **answer})
        return written({"id": self.id, "role": "assistant", "content": self.text}) | {"tool_calls": self.calls}


@dataclass(slots=True)
class Piece:
    """What an event adds to a message: some text, pieces of calls, or its end."""

    message: Message
    text: str = ""
    calls: list[JsonObject] = field(default_factory=list)
    is_last: bool = False


class Pieces:
    """Puts a run's messages together. A chat has those of its answer, any other graph those of all its models."""

    def __init__(self, view: RunView) -> None:
        self._run_id = view.run.id
        self._chat = ChatFold(view.plan, view.run.id) if view.plan.chat else None
        self._talk = Talk(view.plan, view.run.id)
        self._said: set[str] = set()
        """The messages beside the answer that were told."""
        self._messages: dict[str, Message] = {}
        self._spoken: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._spoken_calls: dict[tuple[str, str], str] = {}
        """The messages of models that made calls, by task and call."""
        self.now: list[Piece] = []
        """What the last event added."""

    def take(self, moment: Moment) -> None:
        """Take an event, before the modes are asked."""
        self.now = list(self._of_chat(moment) if self._chat is not None else self._of_models(moment))

    def tuples(self, moment: Moment) -> Iterator[Said]:
        """Each piece with its metadata."""
        for piece in self.now:
            if piece.text or piece.calls or piece.message.answers is not None:
                yield Said("messages", [piece.message.chunk(piece.text, piece.calls), moment.metadata], _ns(moment))

    def partials(self, moment: Moment) -> Iterator[Said]:
        """Each message as far as it is known, its metadata once before, and the whole at its end."""
        for piece in self.now:
            message = piece.message
            if message.is_new:
                message.is_new = False
                yield Said("messages/metadata", {message.id: {"metadata": moment.metadata}}, _ns(moment))
            if piece.text or piece.calls:
                yield Said("messages/partial", [message.whole()], _ns(moment))
            if piece.is_last:
                yield Said("messages/complete", [message.whole()], _ns(moment))

    def _of_chat(self, moment: Moment) -> Iterator[Piece]:
        assert self._chat is not None  # noqa: S101 - asked for chats alone
        for message in self._talk.take(moment.event):
            if message["id"] not in self._said:  # one that is told anew after a crash is told once
                self._said.add(message["id"])
                yield _whole(message)
        for step in self._chat.take(moment.event):
            if isinstance(step, TextStep):
                yield self._text(step.message_id, step.text)
            elif isinstance(step, CallStep) and step.call_id not in self._talk.calls:
                yield from self._call(step)
            elif isinstance(step, DoneStep | WaitStep):
                yield from (Piece(message, is_last=True) for message in self._messages.values())
                self._messages.clear()

    def _of_models(self, moment: Moment) -> Iterator[Piece]:
        if moment.where is None:
            return
        if moment.type == "message.delta":
            yield self._text(self._said_by(moment.where.task), moment.data.get("text", ""))
        elif moment.type == "message.completed":
            name = self._said_by(moment.where.task)
            message = self._message(name)
            self._spoken[moment.where.task] = self._spoken.get(moment.where.task, 0) + 1
            del self._names[moment.where.task]
            rest = "" if message.text else moment.data.get("text", "")
            message.text += rest
            pieces = [_begun(at, call) for at, call in enumerate(moment.data.get("calls") or ())]
            message.calls = [called(call["id"], call["name"], _read(call)) for call in moment.data.get("calls") or ()]
            del self._messages[name]
            self._spoken_calls |= {(moment.where.task, call["id"]): name for call in moment.data.get("calls") or ()}
            yield Piece(message, rest, pieces, is_last=True)
        elif moment.type == "tool.finished":
            yield from self._of_tool(moment.where.task, moment.data)

    def _of_tool(self, task: str, data: JsonObject) -> Iterator[Piece]:
        spoken = self._spoken_calls.get((task, str(data.get("call_id"))))
        if spoken is not None:
            number = answer_id(spoken, data["call_id"])
            answer = {"id": number, "role": "tool", "content": told(data), "call_id": data["call_id"]}
            yield _whole(answer | {"name": data["tool"], "failed": "error" in data})

    def _said_by(self, task: str) -> str:
        """The id of what a task's model says now."""
        known = self._names.get(task)
        if known is None:
            number = self._spoken.get(task, 0)
            known = self._names[task] = f"run--{uuid.uuid5(uuid.NAMESPACE_OID, f'{task}:{number}')}"
        return known

    def _call(self, step: CallStep) -> Iterator[Piece]:
        message = self._message(step.call_id.rpartition("_")[0])
        if step.done:
            message.calls.append(called(step.call_id, step.name, json.loads(step.arguments or "{}")))
            piece = {"type": "tool_call_chunk", "id": step.call_id, "name": step.name, "args": step.arguments}
            yield Piece(message, calls=[piece | {"index": len(message.calls) - 1}])

    def _text(self, name: str, text: str) -> Piece:
        message = self._message(name)
        message.text += text
        return Piece(message, text)

    def _message(self, name: str) -> Message:
        return self._messages.setdefault(name, Message(name))


def _whole(message: JsonObject) -> Piece:
    """A message that comes as a whole."""
    calls = message.get("calls") or ()
    made = Message(
        message["id"],
        message["content"],
        [called(call["id"], call["name"], _read(call)) for call in calls],
        answers=message.get("call_id"),
        name=message.get("name"),
        failed=bool(message.get("failed")),
    )
    return Piece(made, made.text, [_begun(at, call) for at, call in enumerate(calls)], is_last=True)


def _begun(at: int, call: JsonObject) -> JsonObject:
    arguments = call.get("arguments", "")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"type": "tool_call_chunk", "id": call["id"], "name": call["name"], "args": text, "index": at}


def _read(call: JsonObject) -> JsonObject:
    arguments = call.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            arguments = None
    return arguments if isinstance(arguments, dict) else {}


def _ns(moment: Moment) -> tuple[str, ...]:
    return moment.where.ns if moment.where is not None else ()
