"""The texts in an item that it is found by."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject, JsonValue

WHOLE = "$"
"""The place that means all of the value."""

MAX_TEXTS = 100
"""Texts of one item that it is found by."""

MAX_TEXT = 20_000
"""Characters of a text that count for finding it."""

_STEP = re.compile(r"(?P<name>[^.\[\]]+)?(?P<at>(\[(\*|-?\d+)\])*)")


def texts_of(value: JsonObject, places: Sequence[str]) -> dict[str, str]:
    """Where each text stands → the text. Places that the value lacks give none. Raises `InvalidInput`."""
    found: dict[str, str] = {}
    for place in places:
        for path, text in _texts(value, place):
            if text.strip():
                found[path] = text[:MAX_TEXT]
            if len(found) > MAX_TEXTS:
                raise InvalidInput(f"index: an item is found by at most {MAX_TEXTS} texts", help="index fewer places")
    return found


def _texts(value: JsonObject, place: str) -> Iterator[tuple[str, str]]:
    if place == WHOLE:
        yield WHOLE, _written(value)
        return
    for path, held in _walk(value, steps_of(place), ""):
        yield path, _written(held)


def steps_of(place: str) -> list[str | int]:
    """The steps of a place: names, numbers, and `*` for every item. Raises `InvalidInput`."""
    steps: list[str | int] = []
    for part in place.split("."):
        read = _STEP.fullmatch(part)
        if read is None or not part:
            raise InvalidInput(
                f"index: '{place[:80]}' is not a place in a value", help="write `title`, `author.name`, `parts[*].text`"
            )
        if read["name"]:
            steps.append(read["name"])
        steps += [at if at == "*" else int(at) for at in re.findall(r"\[([^\]]+)\]", read["at"] or "")]
    return steps


def _walk(value: JsonValue, steps: Sequence[str | int], path: str) -> Iterator[tuple[str, JsonValue]]:
    if not steps:
        yield path, value
        return
    step, rest = steps[0], steps[1:]
    if isinstance(value, dict):
        for name in value if step == "*" else [str(step)]:
            if name in value:
                yield from _walk(value[name], rest, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number in _places(step, len(value)):
            yield from _walk(value[number], rest, f"{path}[{number}]")


def _places(step: str | int, length: int) -> list[int]:
    if step == "*":
        return list(range(length))
    if isinstance(step, int) and -length <= step < length:
        return [step % length]
    return []


def _written(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
