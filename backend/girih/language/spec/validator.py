"""The JSON Schema validator: jsonschema's, with authors' patterns in linear time and with formats checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from girih.language.spec import formats
from girih.language.spec.patterns import search


def _pattern(validator: Any, pattern: str, instance: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not search(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "object"):
        for pattern, schema in patterns.items():
            for name in instance:
                if search(pattern, name):
                    yield from validator.descend(instance[name], schema, path=name, schema_path=pattern)


def _others(instance: Any, schema: Any) -> list[str]:
    """The fields that neither `properties` nor `patternProperties` speaks of."""
    patterns, known = schema.get("patternProperties", {}), schema.get("properties", {})
    return [name for name in instance if name not in known and not any(search(p, name) for p in patterns)]


def _additional(validator: Any, others: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    extra = _others(instance, schema)
    if validator.is_type(others, "object"):
        for name in extra:
            yield from validator.descend(instance[name], others, path=name)
    elif not others and extra:
        yield ValidationError(f"unknown: {', '.join(map(repr, extra))}")


def _unevaluated(validator: Any, rest: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    seen = _evaluated(validator, instance, {key: value for key, value in schema.items() if key != _UNEVALUATED})
    for name in instance:
        if name not in seen:
            for fault in validator.descend(instance[name], rest, path=name, schema_path=name):
                yield ValidationError(f"unknown: {name!r}") if rest is False else fault


_UNEVALUATED = "unevaluatedProperties"


def _evaluated(validator: Any, instance: Any, schema: Any) -> set[str]:
    """The fields that a schema, or a part of it that holds, speaks of. (References are written out before.)"""
    if not isinstance(schema, dict):
        return set()
    seen = {name for name in instance if name in schema.get("properties", {})}
    seen |= {name for name in instance if any(search(p, name) for p in schema.get("patternProperties", {}))}
    if "additionalProperties" in schema or _UNEVALUATED in schema:
        seen |= set(instance)
    for part in _holding(validator, instance, schema):
        seen |= _evaluated(validator, instance, part)
    return seen


def _holding(validator: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """The parts of a schema that hold for the instance and speak of the same fields."""

    def holds(part: Any) -> bool:
        return bool(validator.evolve(schema=part).is_valid(instance))

    for keyword in ("allOf", "anyOf", "oneOf"):
        yield from (part for part in schema.get(keyword, ()) if holds(part))
    yield from (part for name, part in schema.get("dependentSchemas", {}).items() if name in instance)
    if "if" in schema:
        is_so = holds(schema["if"])
        yield from (schema[key] for key in (("if", "then") if is_so else ("else",)) if key in schema)


def _format(validator: Any, name: str, instance: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not formats.fits(name, instance):
        yield ValidationError(f"{instance!r} is not a {name!r}")


Validator: Any = extend(  # type: ignore[no-untyped-call]  # - jsonschema types its classes, not this function
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional,
        _UNEVALUATED: _unevaluated,
        "format": _format,
    },
)
