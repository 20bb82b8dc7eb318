"""Messages and tools of the language as LangChain's clients take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import tool_call

from girih.language.nodes.ports import Message, ToolSpec
from girih.language.spec.tree import JsonObject


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
        return HumanMessage(content=message.content)
    if message.role == "tool":
        called = message.call_id or ""
        return ToolMessage(content=message.content, tool_call_id=called, name=names.get(called))
    calls = [tool_call(name=call.name, args=call.arguments, id=call.id) for call in message.calls]
    return AIMessage(content=message.content, tool_calls=calls)


def function_of(tool: ToolSpec) -> JsonObject:
    """A tool in the form that OpenAI's protocol has for it."""
    function: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
    return {"type": "function", "function": function}
