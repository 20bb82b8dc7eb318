"""JSON Schemas that others wrote → the types of our language: every `$ref` written out, odd keywords left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from girih.language.spec.keywords import KEYWORDS, TYPE_NAMES, shape_faults
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue
from girih.language.spec.types import type_faults

MOST_PARTS = 4_000
"""How many schemas a type may hold after its references are written out."""

DEEPEST = 24
"""How deep schemas may stand within each other; what lies deeper may be anything."""

LONGEST_NAME = 64
_LONGEST_TEXT = 1_000
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LEFT_OUT = frozenset({"$ref", "$defs", "default", "examples", "title", "$comment", "deprecated"})


class ForeignError(Exception):
    """A schema that cannot become a type; the message says why."""


@dataclass
class Foreign:
    """Reads schemas of one document, in which `$ref` points from its root.

    `is_openapi_30` reads the dialect of OpenAPI 3.0: `nullable`, and bounds that are exclusive by a flag. A schema that
    holds itself ends where it would begin again: there it may be anything.
    """

    root: JsonValue
    is_openapi_30: bool = False
    parts: int = 0

    def plain(self, schema: JsonValue, trail: tuple[str, ...] = ()) -> JsonSchema:
        """The schema by itself, in JSON Schema 2020-12 as our types have it. Raises `ForeignError`."""
        self.parts += 1
        if self.parts > MOST_PARTS:
            raise ForeignError(f"its schema holds more than {MOST_PARTS} parts")
        if not isinstance(schema, dict) or len(trail) > DEEPEST:
            return {"not": {}} if schema is False else {}
        if self.is_openapi_30:
            schema = _from_30(schema)
        own = {key: item for key, value in schema.items() if (item := self._kept(key, value, trail)) is not None}
        if not isinstance(schema.get("$ref"), str):
            return flattened(own)
        target = self._target(schema["$ref"], trail)
        if set(own) & set(target):
            return {"allOf": [target], **own}
        return {**target, **own}

    def found(self, ref: str) -> JsonValue:
        """What a reference within the document points to. Raises `ForeignError`."""
        if not ref.startswith("#"):
            raise ForeignError(f"it refers to '{ref}', which is another document")
        value = self.root
        for step in ref[1:].split("/")[1:]:
            key = step.replace("%7B", "{").replace("%7D", "}").replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and key.isdigit() and int(key) < len(value):
                value = value[int(key)]
            elif isinstance(value, dict) and key in value:
                value = value[key]
            else:
                raise ForeignError(f"it refers to '{ref}', which is not in the document")
        return value

    def _target(self, ref: str, trail: tuple[str, ...]) -> JsonSchema:
        if ref in trail:
            return {}
        return self.plain(self.found(ref), (*trail, ref))

    def _kept(self, key: str, value: JsonValue, trail: tuple[str, ...]) -> JsonValue:
        """A keyword's value as we have it; `None` for a keyword that is left out."""
        holds = KEYWORDS.get(key)
        if holds is None or key in _LEFT_OUT:
            return None
        inner = (*trail, f"/{key}")
        if holds == "type":
            return _types(value)
        if holds == "schema":
            return value if isinstance(value, bool) else self.plain(value, inner) if isinstance(value, dict) else None
        if any(shape_faults(key, value, ())):
            return None
        if holds == "schemas":
            return [self.plain(item, inner) for item in value]
        if holds == "schema map":
            return {name: self.plain(item, inner) for name, item in value.items()}
        return value[:_LONGEST_TEXT] if key == "description" else value


def _types(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return value if value in TYPE_NAMES else None
    known = [item for item in dict.fromkeys(value) if item in TYPE_NAMES] if isinstance(value, list) else []
    return (known[0] if len(known) == 1 else known) or None


def _from_30(schema: JsonObject) -> JsonObject:
    """A schema of OpenAPI 3.0 in the words of 2020-12."""
    result = {key: value for key, value in schema.items() if key != "nullable"}
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(result.get(exclusive), bool):
            is_exclusive = result.pop(exclusive)
            if is_exclusive and bound in result:
                result[exclusive] = result.pop(bound)
    if schema.get("nullable") is not True:
        return result
    if isinstance(result.get("enum"), list) and None not in result["enum"]:
        result["enum"] = [*result["enum"], None]
    if isinstance(result.get("type"), str):
        return {**result, "type": [result["type"], "null"]}
    if "$ref" in result or "allOf" in result:
        return {"anyOf": [result, {"type": "null"}]}
    return result


def as_type(schema: JsonSchema, *, required: bool) -> JsonValue:
    """A plain schema as the type of a field, as an author would write it; `any` where it cannot be said."""
    spec = _brief(schema) if required else _optional(schema)
    return ("any" if required else "any?") if any(type_faults(spec)) else spec


def _brief(schema: JsonSchema) -> JsonValue:
    if not schema:
        return "any"
    is_bare = set(schema) == {"type"} and isinstance(schema["type"], str) and schema["type"] != "null"
    return schema["type"] if is_bare else schema


def _optional(schema: JsonSchema) -> JsonValue:
    name: Any = schema.get("type")
    if isinstance(name, str) and name != "null":
        return f"{name}?" if len(schema) == 1 else {**schema, "type": f"{name}?"}
    if name is None:
        return {"type": "any?", **schema} if schema else "any?"
    return {"type": "any?", "anyOf": [schema]}


def flattened(schema: JsonSchema) -> JsonSchema:
    """An object that is put together with `allOf` as one object; any other schema as it is."""
    parts = [flattened(part) for part in schema.get("allOf", ())]
    if not parts or not all(is_object(part) for part in parts):
        return schema
    own = {key: value for key, value in schema.items() if key != "allOf"}
    whole: JsonSchema = {"type": "object", "properties": {}, "required": []}
    for part in (*parts, own):
        whole["properties"] |= part.get("properties") or {}
        whole["required"] += [name for name in part.get("required") or () if name not in whole["required"]]
    return {**whole, **({"description": own["description"]} if "description" in own else {})}


def is_object(schema: JsonSchema) -> bool:
    """Whether it is an object whose fields are named."""
    return schema.get("type") in ("object", None) and bool(schema.get("properties"))


def name_of(wire: str, taken: Collection[str] = ()) -> str:
    """A name of our language for somebody else's: `petId` is `pet_id`, `X-Trace` is `x_trace`; none that is taken."""
    text = re.sub(r"[^a-z0-9]+", "_", _HUMP.sub("_", wire).lower()).strip("_") or "value"
    text = (text if text[0].isalpha() else f"n_{text}")[: LONGEST_NAME - 4]
    number, name = 1, text
    while name in taken:
        number += 1
        name = f"{text}_{number}"
    return name


@dataclass(frozen=True)
class Fields:
    """The fields of an object as types; `wire` gives the others' names where they differ from ours."""

    types: Mapping[str, JsonValue]
    wire: Mapping[str, str]


def fields_of(schema: JsonSchema) -> Fields:
    """The fields of a plain object schema."""
    types: dict[str, JsonValue] = {}
    wire: dict[str, str] = {}
    required = schema.get("required") or ()
    for written, inner in (schema.get("properties") or {}).items():
        name = name_of(written, types)
        types[name] = as_type(inner, required=written in required)
        if name != written:
            wire[name] = written
    return Fields(types, wire)


@dataclass(frozen=True)
class Result:
    """What a call gives as fields; `answer` is the one that takes an answer that is no object of named fields."""

    fields: Fields
    answer: str | None = None


def result_of(schema: JsonSchema) -> Result:
    """The result for an answer of that plain schema: a list is the field `items`, anything else `value`."""
    if is_object(schema):
        return Result(fields_of(schema))
    name = "items" if schema.get("type") == "array" else "value"
    return Result(Fields({name: as_type(schema, required=True)}, {}), name)
