"""Values as clients of the LangGraph server protocol send them."""

from __future__ import annotations

from uuid import uuid4

from girih.api.compat.langgraph.messages import read_messages
from girih.language.spec.tree import JsonObject
from girih.services.runs.values import MESSAGES


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
