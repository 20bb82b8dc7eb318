"""A chat's answer as the AI SDK's UI message stream: every step becomes chunks that build one message."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from girih.api.compat.ai_sdk.parts import Chunk, broken_off, output, source
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_steps import (
    CallStep,
    ChatStep,
    CustomStep,
    DoneStep,
    DroppedStep,
    FailedStep,
    Question,
    SaidStep,
    TextStep,
    ToolStep,
    WaitStep,
)

GIVEN_UP = "the call was given up"


class Chunks:
    """What is said of one answer. It keeps which parts are open, so that whatever comes makes a sound message.

    `message_id` is the message's id in the app; `metadata`, with the `runId`, goes with its beginning.
    """

    ends = frozenset({"finish"})

    def __init__(self, message_id: str, metadata: JsonObject) -> None:
        self._message_id = message_id
        self._metadata = metadata
        self._text: str | None = None
        self._texts = 0
        self._in_step = False
        self._has_answered = False
        self._here: set[str] = set()
        """The calls that were begun in this step."""
        self._calls: dict[str, str] = {}
        """The calls that are not done, each with the id the app knows it by."""
        self._written: dict[str, str] = {}
        """The calls whose arguments are being written, each with its tool."""
        self._numbers: set[str] = set()
        self._approvals: dict[str, str] = {}
        self._denied: set[str] = set()
        self._sources: set[str] = set()

    def begin(self) -> list[Chunk]:
        """The beginning of the message, or of a piece that continues it."""
        self._text, self._in_step = None, True
        self._enter_step()
        start = {"type": "start", "messageId": self._message_id, "messageMetadata": self._metadata}
        return [start, {"type": "start-step"}]

    def take(self, step: ChatStep) -> list[Chunk]:
        """What is to be said of a step."""
        return list(self._within_steps(_SAY[type(step)](self, step)))

    def resumed(self, answers: Mapping[str, JsonValue]) -> list[Chunk]:
        """The run goes on with answers, by the ids of what it waited for: approvals and results that an app gave."""
        known = [(number, answer) for number, answer in answers.items() if number in self._approvals]
        return list(self._within_steps(self._approved(*one) for one in known))

    def result(self, call_id: str, value: JsonValue, error: str | None) -> list[Chunk]:
        """The result that the app gave for a call of its own tool."""
        number = self._calls.pop(call_id, call_id)
        if number not in self._numbers:
            return []
        return list(self._within_steps([output(number, value, error, own=False)]))

    def broken(self) -> list[Chunk]:
        """The last words where the stream cannot go on though the run may."""
        return [{"type": "error", "errorText": "the stream broke off: reconnect to it to read the rest"}]

    def dated(self, said: Chunk, at: datetime) -> Chunk:  # noqa: ARG002 - chunks have no time
        """The chunk as it is."""
        return said

    def _within_steps(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """The chunks, with a new step begun where the last one is over."""
        for chunk in chunks:
            kind = chunk["type"]
            if kind == "finish-step" and not self._in_step:
                continue
            if not self._in_step and kind not in ("start-step", "finish", "abort", "error"):
                yield {"type": "start-step"}
                self._enter_step()
            if kind == "start-step":
                self._enter_step()
            self._in_step = kind not in ("finish-step", "finish", "abort", "error")
            yield chunk

    def _approved(self, number: str, answer: JsonValue) -> Chunk:
        call_id = self._approvals.pop(number)
        given = answer if isinstance(answer, dict) else {}
        approved = given.get("approved") is True
        if not approved:
            self._denied.add(call_id)
        said: Chunk = {"type": "tool-approval-response", "approvalId": number, "approved": approved}
        reason = given.get("reason")
        return said | ({"reason": reason} if isinstance(reason, str) else {})

    def _say_text(self, step: TextStep) -> Iterator[Chunk]:
        if not step.text:
            return
        if self._has_answered and not self._written:  # a call that is being written belongs to its step
            yield from self._next_step()
        if self._text is None:
            self._texts += 1
            self._text = f"text-{self._texts}"
            yield {"type": "text-start", "id": self._text}
        yield {"type": "text-delta", "id": self._text, "delta": step.text}

    def _say_tool(self, step: ToolStep) -> Iterator[Chunk]:
        number = self._calls.get(step.call_id)
        if number is None:
            yield from self._call(step.call_id, step.name, step.arguments, own=True)
        if not step.done:
            return
        number = self._calls.pop(step.call_id)
        self._has_answered = self._has_answered or number in self._here
        if step.call_id in self._denied:
            self._denied.discard(step.call_id)
            yield {"type": "tool-output-denied", "toolCallId": number}
        else:
            yield output(number, step.result, step.error, own=True)

    def _say_said(self, step: SaidStep) -> Iterator[Chunk]:  # noqa: ARG002 - all that was said so far
        """What is said next is a text of its own."""
        yield from self._end_text()

    def _say_call(self, step: CallStep) -> Iterator[Chunk]:
        """A piece of a call. Of the whole the wait tells, after what the model said beside its calls."""
        if step.done:
            return
        if step.call_id not in self._calls:
            yield from self._break()
            number = self._opened(step.call_id)
            self._written[number] = step.name
            yield {"type": "tool-input-start", "toolCallId": number, "toolName": step.name}
        number = self._calls[step.call_id]
        if step.arguments and number in self._written:
            yield {"type": "tool-input-delta", "toolCallId": number, "inputTextDelta": step.arguments}

    def _say_dropped(self, step: DroppedStep) -> Iterator[Chunk]:
        """A call comes to nothing, and the app need not do it."""
        number = self._calls.pop(step.call_id, None)
        if number is not None:
            yield broken_off(number, self._written.pop(number, step.name), step.arguments, step.error)
            self._has_answered = True

    def _say_wait(self, step: WaitStep) -> Iterator[Chunk]:
        new = [call for call in step.calls if call.call_id not in self._calls]
        if new:
            yield from self._say_text(TextStep("", step.said))
        yield from self._end_text()
        for call in step.calls:
            if (number := self._calls.get(call.call_id, "")) in self._written:
                told = {"toolCallId": number, "toolName": self._written.pop(number)}
                yield {"type": "tool-input-available", **told, "input": json.loads(call.arguments)}
        yield from self._break_off()
        for call in new:
            yield from self._call(call.call_id, call.name, json.loads(call.arguments), own=False)
        for question in step.questions:
            yield from self._ask(question)
        waits_for_app = bool(step.calls) or any(question.kind == "approve" for question in step.questions)
        yield from self._finish("tool-calls" if waits_for_app else "other", {"usage": step.usage})

    def _say_done(self, step: DoneStep) -> Iterator[Chunk]:
        yield from self._end_text()
        yield from self._give_up()
        reason = "content-filter" if step.refused else "length" if step.cut_off else "stop"
        others = {name: value for name, value in step.outputs.items() if value != step.text}
        told: JsonObject = {"usage": step.usage, **({"outputs": others} if others else {})}
        yield from self._finish(reason, told | ({"model": step.model} if step.model else {}))

    def _say_failed(self, step: FailedStep) -> Iterator[Chunk]:
        yield from self._end_text()
        yield from self._give_up()
        yield {"type": "finish-step"}
        if step.cancelled:
            yield {"type": "abort", "reason": step.message}
        else:
            yield {"type": "error", "errorText": f"{step.message} (run {self._metadata['runId']})"}

    def _say_custom(self, step: CustomStep) -> Iterator[Chunk]:
        if step.type == "retrieval.finished":
            for hit in step.data.get("hits") or ():
                if hit["document_id"] not in self._sources:
                    self._sources.add(hit["document_id"])
                    yield source(hit, str(step.data.get("collection", "")))
        elif step.type == "custom":
            yield {"type": "data-custom", "data": {"node": step.node, **step.data}}

    def _ask(self, question: Question) -> Iterator[Chunk]:
        call_id = question.details.get("call_id")
        if question.kind != "approve" or not isinstance(call_id, str):
            asked = {"kind": question.kind, "node": question.node, "message": question.message}
            told = {"id": question.id, **asked, "schema": question.schema, "details": question.details}
            yield {"type": "data-question", "id": question.id, "data": told}
            return
        if question.id not in self._approvals:
            arguments = question.details.get("arguments") or {}
            yield from self._call(call_id, str(question.details.get("tool", "")), arguments, own=True)
            number = self._calls.pop(call_id)
            # When the call is done at last it comes under this name, whatever the model calls it.
            self._calls[number] = self._approvals[question.id] = number
        number = self._approvals[question.id]
        yield {
            "type": "tool-approval-request",
            "approvalId": question.id,
            "toolCallId": number,
            "reason": question.message,
        }

    def _call(self, call_id: str, name: str, arguments: JsonObject, *, own: bool) -> Iterator[Chunk]:
        yield from self._break()
        number = self._opened(call_id)
        told = {"toolCallId": number, "toolName": name, "input": arguments}
        yield {"type": "tool-input-available", **told, **({"providerExecuted": True} if own else {})}

    def _opened(self, call_id: str) -> str:
        """An id that no call of this message had: providers begin to count anew with each answer."""
        number, again = call_id, 1
        while number in self._numbers:
            again += 1
            number = f"{call_id}-{again}"
        self._numbers.add(number)
        self._here.add(number)
        self._calls[call_id] = number
        return number

    def _break(self) -> Iterator[Chunk]:
        """Before a call: the text ends, and a step in which tools have answered does."""
        yield from self._end_text()
        if self._has_answered and not self._calls:
            yield from self._next_step()

    def _next_step(self) -> Iterator[Chunk]:
        yield from self._end_text()
        yield {"type": "finish-step"}
        yield {"type": "start-step"}

    def _enter_step(self) -> None:
        self._has_answered = False
        self._here.clear()

    def _break_off(self) -> Iterator[Chunk]:
        """Say of calls that are being written that nobody writes on."""
        for call_id, number in list(self._calls.items()):
            if number in self._written:
                del self._calls[call_id]
                yield broken_off(number, self._written.pop(number), "", GIVEN_UP)

    def _give_up(self) -> Iterator[Chunk]:
        """Say of calls that nothing became of them: the app would wait for them, or do them."""
        yield from self._break_off()
        for number in self._calls.values():
            yield output(number, None, GIVEN_UP, own=False)
        self._calls.clear()

    def _end_text(self) -> Iterator[Chunk]:
        if self._text is not None:
            yield {"type": "text-end", "id": self._text}
            self._text = None

    @staticmethod
    def _finish(reason: str, metadata: JsonObject) -> Iterator[Chunk]:
        yield {"type": "finish-step"}
        yield {"type": "finish", "finishReason": reason, "messageMetadata": metadata}


_SAY: Mapping[type[Any], Callable[[Chunks, Any], Iterator[Chunk]]] = {
    TextStep: Chunks._say_text,
    SaidStep: Chunks._say_said,
    DroppedStep: Chunks._say_dropped,
    ToolStep: Chunks._say_tool,
    CallStep: Chunks._say_call,
    WaitStep: Chunks._say_wait,
    DoneStep: Chunks._say_done,
    FailedStep: Chunks._say_failed,
    CustomStep: Chunks._say_custom,
}
