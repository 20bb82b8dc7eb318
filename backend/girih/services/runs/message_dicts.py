"""Messages of a chat as LangChain writes them as JSON, and back: `type` is human, ai, system or tool."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject, JsonValue

_TYPES: Final[Mapping[str, str]] = {"user": "human", "assistant": "ai", "system": "system", "tool": "tool"}
_ROLES: Final[Mapping[str, str]] = {
    "human": "user",
    "user": "user",
    "ai": "assistant",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
}


def is_message(value: JsonValue) -> bool:
    """Whether a value is a message as the state of a thread holds it."""
    return isinstance(value, dict) and value.get("role") in _TYPES and "content" in value


def to_dict(message: JsonObject) -> JsonObject:
    """A message of a thread's `state:` as LangChain has it."""
    kind = _TYPES[message["role"]]
    given: JsonObject = {
        "type": kind,
        "id": message.get("id"),
        "content": _content_out(message["content"]),
        "name": None,
        "additional_kwargs": {},
        "response_metadata": {},
    }
    if kind == "ai":
        calls = message.get("calls") or []
        given["tool_calls"] = [
            {"type": "tool_call", "id": call["id"], "name": call["name"], "args": call.get("arguments", {})}
            for call in calls
        ]
        given |= {"invalid_tool_calls": [], "usage_metadata": None}
    if kind == "tool":
        given |= {"tool_call_id": message.get("call_id"), "status": "success"}
    return given


def from_dict(message: JsonValue, where: str = "messages") -> JsonObject:
    """A message as LangChain or OpenAI writes it, as the `state:` of a thread holds it.

    Raises `InvalidInput`, naming `where`, for what is no message and for content that cannot be taken.
    """
    if isinstance(message, str):
        return {"role": "user", "content": message}
    if not isinstance(message, dict):
        raise InvalidInput(f"`{where}`: a message is an object with `type` and `content`")
    kind = message.get("type") or message.get("role")
    role = _ROLES.get(str(kind))
    if role is None:
        raise InvalidInput(
            f"`{where}`: there are no messages of the type `{str(kind)[:40]}` here",
            help="the types are human, ai, system and tool",
        )
    made: JsonObject = {"role": role, "content": _content_in(message.get("content", ""), where)}
    if message.get("id"):
        made["id"] = str(message["id"])
    if role == "assistant" and message.get("tool_calls"):
        made["calls"] = [_call_in(call, where) for call in message["tool_calls"]]
    if role == "tool":
        made["call_id"] = str(message.get("tool_call_id") or "")
    return made


def _content_out(content: JsonValue) -> JsonValue:
    if not isinstance(content, list):
        return content
    return [_part_out(part) for part in content]


def _part_out(part: Any) -> Any:
    if not isinstance(part, dict) or part.get("type") != "image":
        return part
    detail = {"detail": part["detail"]} if part.get("detail") else {}
    return {"type": "image_url", "image_url": {"url": part.get("url"), **detail}}


def _content_in(content: JsonValue, where: str) -> JsonValue:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise InvalidInput(f"`{where}`: the content of a message is text, or a list of parts")
    return [_part_in(part, where) for part in content]


def _part_in(part: JsonValue, where: str) -> JsonObject:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(part, dict) and kind == "text" and isinstance(part.get("text"), str):
        return {"type": "text", "text": part["text"]}
    if isinstance(part, dict) and kind == "image_url":
        image = part.get("image_url")
        given = {"url": image} if isinstance(image, str) else dict(image or {})
        if isinstance(given.get("url"), str):
            detail = {"detail": given["detail"]} if given.get("detail") else {}
            return {"type": "image", "url": given["url"], **detail}
    raise InvalidInput(
        f"`{where}`: a part of the type `{str(kind)[:40]}` cannot be taken", help="the parts are text and image_url"
    )


def _call_in(call: JsonValue, where: str) -> JsonObject:
    """A call as LangChain has it (`args`), or as OpenAI has it (`function.arguments`, as text)."""
    if not isinstance(call, dict):
        raise InvalidInput(f"`{where}`: a tool call is an object with `id`, `name` and `args`")
    function = call.get("function")
    name, arguments = call.get("name"), call.get("args", {})
    if isinstance(function, dict):
        name, arguments = function.get("name"), function.get("arguments") or {}
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            arguments = None
    if not isinstance(arguments, dict) or not isinstance(name, str):
        raise InvalidInput(f"`{where}`: a tool call has a `name`, and `args` that are an object")
    return {"id": str(call.get("id") or ""), "name": name, "arguments": arguments}
