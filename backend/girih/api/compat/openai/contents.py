"""What messages hold, as either of the two protocols writes it: text, images, and the calls of tools."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from girih.api.compat.openai.fields import Fields, objects, wrong
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_schemas import ImagePart, Part, TextPart
from girih.services.runs.chats import run_of_call

_DATA = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,")
LONGEST_URL = 20_000_000

ReadPart: TypeAlias = Callable[[Fields], Part]


def read_text(fields: Fields, name: str, *kinds: str) -> str:
    """A content of nothing but text: as it is, or as parts of these kinds."""
    parts = read_content(fields, name, dict.fromkeys(kinds, text_part))
    return parts if isinstance(parts, str) else "".join(part.text for part in parts if isinstance(part, TextPart))


def read_content(fields: Fields, name: str, kinds: Mapping[str, ReadPart]) -> str | list[Part]:
    """A content: text, or parts of some kinds."""
    value = fields.take(name)
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise wrong(fields.at(name), "must be text or a list of parts", "invalid_type")
    parts: list[Part] = []
    for part in objects(fields.listed(name) or []):
        kind = part.name("type")
        if kind not in kinds:
            raise wrong(part.at("type"), f"'{kind[:60]}' is not taken here; send {' or '.join(kinds)}")
        parts.append(kinds[kind](part))
        part.end()
    if not parts:
        raise wrong(fields.at(name), "is empty")
    return parts


def text_part(part: Fields) -> TextPart:
    """`{"type": "text", "text": …}`, or `input_text` and `output_text` with the same field."""
    text = part.text("text")
    if text is None:
        raise wrong(part.at("text"), "is missing", "missing_required_parameter")
    for unused in ("annotations", "logprobs"):
        part.take(unused)  # what the answer said about itself comes back with it, and nobody reads it
    return TextPart(text=text)


def refusal_part(part: Fields) -> TextPart:
    """`{"type": "refusal", "refusal": …}`: what the assistant said instead."""
    return TextPart(text=part.name("refusal", longest=0))


def chat_image(part: Fields) -> ImagePart:
    """`{"type": "image_url", "image_url": {"url": …, "detail": …}}`."""
    inner = part.inner("image_url")
    if inner is None:
        raise wrong(part.at("image_url"), "is missing", "missing_required_parameter")
    image = _image(inner, "url")
    inner.end()
    return image


def response_image(part: Fields) -> ImagePart:
    """`{"type": "input_image", "image_url": …, "detail": …}`."""
    part.neutral("file_id")
    return _image(part, "image_url")


def read_arguments(fields: Fields, call_id: str) -> JsonObject:
    """The arguments of a call, which come as JSON text.

    A stream may have told a call that a model of ours never wrote to its end: that one comes back as it is.
    """
    text = fields.text("arguments")
    try:
        value: JsonValue = json.loads(text or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict) and run_of_call(call_id) is not None:
        return {}
    if not isinstance(value, dict):
        raise wrong(fields.at("arguments"), "has to be the JSON text of an object")
    return value


def _image(holder: Fields, name: str) -> ImagePart:
    url = holder.name(name, longest=LONGEST_URL)
    detail = holder.chosen("detail", "auto", "low", "high")
    if url.startswith("data:"):
        _check_data(holder, name, url)
    elif not url.startswith("https://"):
        raise wrong(holder.at(name), "is neither an https: nor a data: URL", "invalid_image_url")
    return ImagePart(url=url, detail=detail)


def _check_data(holder: Fields, name: str, url: str) -> None:
    head = _DATA.match(url)
    if head is None:
        known = "PNG, JPEG, GIF and WebP, as `data:image/png;base64,…`"
        raise wrong(holder.at(name), f"is no image of a known type; there are {known}", "invalid_image_format")
    try:
        base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise wrong(holder.at(name), "is not base64", "invalid_base64") from None
