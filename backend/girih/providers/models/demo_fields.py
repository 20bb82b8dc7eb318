"""The demo model's structured output: fills a JSON Schema from words in the prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from girih.language.spec.conform import contract
from girih.providers.models.demo_words import Request, words_of

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_CODE = re.compile(r"(?<![\w-])(?=[\w-]*\d)[\w-]{2,}")
_CODE_WITH_LETTERS = re.compile(r"\b(?=\w*[-_]?\w*\d)[A-Za-z]+[-_]?\w*\d[\w-]*")
"""A number inside of a code (`A-77`) is no amount."""
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_SURE = frozenset({"confidence", "certainty", "probability", "score", "likelihood"})
_REST = frozenset({"other", "none", "unknown", "general", "default", "misc"})
_HINTS: Mapping[str, str] = {
    "refund": "money back return returned reimburse charged twice cancel broken damaged",
    "billing": "invoice charge charged payment pay card bill price",
    "technical": "error bug crash login password install broken fails",
    "account": "profile password email address login sign",
    "shipping": "delivery deliver parcel package tracking arrive late",
    "complaint": "angry unacceptable terrible disappointed worst",
    "urgent": "immediately asap now emergency outage critical",
    "high": "immediately asap now emergency outage critical urgent",
    "positive": "great love thanks excellent happy good",
    "negative": "bad terrible hate angry broken worst disappointed",
}
"""Words that people use for common labels; a label's own words and its line in the prompt count too."""
MAX_DEPTH = 12
_UNBOUND = {"type", "description", "title"}


def fill(schema: Mapping[str, Any], request: Request) -> Any:
    """Data of the schema's shape. It fits types, enums and bounds; a pattern that no word meets may stay unmet."""
    return _Form(schema, request).value(schema, "", 0)


@dataclass(frozen=True)
class _Form:
    """A schema that is being filled: `root` for its `$ref`s, the request for its words."""

    root: Mapping[str, Any]
    request: Request

    def value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
            return None
        if "const" in schema:
            return schema["const"]
        if name in self.request.facts and _fits(schema, self.request.facts[name]):
            return self.request.facts[name]
        if schema.get("enum"):
            return _pick(list(schema["enum"]), schema, self.request)
        if (inner := self._inner(schema)) is not None:
            return self.value(inner, name, depth + 1)
        kind = _type(schema)
        if kind == "object":
            return self._fields(schema, depth)
        if kind == "array":
            return self._items(schema, name, depth)
        return _SCALARS[kind](schema, name, self.request)

    def _fields(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """All fields; one that may be left out takes its default, if it has one and no word speaks of it."""
        required = schema.get("required") or ()
        filled: dict[str, Any] = {}
        for key, item in (schema.get("properties") or {}).items():
            plain = isinstance(item, Mapping) and "default" in item and key not in required
            hinted = set(words_of(key.replace("_", " "))) & set(self.request.words)
            filled[key] = item["default"] if plain and not hinted else self.value(item, key, depth + 1)
        return filled

    def _inner(self, schema: Mapping[str, Any]) -> Any:
        """The schema that stands in for this one: a `$ref`'s target, the first option that is more than null."""
        if "$ref" in schema:
            found: Any = self.root
            for step in str(schema["$ref"]).removeprefix("#").strip("/").split("/"):
                found = found.get(step, {}) if isinstance(found, Mapping) and step else found
            return found
        for key in ("anyOf", "oneOf", "allOf"):
            if schema.get(key):
                return next((option for option in schema[key] if option.get("type") != "null"), schema[key][0])
        return None

    def _items(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        item = schema.get("items") or {}
        least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", 5))
        if isinstance(item, Mapping) and item.get("enum"):
            asked = set(self.request.words)
            found = [option for option in item["enum"] if _cues(str(option), item, self.request) & asked]
            rest = [option for option in item["enum"] if option not in found]
            return (found + rest[: max(0, least - len(found))])[:most]
        if (
            isinstance(item, Mapping)
            and item.get("type") == "string"
            and item.keys() <= {"type", "description", "title"}
        ):
            words = list(self.request.words[: max(least, min(3, most))])
            return words + [self.value(item, name, depth + 1)] * (least - len(words))
        return [self.value(item, name, depth + 1) for _ in range(min(most, max(1, least)))]


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type") or ("object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    return str(kind)


def _pick(options: list[Any], schema: Mapping[str, Any], request: Request) -> Any:
    """The option that meets the question best; without any hint one that stands for the rest, else the first."""
    asked = set(request.words)
    scores = [len(_cues(str(option), schema, request) & asked) for option in options]
    if max(scores) == 0:
        return next((option for option in options if str(option).lower() in _REST), options[0])
    return options[scores.index(max(scores))]


def _cues(option: str, schema: Mapping[str, Any], request: Request) -> set[str]:
    """The words that speak for an option: its own, its usual ones, and those of lines that explain it."""
    named = re.compile(rf"\b{re.escape(option)}\b\W{{0,4}}(?:[:=–—-]|means|if|when|for)\s*([^\n;.]+)", re.IGNORECASE)
    about = f"{request.instructions}\n{schema.get('description') or ''}"
    return set(words_of(" ".join([option, _HINTS.get(option.lower(), ""), *named.findall(about)])))


def _number(schema: Mapping[str, Any], name: str, request: Request) -> float:
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    if name in _SURE:
        sure = 0.9 if len(request.words) >= 3 else 0.4
        return round(sure if high is None or high <= 1 else sure * float(high), 2)
    for found in _NUMBER.findall(_CODE_WITH_LETTERS.sub(" ", request.question)):
        number = float(found)
        if (low is None or number >= low) and (high is None or number <= high):
            return number
    return float(low if low is not None else min(0, high or 0))


def _integer(schema: Mapping[str, Any], name: str, request: Request) -> int:
    return int(_number(schema, name, request))


def _boolean(schema: Mapping[str, Any], name: str, request: Request) -> bool:
    return bool(set(words_of(f"{name.replace('_', ' ')} {schema.get('description') or ''}")) & set(request.words))


def _null(schema: Mapping[str, Any], name: str, request: Request) -> None:  # noqa: ARG001 - one of `_SCALARS`
    return None


def _fits(schema: Mapping[str, Any], value: Any) -> bool:
    return not contract(dict(schema)).misfits(value)


def _matching(schema: Mapping[str, Any], request: Request) -> str | None:
    """The first word of the question that the schema's pattern wants."""
    if "pattern" not in schema:
        return None
    words = (word.strip(".,;:!?\"'()") for word in request.question.split())
    return next((word for word in words if _fits(schema, word)), None)


def _string(schema: Mapping[str, Any], name: str, request: Request) -> str:
    if (word := _matching(schema, request)) is not None:
        return word
    pattern = {"email": _EMAIL, "date": _DATE}.get(str(schema.get("format") or name))
    if pattern is None and (name in ("id", "number", "code") or name.endswith(("_id", "_number", "_code"))):
        pattern = _CODE
    found = pattern.search(request.question) if pattern else None
    text = found.group() if found else request.question
    text = text[: int(schema.get("maxLength", 200))]
    return text + "-" * (int(schema.get("minLength", 0)) - len(text))


_SCALARS = {"number": _number, "integer": _integer, "boolean": _boolean, "null": _null, "string": _string}
