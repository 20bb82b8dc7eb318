"""The built-in demo model: a real LangChain chat model that is deterministic, needs no key and says what it is."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Final, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from girih.providers.models.demo_images import without_images
from girih.providers.models.demo_reply import Reply, ToolCall, reply_to

PROVIDER: Final = "girih-demo"
_PIECE = re.compile(r"\s*\S+|\s+$")


class DemoChatModel(BaseChatModel):
    """Answers without a language model, the same way every time; it marks what it wrote as the demo model's.

    - Numbered passages (`[1] …`) in the prompt: it answers with their sentences that match the question, each with its
      mark, or says that they do not answer.
    - `response_format` (JSON Schema): it fills the fields from words in the prompt.
    - Bound tools: it picks the one whose name, description and parameters meet most words of the question, fills the
      arguments from the question and from earlier results, and goes on until no other tool meets what is left of it.
    - `script`: a list of given answers (text, `{json: …}`, `{tool: name, args: {…}}` or `{calls: [{tool, args}, …]}`),
      one per turn, the last one again and again. `tokens` and `delay_ms`: a stream of that many tokens with that
      pause before each.
    """

    model_name: str = "demo"
    script: list[Any] | None = None
    tokens: int | None = None
    delay_ms: float = 0

    @property
    def _llm_type(self) -> str:
        return PROVIDER

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with these tools at hand; `tool_choice` is `auto`, `any`, `none` or a tool's name."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], tool_choice=tool_choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - LangChain's signature
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        reply, delay = self._plan(messages, kwargs)
        for chunk in self._chunks(messages, reply):
            if delay:
                time.sleep(delay)
            if run_manager:
                run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - LangChain's signature
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        reply, delay = self._plan(messages, kwargs)
        for chunk in self._chunks(messages, reply):
            # Also without a delay each token gives way once, as a provider's would: a run can be cancelled in between.
            await asyncio.sleep(delay)
            if run_manager:
                await run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
            yield chunk

    def _plan(self, messages: list[BaseMessage], options: dict[str, Any]) -> tuple[Reply, float]:
        reply = reply_to(
            messages,
            script=options.get("script", self.script),
            tokens=options.get("tokens", self.tokens),
            tools=options.get("tools") or [],
            tool_choice=options.get("tool_choice"),
            response_format=options.get("response_format"),
        )
        return reply, float(options.get("delay_ms", self.delay_ms)) / 1000

    def _chunks(self, messages: list[BaseMessage], reply: Reply) -> Iterator[ChatGenerationChunk]:
        pieces = reply.pieces if reply.pieces is not None else _PIECE.findall(reply.text)
        for piece in pieces:
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
        turn = sum(isinstance(message, AIMessage) for message in messages)
        for index, call in enumerate(reply.calls):
            yield from _call_chunks(call, f"call_{turn + 1}_{index + 1}", index)
        yield ChatGenerationChunk(message=self._last(messages, reply, len(pieces)))

    def _last(self, messages: list[BaseMessage], reply: Reply, pieces: int) -> AIMessageChunk:
        read = sum(len(_PIECE.findall(str(message.content))) for message in without_images(messages)[0])
        written = pieces + len(reply.calls)
        reason: Literal["tool_calls", "stop"] = "tool_calls" if reply.calls else "stop"
        return AIMessageChunk(
            content="",
            response_metadata={"model_name": self.model_name, "model_provider": PROVIDER, "finish_reason": reason},
            usage_metadata=UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written),
            chunk_position="last",
        )


def _call_chunks(call: ToolCall, call_id: str, index: int) -> Iterator[ChatGenerationChunk]:
    """A call as it streams: who is called first, then the arguments piece by piece."""
    named = tool_call_chunk(name=call.name, args="", id=call_id, index=index)
    yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[named]))
    for piece in _PIECE.findall(call.arguments):
        part = tool_call_chunk(name=None, args=piece, id=None, index=index)
        yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[part]))
