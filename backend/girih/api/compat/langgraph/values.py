"""Values as clients of the LangGraph server protocol send them, and what a run waits for as they read it."""

from __future__ import annotations

from uuid import uuid4

from girih.api.compat.langgraph.messages import read_messages
from girih.language.spec.tree import JsonObject
from girih.services.runs.schemas import InterruptOut
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


def interrupt_of(pause: InterruptOut) -> JsonObject:
    """Something a run waits for: its id, by which it is answered, what is asked, and the form of the answer."""
    value = {"kind": pause.kind, "node": pause.node, "message": pause.message, "schema": pause.form}
    if pause.expires_at is not None:
        value["expires_at"] = pause.expires_at.isoformat()
    return {"id": pause.id, "value": value | {"details": pause.details}, "response_schema": pause.form}
