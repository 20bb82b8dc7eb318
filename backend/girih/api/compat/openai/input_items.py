"""The input of a response as girih has it, and back: messages, calls and their results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from girih.api.compat.openai.chat_messages import MOST, Said
from girih.api.compat.openai.contents import (
    ReadPart,
    read_arguments,
    read_content,
    read_text,
    refusal_part,
    response_image,
    text_part,
)
from girih.api.compat.openai.fields import Fields, objects, wrong
from girih.api.speakers import one_line
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_schemas import ChatCall, ChatMessage, TextPart

_ROLES = ("developer", "system", "user", "assistant")
_STATUS = ("in_progress", "completed", "incomplete")
_TYPES = ("message", "function_call", "function_call_output")


def read_input(fields: Fields, instructions: str | None) -> Said:
    """`input`: one text by the user, or items. The system's messages stand behind the instructions."""
    value = fields.take("input")
    if value is None:
        raise wrong("input", "is missing", "missing_required_parameter")
    if isinstance(value, str):
        return Said(instructions, [ChatMessage(role="user", content=value)])
    listed = fields.listed("input") or []
    if not listed:
        raise wrong("input", "is empty", "empty_array")
    if len(listed) > MOST:
        raise wrong("input", f"holds at most {MOST} items", "array_above_max_length")
    said = [instructions] if instructions else []
    messages: list[ChatMessage] = []
    for item in objects(listed):
        _take(item, said, messages)
        item.end()
    return Said("\n\n".join(said) or None, messages)


def references(value: JsonValue) -> Iterator[tuple[int, str]]:
    """The items of an input that only name another one, with their places."""
    for place, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict) and item.get("type") == "item_reference" and isinstance(item.get("id"), str):
            yield place, item["id"]


def written(messages: Sequence[Mapping[str, Any]], number: str) -> list[JsonObject]:
    """The messages that a run was given, as the items of an input; `number` is the response's."""
    items: list[JsonObject] = []
    for place, message in enumerate(messages):
        items += _items(message, f"{number}_{place}")
    return items


def _take(item: Fields, said: list[str], messages: list[ChatMessage]) -> None:
    kind = item.text("type") or "message"
    item.text("id")
    item.chosen("status", *_STATUS)
    if kind == "function_call":
        _add_call(item, messages)
    elif kind == "function_call_output":
        output = read_text(item, "output", "input_text", "output_text")
        messages.append(ChatMessage(role="tool", call_id=item.name("call_id"), content=output))
    elif kind == "message":
        _add_message(item, said, messages)
    else:
        raise wrong(item.at("type"), f"'{kind[:60]}' is not taken here; send {' or '.join(_TYPES)}")


def _add_message(item: Fields, said: list[str], messages: list[ChatMessage]) -> None:
    role = item.name("role")
    if role not in _ROLES:
        raise wrong(item.at("role"), f"'{role[:60]}' is no role; send {', '.join(_ROLES)}")
    item.chosen("phase", "commentary", "final_answer")  # girih's agents are told all that was said, of either kind
    if role in ("developer", "system"):
        said.append(read_text(item, "content", "input_text"))
    elif role == "user":
        kinds: dict[str, ReadPart] = {"input_text": text_part, "input_image": response_image}
        messages.append(ChatMessage(role="user", content=read_content(item, "content", kinds)))
    else:
        parts = read_content(item, "content", {"output_text": text_part, "refusal": refusal_part})
        text = parts if isinstance(parts, str) else "".join(p.text for p in parts if isinstance(p, TextPart))
        messages.append(ChatMessage(role="assistant", content=text))


def _add_call(item: Fields, messages: list[ChatMessage]) -> None:
    """A call belongs to what the assistant said right before it."""
    number = item.name("call_id")
    call = ChatCall(id=number, name=item.name("name"), arguments=read_arguments(item, number))
    if messages and messages[-1].role == "assistant":
        messages[-1] = messages[-1].model_copy(update={"calls": [*messages[-1].calls, call]})
    else:
        messages.append(ChatMessage(role="assistant", calls=[call]))


def _items(message: Mapping[str, Any], number: str) -> Iterator[JsonObject]:
    role, text = message["role"], message.get("content") or ""
    if role == "tool":
        lead = {"type": "function_call_output", "id": f"fco_{number}", "status": "completed"}
        yield lead | {"call_id": message["call_id"], "output": text}
        return
    kind = "output_text" if role == "assistant" else "input_text"
    parts: list[JsonObject] = [{"type": kind, "text": text}] if text else []
    if kind == "output_text" and parts:
        parts[0]["annotations"] = []
    for image in message.get("images") or ():
        detail = image.get("detail") or "auto"
        parts.append({"type": "input_image", "image_url": image["url"], "detail": detail})
    if parts:
        yield {"type": "message", "id": f"msg_in_{number}", "status": "completed", "role": role, "content": parts}
    for place, call in enumerate(message.get("calls") or ()):
        yield {"type": "function_call", "id": f"fc_in_{number}_{place}", "status": "completed"} | _called(call)


def _called(call: Mapping[str, Any]) -> JsonObject:
    named = {"call_id": call["id"], "name": call["name"]}
    return named | {"arguments": one_line(call.get("arguments") or {}).decode()}
