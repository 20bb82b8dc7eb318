"""The parts of the editors' schemas that no model says: shorthands for types, routes and references."""

from __future__ import annotations

from girih.language.spec.keywords import KEYWORDS, TYPE_NAMES
from girih.language.spec.tree import JsonSchema
from girih.language.spec.types import SHORT_NAMES

NAME: JsonSchema = {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "maxLength": 64}

_SHORT = [name + mark for name in SHORT_NAMES for mark in ("", "?")]
_INNER: JsonSchema = {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/type"}]}
_HOLDS: dict[str, JsonSchema] = {
    "type": {
        "anyOf": [
            {"enum": [*_SHORT, "null"]},
            {"type": "array", "items": {"enum": list(TYPE_NAMES)}, "minItems": 1},
        ]
    },
    "schema": _INNER,
    "schemas": {"type": "array", "items": _INNER, "minItems": 1},
    "schema map": {"type": "object", "additionalProperties": _INNER},
    "text": {"type": "string"},
    "pattern": {"type": "string", "format": "regex"},
    "reference": {"type": "string", "pattern": "^#/"},
    "number": {"type": "number"},
    "count": {"type": "integer", "minimum": 0},
    "boolean": {"type": "boolean"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "text map": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    "values": {"type": "array"},
    "choices": {"type": "array", "minItems": 1},
    "any": {},
}

TYPE: JsonSchema = {
    "description": "A type: a name (`string`, `integer?` for an optional one), a list `[string]`, `{ enum: [a, b] }`, "
    "or a JSON Schema (2020-12).",
    "anyOf": [
        {"enum": _SHORT},
        {"type": "array", "items": {"$ref": "#/$defs/type"}, "minItems": 1, "maxItems": 1},
        {
            "type": "object",
            "properties": {keyword: _HOLDS[holds] for keyword, holds in KEYWORDS.items()},
            "patternProperties": {"^x-": {}},
            "additionalProperties": False,
        },
    ],
}

_TARGET: JsonSchema = {
    "type": "string",
    "description": "The name of a node, `$end` to end the run well, `$fail` to fail it.",
    "pattern": "^([a-z][a-z0-9_]*|\\$end|\\$fail)$",
}
_VISITS: JsonSchema = {
    "type": "integer",
    "description": "How often this way may be taken in one run; after that the next rule is tried.",
    "minimum": 1,
    "maximum": 1000,
}

ROUTE: JsonSchema = {
    "description": "One way out: `{ if: CONDITION, to: NODE }`, `{ else: NODE }` or `{ to: NODE }`.",
    "type": "object",
    "properties": {
        "if": {"type": "string", "description": "A CEL condition over inputs and the nodes that ran before."},
        "to": _TARGET,
        "else": _TARGET,
        "max_visits": _VISITS,
    },
    "additionalProperties": False,
    "oneOf": [{"required": ["to"]}, {"required": ["else"], "not": {"required": ["if"]}}],
}

NEXT: JsonSchema = {
    "description": "Where execution goes on: a node, `$end`, `$fail`, or rules that are tried in order.",
    "anyOf": [
        _TARGET,
        {"$ref": "#/$defs/route"},
        {"type": "array", "items": {"anyOf": [_TARGET, {"$ref": "#/$defs/route"}]}, "minItems": 1},
    ],
}

_NAME_PART = "[a-z][a-z0-9]*([-.][a-z0-9]+)*"
USE: JsonSchema = {
    "description": "`model://NAME`, `knowledge://NAME`, `tool://NAME`, `graph://NAME` or `graph://NAME@VERSION`; "
    "for models also `first_of:`, a chain of fallbacks.",
    "anyOf": [
        {"type": "string", "pattern": f"^((model|knowledge|tool)://{_NAME_PART}|graph://{_NAME_PART}(@.+)?)$"},
        {"$ref": "#/$defs/FirstOf"},
    ],
}
