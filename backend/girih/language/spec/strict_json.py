"""JSON from outside, read strictly: no NaN, and no text that could not be written down again."""

from __future__ import annotations

import json

from girih.language.spec.tree import JsonValue


def loads(text: str | bytes) -> JsonValue:
    """The data of a JSON text. Raises `ValueError` for what is not JSON, NaN and half surrogate pairs included."""
    text = text.decode() if isinstance(text, bytes) else text
    data = json.loads(text, parse_constant=_refuse)
    if "\\u" in text or not text.isascii():
        json.dumps(data, ensure_ascii=False).encode()  # half a pair has no bytes, and this says so
    return data


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
