"""What a filter may speak of: a document's own fields, and its metadata by the collection's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from girih.language.expressions.kinds import ANY
from girih.language.expressions.names import FixedNames
from girih.language.spec.tree import JsonSchema

Column = Literal["text", "whole", "moment"]
"""What a field of a document is. A moment is written as text: `2026-03-01`, `2026-03-01T12:00:00Z`."""

DOCUMENT_FIELDS: Mapping[str, Column] = {
    "id": "text",
    "name": "text",
    "key": "text",
    "media_type": "text",
    "source": "text",
    "source_ref": "text",
    "size": "whole",
    "pages": "whole",
    "version": "whole",
    "created_at": "moment",
    "updated_at": "moment",
}
_TYPES: Mapping[Column, JsonSchema] = {
    "text": {"type": "string"},
    "whole": {"type": "integer"},
    "moment": {"type": "string"},
}
_DOCUMENT: JsonSchema = {
    "type": "object",
    "properties": {name: _TYPES[column] for name, column in DOCUMENT_FIELDS.items()},
    "required": [*DOCUMENT_FIELDS],
    "additionalProperties": False,
}
_MOST_DEEP = 8


def names_of(metadata: JsonSchema | None, given: Mapping[str, JsonSchema]) -> FixedNames:
    """The names of a filter with their types. Without a schema, metadata may hold anything."""
    return FixedNames({**given, "document": _DOCUMENT, "metadata": ANY if metadata is None else _certain(metadata, 0)})


def _certain(schema: JsonSchema, depth: int) -> JsonSchema:
    """The schema with every field there: what a document lacks answers no, which no author has to guard against."""
    fields = schema.get("properties")
    if not isinstance(fields, dict) or depth >= _MOST_DEEP:
        return schema
    return {
        "type": "object",
        "properties": {name: _certain(inner, depth + 1) for name, inner in fields.items()},
        "required": [*fields],
        "additionalProperties": schema.get("additionalProperties", False),
    }
