"""Messages as LangChain's clients send them: dictionaries of either style, pairs, plain strings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_schemas import ChatCall, ChatMessage, ImagePart, Part, Role, TextPart

_ROLES: Mapping[str, Role] = {
    "human": "user",
    "user": "user",
    "ai": "assistant",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
}
_PASSIVE = frozenset(
    {
        "additional_kwargs",
        "response_metadata",
        "usage_metadata",
        "invalid_tool_calls",
        "tool_call_chunks",
        "chunk_position",
        "example",
        "artifact",
        "lc_kwargs",
        "refusal",
    }
)
"""What LangChain keeps beside a message, which models are not told."""
_READ = frozenset({"type", "role", "content", "id", "name", "tool_calls", "tool_call_id", "status"})


def read_messages(given: JsonValue, path: str) -> list[ChatMessage]:
    """The messages of an input: one of them, or a list. Raises `InvalidInput` with the path of what is wrong."""
    if not isinstance(given, list) or _is_pair(given):
        return [_read(given, path)]
    return [_read(one, f"{path}[{number}]") for number, one in enumerate(given)]


def _is_pair(given: Sequence[JsonValue]) -> bool:
    return len(given) == 2 and isinstance(given[0], str) and given[0] in _ROLES and isinstance(given[1], str)


def _read(given: JsonValue, path: str) -> ChatMessage:
    if isinstance(given, str):
        return ChatMessage(role="user", content=given)
    if isinstance(given, list) and _is_pair(given):
        return ChatMessage(role=_ROLES[str(given[0])], content=str(given[1]))
    if not isinstance(given, dict):
        raise _wrong(path, "a message is text, a pair of role and text, or an object with `role` and `content`")
    return _of_object(_unpacked(given, path), path)


def _unpacked(given: JsonObject, path: str) -> JsonObject:
    """The fields of a message, also where they are wrapped as LangChain serializes its classes."""
    if given.get("type") == "constructor" and isinstance(given.get("kwargs"), dict):
        named = [str(part) for part in given.get("id") or ()]
        kwargs: JsonObject = given["kwargs"]
        return kwargs | {"type": _short(named[-1] if named else "")}
    if set(given) == {"type", "data"} and isinstance(given["data"], dict):
        data: JsonObject = given["data"]
        return data | {"type": given["type"]}
    unknown = sorted(set(given) - _READ - _PASSIVE)
    if unknown:
        raise _wrong(f"{path}.{unknown[0]}", "a message has no such field here")
    return given


def _short(name: str) -> str:
    return name.removesuffix("Chunk").removesuffix("Message").lower()


def _of_object(given: JsonObject, path: str) -> ChatMessage:
    kind = given.get("role") if given.get("role") is not None else given.get("type")
    role = _ROLES.get(_short(kind) if isinstance(kind, str) else "")
    if role is None:
        raise _wrong(f"{path}.type", f"'{kind}' is no kind of message that is taken; send human, ai, system or tool")
    if role in ("user", "system") and given.get("name"):
        raise _wrong(f"{path}.name", "names of people are not passed on to models")
    number, call_id = given.get("id"), given.get("tool_call_id")
    if role == "tool" and not isinstance(call_id, str):
        raise _wrong(f"{path}.tool_call_id", "a tool's message names the call that it answers")
    return ChatMessage(
        id=str(number) if number else None,
        role=role,
        content=_content_in(given.get("content"), f"{path}.content"),
        calls=_calls_in(given.get("tool_calls"), f"{path}.tool_calls"),
        call_id=call_id if role == "tool" else None,
    )


def _calls_in(given: JsonValue, path: str) -> list[ChatCall]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise _wrong(path, "must be a list")
    return [_call_in(one, f"{path}[{number}]") for number, one in enumerate(given)]


def _call_in(given: JsonValue, path: str) -> ChatCall:
    if not isinstance(given, dict):
        raise _wrong(path, "a call is an object with `id`, `name` and `args`")
    inner = given["function"] if isinstance(given.get("function"), dict) else given
    arguments: Any = inner.get("args", inner.get("arguments", {}))
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except ValueError:
            raise _wrong(path, "the call's arguments are not JSON") from None
    number, name = given.get("id"), inner.get("name")
    if not (isinstance(number, str) and number and isinstance(name, str) and name and isinstance(arguments, dict)):
        raise _wrong(path, "a call is an object with `id`, `name` and `args`")
    return ChatCall(id=number, name=name, arguments=arguments)


def _content_in(given: JsonValue, path: str) -> str | list[Part]:
    if given is None:
        return ""
    if isinstance(given, str):
        return given
    if not isinstance(given, list):
        raise _wrong(path, "must be text, or a list of parts")
    parts = [_part_in(one, f"{path}[{number}]") for number, one in enumerate(given)]
    return [part for part in parts if part is not None]


def _part_in(given: JsonValue, path: str) -> Part | None:
    if isinstance(given, str):
        return TextPart(text=given)
    kind = given.get("type") if isinstance(given, dict) else None
    if not isinstance(given, dict) or kind not in ("text", "image", "image_url", "tool_use", "tool_call"):
        raise _wrong(path, f"parts of the kind '{kind}' are not taken; send text and images")
    if kind == "text":
        return TextPart(text=str(given.get("text", "")))
    if kind in ("tool_use", "tool_call"):
        return None  # it stands under `tool_calls` as well
    url, detail = _image(given)
    if not url:
        raise _wrong(path, "an image needs a `url`, or its bytes as `base64` with a `mime_type`")
    return ImagePart(url=url, detail=detail)


def _image(given: JsonObject) -> tuple[str, Any]:
    inner = given.get("image_url")
    if isinstance(inner, str):
        return inner, None
    if isinstance(inner, dict):
        return str(inner.get("url") or ""), inner.get("detail")
    data = given.get("base64") or given.get("data")
    if data:
        return f"data:{given.get('mime_type') or given.get('mimeType') or 'image/png'};base64,{data}", None
    return str(given.get("url") or ""), None


def _wrong(path: str, message: str) -> InvalidInput:
    return InvalidInput(f"{path}: {message}", faults=[{"path": path, "message": message}])
