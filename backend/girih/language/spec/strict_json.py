"""JSON from outside, read strictly: only finite numbers, and no text that could not be written down again."""

from __future__ import annotations

import json
import math

from girih.language.spec.tree import JsonValue


def loads(text: str | bytes) -> JsonValue:
    """The data of a JSON text. Raises `ValueError` for what is none; NaN, 1e999 and half surrogate pairs are none."""
    text = text.decode() if isinstance(text, bytes) else text
    data = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    if "\\u" in text or not text.isascii():
        json.dumps(data, ensure_ascii=False).encode()  # half a pair has no bytes, and this says so
    return data


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number
