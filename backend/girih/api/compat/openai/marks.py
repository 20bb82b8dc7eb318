"""What a run was asked with, as far as a request that goes on with it has to say the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_schemas import ChatMessage, ClientIn


def mark(messages: Sequence[ChatMessage], client: ClientIn) -> JsonObject:
    """Kept with the run."""
    return {"messages": len(messages), "said": _said(messages), "given": _given(client)}


def is_same_talk(kept: JsonValue, messages: Sequence[ChatMessage]) -> bool:
    """Whether the messages begin with those that the run was asked with."""
    if not isinstance(kept, dict):
        return False
    count = int(kept.get("messages") or 0)
    return len(messages) > count and kept.get("said") == _said(messages[:count])


def is_same_given(kept: JsonValue, client: ClientIn) -> bool:
    """Whether the app gives the models the same. The choice of a tool was for their first answer only."""
    return isinstance(kept, dict) and kept.get("given") == _given(client)


def _said(messages: Sequence[ChatMessage]) -> str:
    return _digest([message.model_dump(mode="json") for message in messages])


def _given(client: ClientIn) -> str:
    return _digest(client.model_dump(mode="json", exclude={"tool_choice"}))


def _digest(value: JsonValue) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
