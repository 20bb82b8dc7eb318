"""What the demo model says: a script's line, a tool call, filled fields, or an answer from numbered passages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from girih.providers.models.demo_answer import answer
from girih.providers.models.demo_fields import fill
from girih.providers.models.demo_words import Request, understand, weigh

LABEL = "[demo model]"
"""Stands before every text that the demo model composed itself (not before a script's)."""


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool; `arguments` is JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """One answer. `pieces` is the text as it streams, where that is given."""

    text: str = ""
    pieces: tuple[str, ...] | None = None
    calls: tuple[ToolCall, ...] = ()


def reply_to(
    messages: Sequence[BaseMessage],
    *,
    script: Sequence[Any] | None,
    tokens: int | None,
    tools: Sequence[Mapping[str, Any]],
    tool_choice: str | None,
    response_format: Mapping[str, Any] | None,
) -> Reply:
    """The answer to a conversation. The same arguments give the same answer."""
    if script:
        turn = sum(isinstance(message, AIMessage) for message in messages)
        return _scripted(script[min(turn, len(script) - 1)])
    if tokens is not None:
        return Reply(pieces=tuple(f"token{number} " for number in range(1, tokens + 1)))
    request = understand(messages)
    if tools and (call := _chosen(messages, request, tools, tool_choice)) is not None:
        return Reply(calls=(call,))
    schema = ((response_format or {}).get("json_schema") or {}).get("schema")
    if schema is not None:
        return Reply(json.dumps(fill(schema, request), ensure_ascii=False))
    if isinstance(messages[-1], ToolMessage):
        return Reply(f"{LABEL} The tool {messages[-1].name or ''} answered: {messages[-1].content}".replace("  ", " "))
    return Reply(f"{LABEL} {answer(request)}")


def _scripted(line: Any) -> Reply:
    if isinstance(line, str):
        return Reply(line)
    if isinstance(line, Mapping) and "tool" in line:
        return Reply(calls=(ToolCall(str(line["tool"]), json.dumps(line.get("args", {}))),))
    data = line["json"] if isinstance(line, Mapping) and set(line) == {"json"} else line
    return Reply(json.dumps(data, ensure_ascii=False))


def _chosen(
    messages: Sequence[BaseMessage], request: Request, tools: Sequence[Mapping[str, Any]], choice: str | None
) -> ToolCall | None:
    functions = [tool["function"] for tool in tools]
    if choice == "none" or isinstance(messages[-1], ToolMessage):
        return None
    named = [function for function in functions if function["name"] == choice]
    scores = [
        weigh(request, f"{function['name']} {function.get('description', '')} {' '.join(_fields(function))}")
        for function in functions
    ]
    best = max(range(len(functions)), key=lambda index: scores[index])
    if not named and choice not in ("any", "required") and scores[best] == 0:
        return None
    function = named[0] if named else functions[best]
    return ToolCall(function["name"], json.dumps(fill(function.get("parameters") or {}, request), ensure_ascii=False))


def _fields(function: Mapping[str, Any]) -> list[str]:
    return list((function.get("parameters") or {}).get("properties") or {})
