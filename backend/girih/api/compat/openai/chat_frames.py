"""A turn of a run as a chat completion: whole, or as chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from girih.api.compat.openai.turns import Tokens, with_words
from girih.language.spec.tree import JsonObject
from girih.services.runs.chat_steps import CallStep, ChatStep, DoneStep, FailedStep, SaidStep, TextStep, WaitStep


@dataclass(frozen=True)
class Head:
    """What every piece of a completion says. `fingerprint` names what was published."""

    run_id: str
    turn: int
    created: int
    model: str
    fingerprint: str

    def fields(self, kind: str) -> JsonObject:
        """The fields that a completion and its chunks share."""
        number = self.run_id.replace("-", "") + (f"-{self.turn}" if self.turn else "")
        return {
            "id": f"chatcmpl-{number}",
            "object": kind,
            "created": self.created,
            "model": self.model,
            "service_tier": "default",
            "system_fingerprint": self.fingerprint,
        }


class Deltas:
    """The steps of a turn as the deltas of a message, and how it ends."""

    def __init__(self) -> None:
        self.reason: str | None = None
        """The `finish_reason`, once there is one."""
        self._indexes: dict[str, int] = {}
        self._sent: dict[str, int] = {}
        self._has_text = False
        self._ends_paragraph = False

    def of(self, steps: Iterable[ChatStep]) -> Iterator[JsonObject]:
        """What the steps add to the message."""
        steps = with_words(list(steps))
        word = "refusal" if not self._has_text and is_refused(steps) else "content"
        for step in steps:
            if isinstance(step, TextStep) and step.text:
                yield {word: self._lead() + step.text}
            elif isinstance(step, SaidStep):
                self._ends_paragraph = True  # a completion is one message: what is said next stands below
            elif isinstance(step, CallStep):
                yield from self._call(step)
            else:
                yield from self._end(step)

    def _end(self, step: ChatStep) -> Iterator[JsonObject]:
        if isinstance(step, WaitStep):
            for call in step.calls:
                yield from self._call(call)
            self.reason = "tool_calls" if step.calls else None
        elif isinstance(step, DoneStep):
            self.reason = _reason(step)
        elif isinstance(step, FailedStep) and step.kind == "refused":
            self.reason = "content_filter"
            yield {"refusal": step.message}

    def _lead(self) -> str:
        """What stands before the next piece of text."""
        lead = "\n\n" if self._ends_paragraph else ""
        self._has_text, self._ends_paragraph = True, False
        return lead

    def _call(self, step: CallStep) -> Iterator[JsonObject]:
        """A call, or what comes of it that was not there before."""
        is_new = step.call_id not in self._indexes
        index = self._indexes.setdefault(step.call_id, len(self._indexes))
        if is_new:
            function = {"name": step.name, "arguments": ""}
            yield {"tool_calls": [{"index": index, "id": step.call_id, "type": "function", "function": function}]}
        sent = self._sent.get(step.call_id, 0)
        piece = step.arguments[sent:] if step.done else step.arguments
        self._sent[step.call_id] = sent + len(piece)
        if piece:
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def chunk(head: Head, delta: JsonObject, reason: str | None = None, *, with_usage: bool = False) -> JsonObject:
    """One chunk. Where usage is asked for, each but the last says that it has none."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    made = head.fields("chat.completion.chunk") | {"choices": [choice]}
    return made | {"usage": None} if with_usage else made


def usage_chunk(head: Head, tokens: Tokens) -> JsonObject:
    """The last chunk, where usage is asked for."""
    return head.fields("chat.completion.chunk") | {"choices": [], "usage": usage(tokens)}


def completion(head: Head, deltas: Iterable[JsonObject], reason: str, tokens: Tokens) -> JsonObject:
    """The whole answer."""
    texts: dict[str, list[str]] = {"content": [], "refusal": []}
    calls: dict[int, JsonObject] = {}
    for delta in deltas:
        for word, pieces in texts.items():
            pieces.append(delta.get(word, ""))
        for piece in delta.get("tool_calls", ()):
            known = calls.setdefault(piece["index"], {**piece, "function": {"name": "", "arguments": ""}})
            for name, text in piece["function"].items():
                known["function"][name] += text
    content, refusal = "".join(texts["content"]), "".join(texts["refusal"])
    message: JsonObject = {
        "role": "assistant",
        "content": content if content or not (calls or refusal) else None,
        "refusal": refusal or None,
        "annotations": [],
    }
    if calls:
        message["tool_calls"] = [
            {name: value for name, value in call.items() if name != "index"} for call in calls.values()
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    return head.fields("chat.completion") | {"choices": [choice], "usage": usage(tokens)}


def usage(tokens: Tokens) -> JsonObject:
    """Tokens as chat completions count them. girih does not tell cached and reasoning tokens from the others."""
    return {
        "prompt_tokens": tokens.read,
        "completion_tokens": tokens.written,
        "total_tokens": tokens.read + tokens.written,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def is_refused(steps: Iterable[ChatStep]) -> bool:
    """Whether the steps end with a refusal in the agent's own words."""
    return any(isinstance(step, DoneStep) and step.refused for step in steps)


def _reason(step: DoneStep) -> str:
    return "length" if step.cut_off else "stop"
