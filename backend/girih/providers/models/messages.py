"""Messages and tools of the language as LangChain's clients take them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import tool_call

from girih.language.nodes.ports import Message, ToolSpec
from girih.language.spec.tree import JsonObject

LONGEST_CALL_ID = 40
"""Characters; OpenAI takes no longer ones."""


def as_langchain(messages: Iterable[Message]) -> list[BaseMessage]:
    """The conversation; a tool's answer bears the name of the tool that was called."""
    names: dict[str, str] = {}
    result: list[BaseMessage] = []
    for message in messages:
        names |= {call.id: call.name for call in message.calls}
        result.append(_message(message, names))
    return result


def _message(message: Message, names: dict[str, str]) -> BaseMessage:
    if message.role == "system":
        return SystemMessage(content=message.content)
    if message.role == "user":
        return HumanMessage(content=_blocks(message) if message.images else message.content)
    if message.role == "tool":
        called = message.call_id or ""
        return ToolMessage(content=message.content, tool_call_id=_short(called), name=names.get(called))
    calls = [tool_call(name=call.name, args=call.arguments, id=_short(call.id)) for call in message.calls]
    return AIMessage(content=message.content, tool_calls=calls)


def _blocks(message: Message) -> list[str | dict[str, Any]]:
    """The text, and the images behind it, as OpenAI's protocol has them."""
    blocks: list[str | dict[str, Any]] = [{"type": "text", "text": message.content}] if message.content else []
    for image in message.images:
        told = {"url": image.url} | ({"detail": image.detail} if image.detail is not None else {})
        blocks.append({"type": "image_url", "image_url": told})
    return blocks


def _short(call_id: str) -> str:
    """The id of a call as a provider takes it: a long one becomes another, the same each time."""
    if len(call_id) <= LONGEST_CALL_ID:
        return call_id
    return f"call_{hashlib.sha256(call_id.encode('utf-8', 'replace')).hexdigest()[:32]}"


def function_of(tool: ToolSpec) -> JsonObject:
    """A tool in the form that OpenAI's protocol has for it."""
    function: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
    return {"type": "function", "function": function}
