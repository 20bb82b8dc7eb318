"""What the demo model says: a script's line, a tool call, filled fields, or an answer from numbered passages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from girih.providers.models.demo_answer import answer
from girih.providers.models.demo_envelope import Asked, read_json, unwrapped
from girih.providers.models.demo_fields import fill
from girih.providers.models.demo_images import said_of, without_images
from girih.providers.models.demo_words import Request, since_asked, understand, words_of
from girih.providers.models.envelope import FINAL

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
    messages, images = without_images(messages)
    if (asked := unwrapped(messages)) is not None:
        answer_format = {"json_schema": {"schema": asked.schema}} if asked.schema is not None else None
        inner = reply_to(
            asked.messages,
            script=script,
            tokens=tokens,
            tools=asked.tools,
            tool_choice="required" if asked.must_call else tool_choice,
            response_format=answer_format,
        )
        return _wrapped(inner, asked) if asked.is_envelope else inner
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
    if told := [message for message in since_asked(messages) if isinstance(message, ToolMessage)]:
        answers = [f"The tool {message.name or ''} answered: {message.content}" for message in told]
        return Reply(f"{LABEL} {' '.join(answers)}".replace("  ", " "))
    return Reply(f"{LABEL} {answer(request)}{said_of(images)}")


def _wrapped(reply: Reply, asked: Asked) -> Reply:
    """A reply as the envelope that was asked for."""
    if reply.calls:
        turn = {"tool": reply.calls[0].name, "args": read_json(reply.calls[0].arguments)}
    else:
        text = "".join(reply.pieces) if reply.pieces is not None else reply.text
        turn = {"tool": FINAL, "args": {"text": text} if asked.schema is None else read_json(text)}
    return Reply(json.dumps(turn, ensure_ascii=False))


def _scripted(line: Any) -> Reply:
    if isinstance(line, str):
        return Reply(line)
    if isinstance(line, Mapping) and ("tool" in line or "calls" in line):
        calls = line.get("calls", [line])
        return Reply(str(line.get("text", "")), calls=tuple(_scripted_call(call) for call in calls))
    data = line["json"] if isinstance(line, Mapping) and set(line) == {"json"} else line
    return Reply(json.dumps(data, ensure_ascii=False))


def _scripted_call(call: Mapping[str, Any]) -> ToolCall:
    """Arguments that are text go out as they are: a script can also break them."""
    arguments = call.get("args", {})
    return ToolCall(str(call["tool"]), arguments if isinstance(arguments, str) else json.dumps(arguments))


def _chosen(
    messages: Sequence[BaseMessage], request: Request, tools: Sequence[Mapping[str, Any]], choice: str | None
) -> ToolCall | None:
    """The tool that meets most of the question's words which no tool called so far has met; `None` if none does."""
    if choice == "none":
        return None
    functions = {tool["function"]["name"]: tool["function"] for tool in tools}
    called = {call["name"] for m in since_asked(messages) if isinstance(m, AIMessage) for call in m.tool_calls}
    if choice in functions and not called:
        return _call(functions[choice], request)
    known = {name: set(words_of(_about(function))) for name, function in functions.items()}
    met = set().union(*(known[name] for name in called & known.keys()))
    open_words = [word for word in request.words if word not in met]
    left = [name for name in functions if name not in called]
    best = max(left, key=lambda name: len(known[name].intersection(open_words)), default=None)
    must = choice in ("any", "required") and not called
    if best is None or not (must or known[best].intersection(open_words)):
        return None
    return _call(functions[best], request)


def _call(function: Mapping[str, Any], request: Request) -> ToolCall:
    return ToolCall(function["name"], json.dumps(fill(function.get("parameters") or {}, request), ensure_ascii=False))


def _about(function: Mapping[str, Any]) -> str:
    return " ".join([function["name"], function.get("description", ""), *_fields(function)]).replace("_", " ")


def _fields(function: Mapping[str, Any]) -> list[str]:
    return list((function.get("parameters") or {}).get("properties") or {})
