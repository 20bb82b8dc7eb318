"""JSON text of what runs store: fast where it can be, exact where it has to be."""

from __future__ import annotations

import json

import orjson

from girih.language.spec.tree import JsonValue


def dump(value: JsonValue) -> str:
    """JSON text of plain data, also of what strict UTF-8 cannot hold (half a surrogate pair) and of big integers."""
    return encoded(value).decode()


def encoded(value: JsonValue) -> bytes:
    """The same text as bytes, for what goes over a wire."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode()


def load(text: str) -> JsonValue:
    """The data of a JSON text that `dump` wrote."""
    return json.loads(text)


def is_storable(value: JsonValue) -> bool:
    """Whether the database can keep the value in a form it can search: no NUL and no half of a character in it."""
    if isinstance(value, str):
        return storable_text(value) == value
    if isinstance(value, dict):
        return all(is_storable(name) and is_storable(item) for name, item in value.items())
    return all(map(is_storable, value)) if isinstance(value, list) else True


def storable_text(text: str) -> str:
    """The text with a mark for each character that no column can hold."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
