"""What a thread holds, as other projects' clients see it: one flat object of values."""

from __future__ import annotations

from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.message_dicts import is_message, written

MESSAGES = "messages"
"""The name under `state:` whose values are written as messages of LangChain."""


def values_of(state: JsonObject, outputs: JsonObject | None = None) -> JsonObject:
    """The values: what `state:` holds, with `messages` as LangChain writes them, beside the outputs of the last run.

    Where both have a name, what the state holds counts.
    """
    shown: JsonObject = {name: _shown(name, value) for name, value in state.items()}
    return (outputs or {}) | shown


def _shown(name: str, value: JsonValue) -> JsonValue:
    if name == MESSAGES and isinstance(value, list):
        return [written(one) if is_message(one) else one for one in value]
    return value
