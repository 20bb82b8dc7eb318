"""Schemas put together from others (`allOf`, `anyOf` beside fields of its own) as one plain schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from girih.language.spec.tree import JsonSchema, JsonValue

_OPEN = ("if", "then", "else", "not", "dependentSchemas", "unevaluatedProperties", "title", "description", "examples")
"""Keywords that say nothing certain of a type."""

_SHAPE = frozenset({"type", "properties", "required", "additionalProperties", "items", "prefixItems", "enum", "const"})
_ONE_OF = ("anyOf", "oneOf")


def plain(schema: JsonSchema) -> JsonSchema:
    """The schema with the parts of its `allOf` taken into it."""
    if "allOf" not in schema:
        return schema
    own = {key: value for key, value in schema.items() if key != "allOf"}
    return merged([own, *(plain(part) for part in schema["allOf"] if isinstance(part, dict))])


def merged(schemas: Iterable[JsonSchema]) -> JsonSchema:
    """The type of a value that is of all of these types at once, as far as it can be said in one plain schema."""
    result: JsonSchema = {}
    for schema in schemas:
        for key, value in schema.items():
            if key not in _OPEN:
                result[key] = _both(key, result[key], value) if key in result else value
    return {key: value for key, value in result.items() if value is not None}


def _both(key: str, left: JsonValue, right: JsonValue) -> JsonValue:
    """The keyword's value where both hold; `None` where one keyword cannot say it."""
    if left == right:
        return left
    if key == "properties":
        return {**left, **right, **{name: _field(left[name], right[name]) for name in left if name in right}}
    if key == "required":
        return list(dict.fromkeys([*left, *right]))
    if key == "additionalProperties":
        return _others(left, right)
    if key == "type":
        return _types(left, right)
    if key == "enum":
        return [value for value in left if value in right] or None
    if key == "items" and isinstance(left, dict) and isinstance(right, dict):
        return {"allOf": [left, right]}
    return None


def _field(left: JsonValue, right: JsonValue) -> JsonValue:
    return {"allOf": [left, right]} if isinstance(left, dict) and isinstance(right, dict) else left and right


def _others(left: JsonValue, right: JsonValue) -> JsonValue:
    if left is False or right is False:
        return False
    return left if isinstance(left, dict) else right


def _types(left: JsonValue, right: JsonValue) -> JsonValue:
    first, second = ([names] if isinstance(names, str) else list(names) for names in (left, right))
    shared = [name for name in first if name in second]
    if "integer" in (*first, *second) and "number" in (*first, *second) and "integer" not in shared:
        shared.append("integer")
    return shared[0] if len(shared) == 1 else shared or None


def alternatives(schema: JsonSchema) -> list[JsonSchema]:
    """The choices of an `anyOf` or `oneOf`, each with what the schema says beside it; empty for any other schema."""
    key = next((key for key in _ONE_OF if schema.get(key)), None)
    if key is None:
        return []
    parts = [part if isinstance(part, dict) else {} for part in schema[key] if part is not False]
    beside = {name: value for name, value in schema.items() if name in _SHAPE}
    return [merged([beside, plain(part)]) for part in parts] if beside else parts


def without_null(schema: JsonSchema) -> JsonSchema:
    """The type of a value of this type that is known not to be null."""
    result: dict[str, Any] = dict(plain(schema))
    if isinstance(result.get("type"), list):
        left = [name for name in result["type"] if name != "null"]
        result["type"] = left[0] if len(left) == 1 else left
    if "enum" in result:
        result["enum"] = [value for value in result["enum"] if value is not None]
    for key in _ONE_OF:
        if key in result:
            parts = [part for part in result[key] if not (isinstance(part, dict) and part.get("type") == "null")]
            if len(parts) == 1 and set(result) == {key}:
                return without_null(parts[0]) if isinstance(parts[0], dict) else {}
            result[key] = [without_null(part) if isinstance(part, dict) else part for part in parts]
    return result
