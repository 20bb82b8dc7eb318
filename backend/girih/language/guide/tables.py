"""Markdown about JSON Schemas: types in a few words, and the keys of a mapping as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from girih.language.spec.policies import ERROR_KINDS
from girih.language.spec.tree import JsonSchema


def code(text: object) -> str:
    """Inline code that may stand in a table."""
    return "`" + str(text).replace("|", "\\|") + "`"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(head)]
    lines += [["---"] * len(lines[0]), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def type_of(schema: JsonSchema) -> str:
    """A JSON Schema in a few words."""
    if schema.get("x-girih") == "type":
        return "a type"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return code(schema["const"])
    if "anyOf" in schema:
        return _one_of(schema)
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return "a type" if name == "type" else name.lower()
    return _composed(schema)


def _one_of(schema: JsonSchema) -> str:
    options = schema["anyOf"]
    numbers: JsonSchema = {"type": "number", "exclusiveMinimum": 0}
    if numbers in options and "examples" in schema:
        return "a duration"
    if numbers in options and {"type": "string"} in options:
        others = [type_of(option) for option in options if option not in (numbers, {"type": "string"})]
        return " or ".join(dict.fromkeys(["a duration", *(word for word in others if word != "null")]))
    return " or ".join(dict.fromkeys(type_of(option) for option in options if option.get("type") != "null"))


def _composed(schema: JsonSchema) -> str:
    """The type of a list or a mapping with what it holds; of anything else, its name."""
    if schema.get("type") == "array" and schema.get("items"):
        is_kinds = schema["items"].get("enum") == list(ERROR_KINDS)
        return "list of kinds of errors" if is_kinds else f"list of {type_of(schema['items'])}"
    values = schema.get("additionalProperties")
    if isinstance(values, dict) and type_of(values) != "any":
        return f"object of {type_of(values)}"
    return str(schema.get("type", "any"))


def default_of(schema: JsonSchema) -> str:
    """What a key has where it is not written."""
    default = schema.get("default")
    if default is None or isinstance(default, dict) or default == []:
        return ""
    is_all = schema.get("type") == "array" and len(default) == len(ERROR_KINDS)
    return "all" if is_all else code(json.dumps(default))


def described_keys(properties: Mapping[str, JsonSchema], required: Iterable[str]) -> str:
    """The keys of a mapping with what they are for."""
    needed = set(required)
    rows: list[list[Any]] = [
        [
            code(name) + (" (required)" if name in needed else ""),
            type_of(schema),
            default_of(schema),
            " ".join(str(schema.get("description") or "").split()).replace("|", "\\|"),
        ]
        for name, schema in properties.items()
    ]
    return table(["key", "type", "default", "what it is"], rows)
