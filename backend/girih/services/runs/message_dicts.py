"""Messages of a chat as LangChain writes them as JSON: `type` is human, ai, system or tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from girih.language.spec.tree import JsonObject, JsonValue

_TYPES: Final[Mapping[str, str]] = {"user": "human", "assistant": "ai", "system": "system", "tool": "tool"}


def is_message(value: JsonValue) -> bool:
    """Whether a value is a message as the state of a thread holds it."""
    return isinstance(value, dict) and value.get("role") in _TYPES


def written(message: Mapping[str, Any]) -> JsonObject:
    """A message of `state.messages` as LangChain writes it."""
    kind = _TYPES[message["role"]]
    common: JsonObject = {
        "content": _content(message.get("content", "")),
        "additional_kwargs": {},
        "response_metadata": {},
        "type": kind,
        "name": message.get("name"),
        "id": message.get("id"),
    }
    if kind == "ai":
        calls = [called(call["id"], call["name"], call.get("arguments") or {}) for call in message.get("calls") or ()]
        return common | {"tool_calls": calls, "invalid_tool_calls": [], "usage_metadata": None}
    if kind == "tool":
        status = "error" if message.get("failed") else "success"
        return common | {"tool_call_id": message.get("call_id"), "artifact": None, "status": status}
    return common


def called(call_id: str, name: str, arguments: JsonObject) -> JsonObject:
    """A call of a tool as LangChain writes it."""
    return {"name": name, "args": arguments, "id": call_id, "type": "tool_call"}


def _content(content: Any) -> JsonValue:
    if not isinstance(content, list):
        return content
    return [_part(part) for part in content]


def _part(part: JsonObject) -> JsonObject:
    if part.get("type") != "image":
        return part
    detail = {"detail": part["detail"]} if part.get("detail") else {}
    return {"type": "image_url", "image_url": {"url": part["url"], **detail}}
