"""Plain words for values and their types, as findings speak of them."""

from __future__ import annotations

import json

from girih.language.spec.tree import JsonValue

_LONGEST = 32


def found(value: JsonValue) -> str:
    """What a value is, with the value itself where it is short: `the number 5`, `a list`, `nothing`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {json.dumps(value)}"
    if isinstance(value, str):
        return f"the text '{value}'" if len(value) <= _LONGEST and value.isprintable() else "a text"
    return "a list" if isinstance(value, list) else "a mapping"


TYPE_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "nothing",
    "bytes": "bytes",
    "timestamp": "a time",
    "duration": "a duration",
}
"""JSON Schema's type names, and those that only expressions know → how a finding says them."""
