"""What a thread holds, as other projects' clients see it: one flat object of values."""

from __future__ import annotations

from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.message_dicts import from_dict, is_message, to_dict

MESSAGES = "messages"
"""The name under `state:` whose values are written as messages of LangChain."""


def values_of(state: JsonObject, outputs: JsonObject | None = None) -> JsonObject:
    """The values: what `state:` holds, with `messages` as LangChain writes them, beside the outputs of the last run.

    Where both have a name, what the state holds counts.
    """
    return (outputs or {}) | {name: _shown(name, value) for name, value in state.items()}


def state_from(values: JsonObject) -> JsonObject:
    """Values as a client sends them, as `state:` holds them. Raises `InvalidInput` for messages that are none."""
    given = dict(values)
    if MESSAGES in given:
        messages = given[MESSAGES]
        listed = messages if isinstance(messages, list) else [messages]
        given[MESSAGES] = [from_dict(message, f"{MESSAGES}.{number}") for number, message in enumerate(listed)]
    return given


def _shown(name: str, value: JsonValue) -> JsonValue:
    if name == MESSAGES and isinstance(value, list):
        return [to_dict(one) if isinstance(one, dict) and is_message(one) else one for one in value]
    return value
