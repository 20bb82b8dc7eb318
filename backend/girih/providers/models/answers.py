"""A provider's stream of chunks as the events of one answer: text, tool calls put together, usage and what it costs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import ToolCallChunk

from girih.errors import NodeError
from girih.language.nodes.ports import ModelDone, ModelEvent, TextDelta, ToolCall, ToolCallDelta, Usage
from girih.language.spec import strict_json
from girih.providers.models.binding import Binding
from girih.providers.models.faults import as_node_error

MAX_CALLS = 64
"""More calls in one answer than any agent means: the model has come into a loop."""
MAX_ARGUMENTS = 500_000
"""Characters of the arguments of all calls of one answer."""


async def answer_events(
    binding: Binding, first: AIMessageChunk | None, chunks: AsyncGenerator[AIMessageChunk]
) -> AsyncGenerator[ModelEvent]:
    """The events of one answer whose first chunk is there already.

    Raises `NodeError`; where the provider has counted something by then, a `ModelDone` with that comes before it.
    """
    answer = _Answer(binding)
    chunk = first
    async with aclosing(chunks):
        try:
            while chunk is not None:
                for event in answer.take(chunk):
                    yield event
                chunk = await anext(chunks, None)
            answer.require_whole()
        except Exception as error:
            if answer.usage != Usage():
                yield answer.done(calls=False)
            raise as_node_error(error, binding.name) from error
    yield answer.done()


@dataclass
class _Part:
    """A tool call as far as it has arrived."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass
class _Answer:
    """An answer as far as it has arrived."""

    binding: Binding
    usage: Usage = field(default_factory=Usage)
    calls: list[_Part] = field(default_factory=list)
    finished: bool = False
    cut_off: bool = False
    _latest: dict[int, int] = field(default_factory=dict)
    """The provider's index → the call that is being written under it."""

    def take(self, chunk: AIMessageChunk) -> Iterator[ModelEvent]:
        """What a chunk brings. Raises `NodeError` for a refusal."""
        if chunk.usage_metadata:
            used = chunk.usage_metadata
            self.usage += self.binding.priced(Usage(used["input_tokens"], used["output_tokens"]))
        self._require_unfiltered(chunk)
        reason = chunk.response_metadata.get("finish_reason")
        self.finished = self.finished or bool(reason)
        self.cut_off = self.cut_off or reason == "length"
        if text := chunk.content if isinstance(chunk.content, str) else chunk.text:
            yield TextDelta(text)
        for part in chunk.tool_call_chunks:
            yield self._add(part)

    def _add(self, chunk: ToolCallChunk) -> ToolCallDelta:
        index = chunk.get("index") or 0
        at = self._latest.get(index)
        told = chunk.get("id") or ""
        # Some servers number every call of an answer 0: another id is another call.
        if at is None or (told and self.calls[at].id and told != self.calls[at].id):
            at = self._latest[index] = len(self.calls)
            self.calls.append(_Part())
        part, new = self.calls[at], chunk.get("args") or ""
        part.id, part.name = part.id or told, part.name or chunk.get("name") or ""
        part.arguments += new
        if len(self.calls) > MAX_CALLS or sum(len(call.arguments) for call in self.calls) > MAX_ARGUMENTS:
            raise NodeError("invalid_output", f"model '{self.binding.name}': more tool calls than an answer may hold")
        return ToolCallDelta(at, new, told or None, chunk.get("name") or None)

    def _require_unfiltered(self, chunk: AIMessageChunk) -> None:
        model = self.binding.name
        if chunk.response_metadata.get("finish_reason") == "content_filter":
            message = f"model '{model}': the provider's content filter cut the answer off"
            raise NodeError("refused", message, can_pass=False)
        if refusal := chunk.additional_kwargs.get("refusal"):
            raise NodeError("refused", f"model '{model}' refused: {str(refusal)[:200]}", can_pass=False)

    def require_whole(self) -> None:
        """Refuse a stream that ended before the provider said so: half an answer looks like a whole one."""
        if not self.finished:
            message = f"model '{self.binding.name}': the provider's answer broke off"
            raise NodeError("unavailable", message, help="run again, or name a fallback")

    def done(self, *, calls: bool = True) -> ModelDone:
        """The end of the answer, each call with an id of its own."""
        read = tuple(_unique(_call(part) for part in self.calls)) if calls else ()
        return ModelDone(self.usage, self.binding.model, self.binding.provider, read, self.cut_off, self.binding.name)


def _call(part: _Part) -> ToolCall:
    try:
        arguments = strict_json.loads(part.arguments or "{}")
    except (ValueError, RecursionError):
        return ToolCall(part.id, part.name, {}, f"the arguments are not JSON: {part.arguments[:200]}")
    if not isinstance(arguments, dict):
        return ToolCall(part.id, part.name, {}, f"the arguments are not a JSON object: {part.arguments[:200]}")
    return ToolCall(part.id, part.name, arguments)


def _unique(calls: Iterator[ToolCall]) -> Iterator[ToolCall]:
    seen: set[str] = set()
    for index, call in enumerate(calls):
        own = call.id if call.id and call.id not in seen else f"{call.id or 'call'}_{index}"
        seen.add(own)
        yield replace(call, id=own)
