"""What a run is given beside its inputs: the messages of a chat, and what the app has for its models."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from uuid import UUID

from girih.errors import InvalidInput
from girih.language.compiler.plan import Plan
from girih.language.expressions.kinds import kinds
from girih.language.nodes.messages import NOTHING_GIVEN, AppGiven, ToolSpec
from girih.language.spec.tree import JsonObject
from girih.services.runs.chat_parts import check_client, usable
from girih.services.runs.chat_schemas import ChatMessage, ClientIn, ImagePart, TextPart
from girih.services.runs.schemas import RunIn

MOST_CHARACTERS = 24_000_000
"""Of all messages of a run, with their images, and all that the app gives along."""
MOST_IMAGES = 50
_IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}|https://[^\s]{4,2000}")


def asked_inputs(plan: Plan, body: RunIn) -> JsonObject:
    """The inputs with the question of the chat in them. Raises `InvalidInput` for what this agent does not take."""
    if body.client is not None:
        check_client(plan, body.client)
    if body.messages is None:
        return body.inputs
    name = _input_of(plan, body.inputs)
    for at, message in enumerate(body.messages):
        _check(plan, message, f"messages[{at}]")
    if sum(len(list(_images(message))) for message in body.messages) > MOST_IMAGES:
        raise InvalidInput(f"a run takes at most {MOST_IMAGES} images", param="messages")
    if sum(_size(message) for message in body.messages) > MOST_CHARACTERS:
        raise InvalidInput(
            f"the messages hold more than {MOST_CHARACTERS} characters",
            help="send fewer or smaller images, or shorter messages",
            param="messages",
        )
    if name in body.inputs:
        return body.inputs
    asked = next((_text(message) for message in reversed(body.messages) if message.role == "user"), None)
    if asked is None:
        raise InvalidInput(
            "no message is one by the user, so nothing is asked",
            help=f'add a message with the role "user", or give `inputs.{name}`',
            param="messages",
        )
    return {**body.inputs, name: asked}


def stored_chat(body: RunIn, run_id: str) -> JsonObject | None:
    """What is kept of a chat with its run; `None` for a run that was given nothing of the kind."""
    messages = [_stored(message, run_id, at) for at, message in enumerate(body.messages or ())]
    client = body.client.model_dump(mode="json", exclude_defaults=True) if body.client is not None else {}
    return {"messages": messages, "client": client} if messages or client else None


def given_of(chat: JsonObject | None) -> AppGiven:
    """What the app gave, as nodes are told of it."""
    if not chat or not chat["client"]:
        return NOTHING_GIVEN
    client = ClientIn.model_validate(chat["client"])
    return AppGiven(
        tools=tuple(ToolSpec(tool.name, tool.description, _of_object(tool.parameters)) for tool in client.tools),
        tool_choice=client.tool_choice,
        params=client.params,
        format=client.format,
        instructions=client.instructions,
    )


def asked_again(chat: JsonObject | None) -> JsonObject:
    """The fields of a `RunIn` that ask for the same chat once more."""
    if chat is None:
        return {}
    messages = [_read(message) for message in chat["messages"]]
    client = ClientIn.model_validate(chat["client"]) if chat["client"] else None
    return {"messages": messages or None, "client": client}


def _of_object(parameters: JsonObject) -> JsonObject:
    return {"type": "object", **({} if "properties" in parameters else {"properties": {}}), **usable(parameters)}


def _input_of(plan: Plan, inputs: Mapping[str, object]) -> str:
    """The input that takes the question."""
    if plan.chat is None:
        raise InvalidInput(
            f"agent '{plan.name}' takes no messages: its graph has no `chat:`",
            help="send `inputs`, or say under `chat:` which input and output a chat is about",
            param="messages",
        )
    name = str(plan.chat["input"])
    allowed = kinds(plan.inputs.get("properties", {}).get(name, {}))
    if name not in inputs and allowed is not None and "string" not in allowed:
        raise InvalidInput(
            f"agent '{plan.name}' takes no text as its question: its input '{name}' is of another type",
            help=f"give `inputs.{name}` beside the messages",
            param="messages",
        )
    return name


def _check(plan: Plan, message: ChatMessage, place: str) -> None:
    if (message.role == "tool") != (message.call_id is not None):
        raise InvalidInput(
            f'{place}: `call_id` goes with the role "tool", and with no other',
            help="a tool's message names the call that it answers",
            param=place,
        )
    if message.calls and message.role != "assistant":
        raise InvalidInput(f'{place}: only a message with the role "assistant" has `calls`', param=place)
    for image in _images(message):
        _check_image(plan, message, image, place)


def _check_image(plan: Plan, message: ChatMessage, image: ImagePart, place: str) -> None:
    if message.role != "user":
        raise InvalidInput(f'{place}: only a message with the role "user" may hold images', param=place)
    if not any("messages" in node.values for node in plan.nodes if node.verb in ("llm", "agent")):
        raise InvalidInput(
            f"agent '{plan.name}' takes no images: none of its nodes shows messages to a model",
            help='give an llm or agent node `messages: "${ state.messages }"`',
            param=place,
        )
    if _IMAGE.fullmatch(image.url) is None:
        raise InvalidInput(
            f"{place}: an image is a `data:` URL (png, jpeg, gif or webp, in base64) or an `https:` URL",
            help="the model's provider fetches an `https:` URL; whatever it cannot reach, send as `data:`",
            param=place,
        )


def _images(message: ChatMessage) -> Iterator[ImagePart]:
    if not isinstance(message.content, str):
        yield from (part for part in message.content if isinstance(part, ImagePart))


def _text(message: ChatMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    return "\n".join(part.text for part in message.content if isinstance(part, TextPart))


def _size(message: ChatMessage) -> int:
    calls = sum(len(json.dumps(call.arguments)) for call in message.calls)
    return len(_text(message)) + sum(len(image.url) for image in _images(message)) + calls


def _stored(message: ChatMessage, run_id: str, at: int) -> JsonObject:
    """A message as `state.messages` holds it; without an id, it gets one that its run and its place make."""
    number = message.id or str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run_id}:message:{at}"))
    told: JsonObject = {"id": number, "role": message.role, "content": _text(message)}
    if images := [image.model_dump(exclude={"type"}, exclude_none=True) for image in _images(message)]:
        told["images"] = images
    if message.calls:
        told["calls"] = [call.model_dump() for call in message.calls]
    return told | ({"call_id": message.call_id} if message.call_id is not None else {})


def _read(message: JsonObject) -> ChatMessage:
    """The message that `_stored` made this of."""
    told = {name: value for name, value in message.items() if name != "images"}
    if images := message.get("images"):
        text = [{"type": "text", "text": message["content"]}] if message["content"] else []
        told["content"] = text + [{"type": "image", **image} for image in images]
    return ChatMessage.model_validate(told)


def run_of_call(call_id: str) -> UUID | None:
    """The run that waits for the result of the call with that id; `None` where the id was not made here."""
    found = re.fullmatch(r"call_([0-9a-f]{32})_[0-9a-f]{8}", call_id)
    return UUID(found[1]) if found is not None else None
