"""Values as clients of the LangGraph server protocol send them."""

from __future__ import annotations

from uuid import uuid4

from girih.api.compat.langgraph.messages import read_messages
from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.values import MESSAGES


def written(update: JsonValue) -> list[JsonObject]:
    """What a command's `update` writes, one after the other: an object, or pairs of a name and a value.

    Raises `InvalidInput` for anything else.
    """
    if isinstance(update, dict):
        return [update]
    if isinstance(update, list) and all(isinstance(p, list) and len(p) == 2 and isinstance(p[0], str) for p in update):
        return [{str(pair[0]): pair[1]} for pair in update if isinstance(pair, list)]
    raise InvalidInput(
        "`command.update` must be an object, or a list of pairs of a name and a value", param="command.update"
    )


def state_from(values: JsonObject) -> JsonObject:
    """Values as a client sends them, as `state:` holds them; a message without an id gets one.

    Raises `InvalidInput` for messages that are none.
    """
    if MESSAGES not in values:
        return values
    messages = [
        {"id": str(uuid4())} | message.model_dump(exclude_none=True, exclude_defaults=True) | {"content": content}
        for message in read_messages(values[MESSAGES], MESSAGES)
        for content in (message.model_dump(exclude_none=True)["content"],)
    ]
    return values | {MESSAGES: messages}
