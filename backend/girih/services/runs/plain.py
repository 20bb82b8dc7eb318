"""JSON text of what runs store: fast where it can be, exact where it has to be."""

from __future__ import annotations

import json

import orjson

from girih.language.spec.tree import JsonValue


def dump(value: JsonValue) -> str:
    """JSON text of plain data, also of what strict UTF-8 cannot hold (half a surrogate pair) and of big integers."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value)


def load(text: str) -> JsonValue:
    """The data of a JSON text that `dump` wrote."""
    return json.loads(text)
