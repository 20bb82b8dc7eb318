"""The messages of a chat completion as girih has them: instructions, what was said, calls and their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from girih.api.compat.openai.contents import (
    chat_image,
    read_arguments,
    read_content,
    read_text,
    refusal_part,
    text_part,
)
from girih.api.compat.openai.fields import Fields, objects, wrong
from girih.services.runs.chat_schemas import ChatCall, ChatMessage, TextPart

MOST = 1000
ROLES = ("developer", "system", "user", "assistant", "tool")


@dataclass(frozen=True)
class Said:
    """What a request says: to the models as the system, and in the chat."""

    instructions: str | None
    messages: list[ChatMessage]

    @property
    def results(self) -> list[ChatMessage]:
        """The results of tools that it ends with: what a run may be waiting for."""
        found: list[ChatMessage] = []
        for message in reversed(self.messages):
            if message.role != "tool":
                break
            found.insert(0, message)
        return found


def read_messages(fields: Fields, *, is_continued: bool) -> Said:
    """`messages` of a request; those that continue a thread may begin with the results of its calls."""
    listed = fields.listed("messages")
    if listed is None:
        raise wrong("messages", "is missing", "missing_required_parameter")
    if not listed:
        raise wrong("messages", "is empty", "empty_array")
    if len(listed) > MOST:
        raise wrong("messages", f"holds at most {MOST} messages", "array_above_max_length")
    said: list[str] = []
    messages: list[ChatMessage] = []
    for item in objects(listed):
        role = item.name("role")
        if role not in ROLES:
            raise wrong(item.at("role"), f"'{role[:60]}' is no role; send {', '.join(ROLES)}")
        item.neutral("name")
        if role in ("developer", "system"):
            said.append(read_text(item, "content", "text"))
        else:
            messages.append(_message(item, role))
        item.end()
    check_order(messages, "messages", is_continued=is_continued)
    return Said("\n\n".join(said) or None, messages)


def check_order(messages: Sequence[ChatMessage], path: str, *, is_continued: bool) -> None:
    """Raise unless each call is answered at once, each result has its call, and the app has the last word."""
    if not messages or messages[-1].role not in ("user", "tool"):
        raise wrong(path, "the last message has to be one of the user, or a tool's result")
    if not is_continued and all(message.role != "user" for message in messages):
        raise wrong(path, "there is no message of the user")
    open_calls: set[str] = set()
    is_inside = is_continued
    for message in messages:
        if message.role == "tool":
            if message.call_id not in open_calls and not is_inside:
                raise wrong(path, f"no call {message.call_id} of the message before is answered by this tool message")
            open_calls.discard(message.call_id or "")
            continue
        is_inside = False
        _require_answered(open_calls, path)
        open_calls = {call.id for call in message.calls}
    _require_answered(open_calls, path)


def _require_answered(open_calls: set[str], path: str) -> None:
    if open_calls:
        missing = ", ".join(sorted(open_calls))
        raise wrong(path, f"after a message with calls come tool messages with all results; missing: {missing}")


def _message(item: Fields, role: str) -> ChatMessage:
    if role == "user":
        return ChatMessage(
            role="user", content=read_content(item, "content", {"text": text_part, "image_url": chat_image})
        )
    if role == "tool":
        call_id = item.name("tool_call_id")
        return ChatMessage(role="tool", content=read_text(item, "content", "text"), call_id=call_id)
    return _assistant(item)


def _assistant(item: Fields) -> ChatMessage:
    item.neutral("audio")
    item.neutral("function_call")
    item.take("annotations")  # comes back with the answer that it is about
    refusal = item.text("refusal")
    calls = [_call(call) for call in objects(item.listed("tool_calls") or [])]
    content = ""
    if item.take("content") is not None:
        parts = read_content(item, "content", {"text": text_part, "refusal": refusal_part})
        content = parts if isinstance(parts, str) else "".join(p.text for p in parts if isinstance(p, TextPart))
    return ChatMessage(role="assistant", content=content or refusal or "", calls=calls)


def _call(call: Fields) -> ChatCall:
    call.chosen("type", "function")
    number = call.name("id")
    function = call.inner("function")
    if function is None:
        raise wrong(call.at("function"), "is missing", "missing_required_parameter")
    made = ChatCall(id=number, name=function.name("name"), arguments=read_arguments(function, number))
    function.end()
    call.take("index")  # of a stream, where an app put the pieces together
    call.end()
    return made
