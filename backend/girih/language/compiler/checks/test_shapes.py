"""What a value of a test may hold, in the words of `inputs:` and `returns:`, for whoever got it wrong."""

from __future__ import annotations

from collections.abc import Iterable
from json import dumps

from girih.language.expressions.composed import plain
from girih.language.expressions.kinds import field, field_names, items, kinds
from girih.language.spec.tree import JsonSchema

MOST_FIELDS = 20
"""Fields that one sentence lists."""


def holds(schema: JsonSchema, steps: Iterable[str | int]) -> str | None:
    """The fields of the mapping at the end of these steps, each with its type; `None` where none are declared."""
    at: JsonSchema = schema
    for step in steps:
        at = items(at) if isinstance(step, int) else _field(at, step)
    names = field_names(at)
    listed = [f"{name}{'' if _is_needed(at, name) else '?'}: {_type(_field(at, name))}" for name in names]
    more = ["…"] if len(listed) > MOST_FIELDS else []
    return ", ".join(listed[:MOST_FIELDS] + more) or None


def _field(schema: JsonSchema, name: str) -> JsonSchema:
    found = field(schema, name)
    return found.schema if found is not None else {}


def _is_needed(schema: JsonSchema, name: str) -> bool:
    """Whether it must be there; where a type says nothing of it, nothing is marked."""
    return name in plain(schema).get("required", [name])


def _type(schema: JsonSchema) -> str:
    if "enum" in plain(schema):
        return " | ".join(dumps(choice, ensure_ascii=False) for choice in plain(schema)["enum"])
    fields = field_names(schema)
    if fields:
        return "{ " + ", ".join(fields) + " }"
    known = sorted(kinds(schema) or {"any"})
    return " | ".join(f"[{_type(items(schema))}]" if kind == "array" else kind for kind in known)
