"""The keywords of JSON Schema 2020-12, what each must hold, and what is wrong with one that holds something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from girih.language.spec.patterns import pattern_fault
from girih.language.spec.tree import JsonValue, Path
from girih.language.spec.words import found

TYPE_NAMES = ("string", "integer", "number", "boolean", "object", "array", "null")

Holds = Literal[
    "type", "schema", "schemas", "schema map", "text", "pattern", "number", "count", "boolean", "texts", "text map",
    "values", "choices", "any", "reference",
]  # fmt: skip


def _table(**words: str) -> dict[str, str]:
    return {word: holds.replace("_", " ") for holds, line in words.items() for word in line.split()}


KEYWORDS = _table(
    type="type",
    schema="items contains additionalProperties propertyNames not if then else unevaluatedItems unevaluatedProperties "
    "contentSchema",
    schemas="prefixItems allOf anyOf oneOf",
    schema_map="properties patternProperties dependentSchemas $defs",
    text="title description format $comment contentEncoding contentMediaType",
    pattern="pattern",
    number="minimum maximum exclusiveMinimum exclusiveMaximum multipleOf",
    count="minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains",
    boolean="uniqueItems deprecated readOnly writeOnly",
    texts="required",
    text_map="dependentRequired",
    values="examples",
    choices="enum",
    any="default const",
    reference="$ref",
)
"""Keyword → what it holds. `$id`, `$anchor` and the like are left out: a type of a graph stands alone."""


@dataclass(frozen=True)
class Fault:
    """What is wrong in a type, and where in it. `at_key` asks for the key's place instead of the value's."""

    path: Path
    message: str
    help: str | None = None
    at_key: bool = False


def shape_faults(keyword: str, value: JsonValue, path: Path) -> Iterator[Fault]:
    """The faults of a keyword's own value; schemas inside of it are the caller's to check."""
    expected = _EXPECTED.get(KEYWORDS[keyword])
    if expected is not None and not _FITS[KEYWORDS[keyword]](value):
        yield Fault(path, f"'{keyword}' must be {expected}, found {found(value)}")
    elif keyword == "pattern":
        yield from _pattern_faults(value, path)
    elif keyword == "patternProperties":
        for pattern in value:
            yield from _pattern_faults(pattern, (*path, pattern))
    elif keyword == "multipleOf" and value <= 0:
        yield Fault(path, f"'multipleOf' must be greater than 0, found {value}")


_EXPECTED = {
    "schemas": "a list of one or more types",
    "schema map": "a mapping of names to types",
    "text": "text",
    "pattern": "a regular expression",
    "number": "a number",
    "count": "a whole number from 0 on",
    "boolean": "true or false",
    "texts": "a list of different names",
    "text map": "a mapping of names to lists of different names",
    "values": "a list",
    "choices": "a list of one or more values",
    "reference": "text",
}


def _is_texts(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value) and len(set(value)) == len(value)


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_FITS: Mapping[str, Callable[[JsonValue], bool]] = {
    "schemas": lambda value: isinstance(value, list) and bool(value),
    "schema map": lambda value: isinstance(value, dict),
    "text": lambda value: isinstance(value, str),
    "pattern": lambda value: isinstance(value, str),
    "reference": lambda value: isinstance(value, str),
    "number": _is_number,
    "count": lambda value: _is_number(value) and isinstance(value, int) and value >= 0,
    "boolean": lambda value: isinstance(value, bool),
    "texts": _is_texts,
    "text map": lambda value: isinstance(value, dict) and all(_is_texts(item) for item in value.values()),
    "values": lambda value: isinstance(value, list),
    "choices": lambda value: isinstance(value, list) and bool(value),
}


def _pattern_faults(pattern: str, path: Path) -> Iterator[Fault]:
    fault = pattern_fault(pattern)
    if fault is not None:
        yield Fault(path, fault, "see https://github.com/google/re2/wiki/Syntax for what a pattern may hold")
