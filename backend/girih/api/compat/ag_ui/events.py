"""A chat's answer as AG-UI events: every step becomes events of one AG-UI run, which is a run or a piece of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from girih.api.compat.ag_ui.closing import closing
from girih.api.compat.ag_ui.state import State
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
from girih.services.runs.plain import dump

VERSION = "1.0"
Event: TypeAlias = dict[str, Any]


class Events:
    """What is said of one AG-UI run. It keeps what is open, so that whatever comes makes a sound stream.

    `run` holds `threadId`, `runId` and what else goes with its beginning; `history` are the app's own messages, said
    back to it where the run continues one that waited.
    """

    ends = frozenset({"RUN_FINISHED"})

    def __init__(self, run: JsonObject, state: State, history: Sequence[JsonObject] = ()) -> None:
        self._run = run
        self._state = state
        self._history = history
        self._text: str | None = None
        self._texts: Counter[str] = Counter()
        self._steps: Counter[str] = Counter()
        self._calls: dict[str, str] = {}
        """The calls that are not done, each with the id the app knows it by."""
        self._written: dict[str, str] = {}
        """The calls whose arguments are being written, each with what there is of them."""
        self._numbers: set[str] = set()
        self._approvals: dict[str, str] = {}
        """The calls that people are asked to allow, by the questions."""
        self._parent: str | None = None

    def begin(self) -> list[Event]:
        """The beginning of the AG-UI run."""
        self._text, self._parent, self._steps = None, None, Counter()
        said: list[Event] = [{"type": "RUN_STARTED", **self._run, "protocolVersion": VERSION}]
        if self._history:
            said.append({"type": "MESSAGES_SNAPSHOT", "messages": list(self._history)})
        return [*said, *self._state.snapshot()]

    def take(self, step: ChatStep) -> list[Event]:
        """What is to be said of a step."""
        return list(_SAY[type(step)](self, step))

    def resumed(self, answers: Mapping[str, JsonValue]) -> list[Event]:  # noqa: ARG002 - the app knows its answers
        """The run goes on: of that the app is told by what follows."""
        return []

    def result(self, call_id: str, value: JsonValue, error: str | None) -> list[Event]:  # noqa: ARG002 - as above
        """The app gave the result of a call, and knows it."""
        self._calls.pop(call_id, None)
        return []

    def broken(self) -> list[Event]:
        """The last words where the stream cannot go on though the run may."""
        message = "the stream broke off, and the run may go on: start again with the same runId to read it"
        return [{"type": "RUN_ERROR", "message": message, "code": "stream_broken"}]

    def dated(self, said: Event, at: datetime) -> Event:
        """The event with its time, in milliseconds."""
        return said | {"timestamp": int(at.timestamp() * 1000)}

    def _say_text(self, step: TextStep) -> Iterator[Event]:
        if not step.text:
            return
        if self._text is None:
            self._texts[step.message_id] += 1
            again = self._texts[step.message_id]
            self._text = step.message_id if again == 1 else f"{step.message_id}-{again}"
            self._parent = self._text
            yield {"type": "TEXT_MESSAGE_START", "messageId": self._text, "role": "assistant"}
        yield {"type": "TEXT_MESSAGE_CONTENT", "messageId": self._text, "delta": step.text}

    def _say_tool(self, step: ToolStep) -> Iterator[Event]:
        if step.call_id not in self._calls:
            yield from self._call(step.call_id, step.name, dump(step.arguments))
        if not step.done:
            return
        content = step.result if isinstance(step.result, str) else dump(step.result)
        if step.error is not None:
            content = f"Error: {step.error}"
        self._parent = None
        yield _result(self._calls.pop(step.call_id), content)

    def _say_said(self, step: SaidStep) -> Iterator[Event]:  # noqa: ARG002 - all that was said so far
        """What is said next is a message of its own."""
        yield from self._end_text()

    def _say_call(self, step: CallStep) -> Iterator[Event]:
        """A piece of a call. Of the whole the wait tells, after what the model said beside its calls."""
        if step.done:
            return
        if step.call_id not in self._calls:
            yield from self._begin_call(step.call_id, step.name)
            self._written[self._calls[step.call_id]] = ""
        number = self._calls[step.call_id]
        if step.arguments and number in self._written:
            self._written[number] += step.arguments
            yield {"type": "TOOL_CALL_ARGS", "toolCallId": number, "delta": step.arguments}

    def _say_dropped(self, step: DroppedStep) -> Iterator[Event]:
        """A call comes to nothing, and the app need not do it."""
        number = self._calls.pop(step.call_id, None)
        if number is not None:
            yield from self._end_call(number)
            self._parent = None
            yield _result(number, f"Error: {step.error}")

    def _say_wait(self, step: WaitStep) -> Iterator[Event]:
        new = [call for call in step.calls if call.call_id not in self._calls]
        if step.said and new:
            yield from self._say_text(TextStep(f"{self._run['runId']}-said", step.said))
        for number in list(self._written):
            yield from self._end_call(number)
        for call in new:
            yield from self._call(call.call_id, call.name, call.arguments)
        for question in step.questions:
            yield from self._call_of(question)
        yield from self._close()
        asked = [_asked(question, self._approvals.get(question.id)) for question in step.questions]
        if asked:
            yield self._finished({"type": "interrupt", "interrupts": asked}, step.usage)
        else:
            pending = [self._calls[call.call_id] for call in step.calls]
            yield self._finished({"type": "success", "pendingToolCallIds": pending}, step.usage)

    def _say_done(self, step: DoneStep) -> Iterator[Event]:
        yield from self._close()
        yield from self._give_up()
        yield self._finished({"type": "success"}, step.usage, step.model) | {"result": step.outputs}

    def _say_failed(self, step: FailedStep) -> Iterator[Event]:
        yield from self._close()
        yield from self._give_up()
        if step.cancelled:
            yield self._finished({"type": "cancelled"}, step.usage)
        else:
            told = {"type": "RUN_ERROR", "message": step.message, "code": step.kind}
            yield told | _usage(step.usage) | {"metadata": self._run.get("metadata", {})}

    def _say_custom(self, step: CustomStep) -> Iterator[Event]:
        if step.type == "state.updated" and step.node is not None and "/" not in step.node:
            yield from self._state.written(step.data.get("values") or {})
        elif step.type == "node.started" and step.node is not None:
            self._steps[step.node] += 1
            if self._steps[step.node] == 1:
                yield {"type": "STEP_STARTED", "stepName": step.node}
        elif step.type in ("node.finished", "node.failed", "node.cancelled") and step.node is not None:
            yield from self._left(step.node)
        elif step.type in _SHOWN:
            yield {"type": "CUSTOM", "name": f"girih.{step.type}", "value": {"node": step.node, **step.data}}

    def _left(self, node: str) -> Iterator[Event]:
        """A node was visited to its end; one that several branches are in is left with the last of them."""
        if self._steps[node] == 1:
            yield {"type": "STEP_FINISHED", "stepName": node}
        self._steps[node] = max(0, self._steps[node] - 1)

    def _call_of(self, question: Question) -> Iterator[Event]:
        call_id = _call_id(question)
        if call_id and question.id not in self._approvals:
            arguments = question.details.get("arguments") or {}
            yield from self._call(call_id, str(question.details.get("tool", "")), dump(arguments))
            number = self._calls.pop(call_id)
            # When the call is done at last it comes under this name, whatever the model calls it.
            self._calls[number] = self._approvals[question.id] = number

    def _call(self, call_id: str, name: str, arguments: str) -> Iterator[Event]:
        yield from self._begin_call(call_id, name)
        number = self._calls[call_id]
        yield {"type": "TOOL_CALL_ARGS", "toolCallId": number, "delta": arguments}
        yield {"type": "TOOL_CALL_END", "toolCallId": number}

    def _begin_call(self, call_id: str, name: str) -> Iterator[Event]:
        yield from self._end_text()
        number = self._opened(call_id)
        started: Event = {"type": "TOOL_CALL_START", "toolCallId": number, "toolCallName": name}
        yield started | ({"parentMessageId": self._parent} if self._parent else {})

    def _end_call(self, number: str) -> Iterator[Event]:
        """The call is written, as far as it will be: what broke off is made whole, for apps read it again and again."""
        written = self._written.pop(number, None)
        if written is not None:
            if rest := closing(written):
                yield {"type": "TOOL_CALL_ARGS", "toolCallId": number, "delta": rest}
            yield {"type": "TOOL_CALL_END", "toolCallId": number}

    def _opened(self, call_id: str) -> str:
        """An id that no call of this run had: providers begin to count anew with each answer."""
        number, again = call_id, 1
        while number in self._numbers:
            again += 1
            number = f"{call_id}-{again}"
        self._numbers.add(number)
        self._calls[call_id] = number
        return number

    def _end_text(self) -> Iterator[Event]:
        if self._text is not None:
            yield {"type": "TEXT_MESSAGE_END", "messageId": self._text}
            self._text = None

    def _close(self) -> Iterator[Event]:
        """End whatever is open: nothing may be when a run ends."""
        yield from self._end_text()
        for node in [node for node, count in self._steps.items() if count]:
            yield {"type": "STEP_FINISHED", "stepName": node}
        self._steps.clear()

    def _give_up(self) -> Iterator[Event]:
        """Say of calls that nothing became of them: else the app would take them for its own to do."""
        for number in self._calls.values():
            yield from self._end_call(number)
            yield _result(number, "Error: the call was given up")
        self._calls.clear()

    def _finished(self, outcome: JsonObject, usage: JsonObject, model: str | None = None) -> Event:
        ids = {"threadId": self._run["threadId"], "runId": self._run["runId"]}
        return {"type": "RUN_FINISHED", **ids, "outcome": outcome, **_usage(usage, model)}


_SHOWN = frozenset({"custom", "retrieval.finished", "memory.stored", "memory.recalled"})
"""What the app is told of beside the answer, under its own name."""
_SAY: Mapping[type[Any], Callable[[Events, Any], Iterator[Event]]] = {
    TextStep: Events._say_text,
    SaidStep: Events._say_said,
    DroppedStep: Events._say_dropped,
    ToolStep: Events._say_tool,
    CallStep: Events._say_call,
    WaitStep: Events._say_wait,
    DoneStep: Events._say_done,
    FailedStep: Events._say_failed,
    CustomStep: Events._say_custom,
}


def _call_id(question: Question) -> str:
    """The call that a person is to allow; nothing where the question is another one."""
    call_id = question.details.get("call_id")
    return call_id if question.kind == "approve" and isinstance(call_id, str) else ""


def _asked(question: Question, call_id: str | None) -> JsonObject:
    told: JsonObject = {"id": question.id, "reason": question.kind, "message": question.message}
    told |= {"responseSchema": question.schema, "metadata": {"node": question.node, "details": question.details}}
    return told | ({"toolCallId": call_id} if call_id is not None else {})


def _result(number: str, content: str) -> Event:
    said = {"type": "TOOL_CALL_RESULT", "messageId": f"{number}-result", "toolCallId": number}
    return said | {"content": content, "role": "tool"}


def _usage(usage: JsonObject, model: str | None = None) -> JsonObject:
    counts = {"inputTokens": usage.get("input_tokens"), "outputTokens": usage.get("output_tokens")}
    told = {name: count for name, count in counts.items() if isinstance(count, int)}
    return {"usage": [told | ({"model": model} if model else {})]} if told else {}
