"""JSON Schemas as types: what kinds of value one allows, what its fields are, and whether one fits another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from girih.language.expressions.composed import alternatives, plain
from girih.language.spec.patterns import PatternError, search
from girih.language.spec.suggest import one_of
from girih.language.spec.tree import JsonSchema, JsonValue
from girih.language.spec.words import TYPE_WORDS

ANY: JsonSchema = {}
TEXT: JsonSchema = {"type": "string"}
WHOLE: JsonSchema = {"type": "integer"}
NUMBER: JsonSchema = {"type": "number"}
BOOLEAN: JsonSchema = {"type": "boolean"}
NEVER: JsonSchema = {"enum": []}
"""The type without any value, as of `optional.none()`: it adds nothing to a union."""

NUMERIC = frozenset({"integer", "number"})
_MANY_CHOICES = 8


def kinds(schema: JsonSchema) -> frozenset[str] | None:
    """The JSON types a schema allows; `None` when it may be anything."""
    if "allOf" in schema:
        schema = plain(schema)
    declared = schema.get("type")
    if declared is not None:
        return _only(declared) if isinstance(declared, str) else frozenset(declared)
    if "enum" in schema:
        return frozenset(kind_of(value) for value in schema["enum"])
    if "const" in schema:
        return frozenset({kind_of(schema["const"])})
    if schema.get("properties"):
        return frozenset({"object"})
    choices = [kinds(choice) for choice in alternatives(schema)]
    if choices and all(choice is not None for choice in choices):
        return frozenset(kind for choice in choices for kind in choice or ())
    return None


@lru_cache(maxsize=64)
def _only(kind: str) -> frozenset[str]:
    return frozenset({kind})


def is_kind(schema: JsonSchema, kind: str) -> bool:
    """Whether a schema allows values of this one kind and no others."""
    return kinds(schema) == _only(kind)


def kind_of(value: JsonValue) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list | tuple) else "object"


def choices(schema: JsonSchema) -> list[JsonValue] | None:
    """The closed list of values a schema allows, if it has one; the two booleans count as such a list."""
    schema = plain(schema)
    if "const" in schema:
        return [schema["const"]]
    if "enum" in schema:
        return list(schema["enum"])
    return [True, False] if is_kind(schema, "boolean") else None


def phrase(schema: JsonSchema) -> str:
    """What a value of this type is, in words: `text`, `a whole number`, `one of free, gold`."""
    allowed = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    if allowed is not None and len(allowed) <= _MANY_CHOICES:
        return f"one of {one_of(str(value) for value in allowed)}" if len(allowed) > 1 else f"'{allowed[0]}'"
    return words(kinds(schema))


def words(allowed: Iterable[str] | None) -> str:
    """Kinds of values in words."""
    return "anything" if allowed is None else " or ".join(TYPE_WORDS.get(kind, kind) for kind in sorted(allowed))


def union(schemas: Sequence[JsonSchema]) -> JsonSchema:
    """The type of a value that is of one of these types."""
    distinct: list[JsonSchema] = []
    for schema in schemas:
        if schema not in distinct and schema != NEVER:
            distinct.append(schema)
    if not distinct or any(kinds(schema) is None for schema in distinct):
        return ANY
    plain = [schema for schema in distinct if set(schema) == {"type"}]
    distinct = [s for s in distinct if s in plain or not any(kinds(s) == kinds(wide) for wide in plain)]
    if len(distinct) == 1:
        return distinct[0]
    return _merged_choices(distinct) or _merged_numbers(distinct) or {"anyOf": distinct}


def _merged_choices(schemas: Sequence[JsonSchema]) -> JsonSchema | None:
    if not all("enum" in schema or "const" in schema for schema in schemas):
        return None
    values = [value for schema in schemas for value in (schema["enum"] if "enum" in schema else [schema["const"]])]
    try:
        return {"enum": list(dict.fromkeys(values))}
    except TypeError:  # among them is a list or a mapping
        return {"enum": [value for i, value in enumerate(values) if value not in values[:i]]}


def _merged_numbers(schemas: Sequence[JsonSchema]) -> JsonSchema | None:
    return NUMBER if all((kinds(schema) or {""}) <= NUMERIC for schema in schemas) else None


@dataclass(frozen=True)
class FieldType:
    """What is known of a field: its type, and whether every value of the parent has it."""

    schema: JsonSchema
    always: bool


def field(schema: JsonSchema, name: str) -> FieldType | None:
    """The field `name` of values of this type; `None` when none has it."""
    schema = plain(schema)
    if kinds(schema) is None and not alternatives(schema):
        return FieldType(ANY, always=True)
    parts = alternatives(schema)
    if parts:
        found = [field(part, name) for part in parts if "object" in (kinds(part) or {"object"})]
        known = [part for part in found if part is not None]
        if not known:
            return None
        return FieldType(union([part.schema for part in known]), all(p is not None and p.always for p in found))
    return _own_field(schema, name)


def _own_field(schema: JsonSchema, name: str) -> FieldType | None:
    properties = schema.get("properties") or {}
    if name in properties:
        declared = properties[name]
        always = name in schema.get("required", ()) or (isinstance(declared, dict) and "default" in declared)
        return FieldType(declared if isinstance(declared, dict) else ANY, always)
    for pattern, declared in (schema.get("patternProperties") or {}).items():
        if _occurs(pattern, name):
            return FieldType(declared if isinstance(declared, dict) else ANY, always=False)
    rest = schema.get("additionalProperties", not properties)
    if rest is False:
        return None
    return FieldType(rest if isinstance(rest, dict) else ANY, always=not properties)


def _occurs(pattern: str, name: str) -> bool:
    try:
        return search(pattern, name)
    except PatternError:
        return True  # it is told where it is written


def field_names(schema: JsonSchema) -> list[str]:
    """The names of the fields a value of this type may have, as far as they are declared."""
    schema = plain(schema)
    names = list(schema.get("properties") or {})
    return names + [n for part in alternatives(schema) for n in field_names(part) if n not in names]


def items(schema: JsonSchema) -> JsonSchema:
    """The type of a list's items; of a mapping's keys."""
    schema = plain(schema)
    if alternatives(schema):
        return union([items(part) for part in alternatives(schema)])
    if is_kind(schema, "object"):
        return TEXT
    rest = schema.get("items", ANY)
    first = [part if isinstance(part, dict) else ANY for part in schema.get("prefixItems", ())]
    others = [rest] if isinstance(rest, dict) else [] if rest is False else [ANY]
    return union([*first, *others]) if first or others else ANY


def item_at(schema: JsonSchema, position: int) -> JsonSchema | None:
    """The type of one item of a list, by its position from 0; `None` when no list of this type is that long."""
    schema = plain(schema)
    if alternatives(schema):
        found = [item_at(part, position) for part in alternatives(schema) if "array" in (kinds(part) or {"array"})]
        return union([part for part in found if part is not None]) if any(p is not None for p in found) else None
    first = schema.get("prefixItems", ())
    if position < len(first):
        return first[position] if isinstance(first[position], dict) else ANY
    rest = schema.get("items", ANY)
    if rest is False or position >= schema.get("maxItems", position + 1):
        return None
    return rest if isinstance(rest, dict) else ANY


def values(schema: JsonSchema) -> JsonSchema:
    """The type of whatever a mapping holds under any of its keys."""
    schema = plain(schema)
    rest = schema.get("additionalProperties", ANY)
    declared = (*(schema.get("properties") or {}).values(), *(schema.get("patternProperties") or {}).values())
    others = () if rest is False else (rest,)
    return union([part if isinstance(part, dict) else ANY for part in (*declared, *others)])


@dataclass(frozen=True)
class Misfit:
    """Why a type does not fit: the field it happens at (dotted, empty for the value itself), and both sides."""

    at: str
    wants: str
    got: str


def misfit(got: JsonSchema, wants: JsonSchema, at: str = "") -> Misfit | None:
    """The first reason why a value of type `got` may not be used where `wants` is asked for, or `None`."""
    have, need = kinds(got), kinds(wants)
    if have is None or need is None:
        return None
    if not all(kind in need or (kind == "integer" and "number" in need) for kind in have):
        return Misfit(at, phrase(wants), phrase(got))
    return _choice_misfit(got, wants, at) or _object_misfit(got, wants, at) or _list_misfit(got, wants, at)


def _choice_misfit(got: JsonSchema, wants: JsonSchema, at: str) -> Misfit | None:
    allowed = wants.get("enum") or ([wants["const"]] if "const" in wants else None)
    if allowed is None:
        return None
    given = choices(got)
    if given is not None and all(value in allowed for value in given):
        return None
    return Misfit(at, phrase(wants), phrase(got) if given else f"any {phrase(got).removeprefix('a ')}")


def _object_misfit(got: JsonSchema, wants: JsonSchema, at: str) -> Misfit | None:
    if not is_kind(wants, "object") or alternatives(wants) or alternatives(got):
        return None
    for name, declared in (wants.get("properties") or {}).items():
        inner = field(got, name)
        where = f"{at}.{name}" if at else name
        if inner is None or not inner.always:
            if name in wants.get("required", ()):
                return Misfit(where, phrase(declared), "nothing" if inner is None else "perhaps nothing")
        else:
            fault = misfit(inner.schema, declared, where)
            if fault is not None:
                return fault
    return None


def _list_misfit(got: JsonSchema, wants: JsonSchema, at: str) -> Misfit | None:
    if not is_kind(wants, "array") or alternatives(wants) or alternatives(got):
        return None
    return misfit(items(got), items(wants), f"{at}[]" if at else "[]")
