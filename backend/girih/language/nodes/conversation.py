"""What a node says to a model: the system's text, the last messages of a conversation, and the prompt."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from girih.language.nodes.base import STRING, PromptFile, Scope, Slot
from girih.language.nodes.ports import Image, Message, ToolCall
from girih.language.nodes.prompt import Prompt, PromptField, rendered
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue

ROLES = ("system", "user", "assistant", "tool")

MESSAGES: JsonSchema = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"role": {"enum": list(ROLES)}, "content": STRING},
        "required": ["role", "content"],
    },
}
"""A conversation as `state.messages` holds it."""


History = Annotated[int, Field(ge=1, le=200)]
"""How many of the last messages a model is shown."""


def _something_to_say(prompt: Prompt | None, info: ValidationInfo) -> Prompt | None:
    if prompt is None and info.data.get("messages", "") is None:
        raise PydanticCustomError("missing", "a prompt, or messages, must be there")
    return prompt


AskedField = Annotated[PromptField | None, Field(validate_default=True), AfterValidator(_something_to_say)]
"""The `prompt` of a node that also takes `messages`, declared before it: one of the two must be there."""


class Conversation(Protocol):
    """The keys of a node that talks to a model."""

    @property
    def messages(self) -> str | None: ...
    @property
    def history(self) -> int: ...
    @property
    def prompt(self) -> Prompt | None: ...
    @property
    def system(self) -> Prompt | None: ...


def conversation_slots(config: Conversation) -> Iterable[Slot]:
    """The slots of these keys."""
    for key, prompt in (("prompt", config.prompt), ("system", config.system)):
        if prompt is not None:
            yield from prompt.slots(key)
    if config.messages is not None:
        yield Slot("messages", ("messages",), config.messages, MESSAGES)


def conversation_files(config: Conversation) -> Iterable[PromptFile]:
    """The prompt files of these keys."""
    for key, prompt in (("prompt", config.prompt), ("system", config.system)):
        if prompt is not None:
            yield from prompt.files(key)


def lower_conversation(config: Conversation, scope: Scope) -> JsonObject:
    """The settings that `conversation` takes."""
    return {
        "prompt": config.prompt.lower(scope) if config.prompt else None,
        "system": config.system.lower(scope) if config.system else None,
        "history": config.history,
    }


def conversation(settings: JsonObject, values: JsonObject) -> tuple[Message, ...]:
    """The messages that begin a node's talk with a model: system, the last `history` messages, the prompt."""
    said: list[Message] = []
    if settings["system"] is not None:
        said.append(Message("system", rendered(settings["system"], values["system"])))
    if "messages" in values:
        said += _last(values["messages"], settings.get("history", 20))
    if settings["prompt"] is not None:
        said.append(Message("user", rendered(settings["prompt"], values["prompt"])))
    return tuple(said)


def as_json(message: Message, id: str) -> JsonObject:
    """A message in the form that `state.messages` has."""
    told: JsonObject = {"id": id, "role": message.role, "content": message.content}
    if message.calls:
        told["calls"] = [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in message.calls]
    if message.call_id is not None:
        told["call_id"] = message.call_id
    if message.images:
        told["images"] = [{name: value for name, value in vars(image).items() if value} for image in message.images]
    return told


def answer_id(message_id: str, call_id: str) -> str:
    """The id of a tool's answer to a call that the message of that id makes."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{message_id}:{call_id}"))


def _last(messages: list[JsonValue], number: int) -> list[Message]:
    """The last messages. A tool's answer stays only behind the call it answers, as providers refuse it elsewhere."""
    return list(_answered([_read(message) for message in messages[-number:]]))


def _answered(messages: list[Message]) -> Iterator[Message]:
    answers: Mapping[str | None, Message] = {m.call_id: m for m in messages if m.role == "tool"}
    for message in messages:
        calls = tuple(call for call in message.calls if call.id in answers)
        if message.role == "tool" or not (message.content or calls or message.images):
            continue
        yield replace(message, calls=calls)
        for call in calls:
            yield answers[call.id]


def _read(message: JsonValue) -> Message:
    calls = tuple(
        ToolCall(str(call.get("id")), str(call.get("name")), call.get("arguments") or {})
        for call in message.get("calls") or ()
        if isinstance(call, dict)
    )
    return Message(
        message["role"], str(message["content"]), calls, _text_or_none(message.get("call_id")), _images(message)
    )


def _images(message: JsonValue) -> tuple[Image, ...]:
    return tuple(
        Image(image["url"], image.get("detail"))
        for image in message.get("images") or ()
        if isinstance(image, dict) and isinstance(image.get("url"), str)
    )


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None
