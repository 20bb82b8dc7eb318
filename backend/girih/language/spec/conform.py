"""Whether data fits a JSON Schema, and every place where it does not."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from json import dumps, loads
from typing import TYPE_CHECKING, Any

from girih.language.spec.patterns import PatternError
from girih.language.spec.suggest import did_you_mean
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue
from girih.language.spec.words import TYPE_WORDS, found

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

MAX_FAULTS = 20
MAX_MESSAGE = 240


@dataclass(frozen=True)
class Misfit:
    """One place that does not fit: the way to it (`items[2].name`; empty for the whole value) and what is wrong."""

    path: str
    message: str
    steps: tuple[str | int, ...] = field(default=(), compare=False)
    """The same way, key by key."""

    def as_dict(self) -> JsonObject:
        """The form that problems and events share."""
        return {"path": self.path, "message": self.message}

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class Contract:
    """A JSON Schema (2020-12), ready to be held against data. It never fetches a schema from anywhere."""

    def __init__(self, schema: JsonSchema) -> None:
        # Loaded by name with the first contract: compiling specs needs none, and it is a sixth of a `girih validate`.
        validator = importlib.import_module("girih.language.spec.validator").Validator
        # The explicit registry matters: without one, jsonschema looks remote `$ref`s up over the network.
        self._validator = validator(schema, registry=importlib.import_module("referencing").Registry())

    def misfits(self, value: JsonValue) -> tuple[Misfit, ...]:
        """Every place where `value` does not fit, at most `MAX_FAULTS`; none means that it fits."""
        faults: list[Misfit] = []
        try:
            for error in self._validator.iter_errors(value):
                faults.append(Misfit(_path(error), _sentence(error), tuple(error.absolute_path)))
                if len(faults) == MAX_FAULTS:
                    break
        except PatternError as refused:
            # Compiling refuses such a pattern: only data that was stored before can hold one.
            faults.append(Misfit("", f"cannot be checked, for a pattern of the type is not sound: {refused}"))
        return tuple(sorted(faults, key=lambda misfit: misfit.path))


def contract(schema: JsonSchema) -> Contract:
    """The contract for `schema`, built once for schemas of equal text."""
    return _contract(dumps(schema))


@lru_cache(maxsize=1024)
def _contract(schema: str) -> Contract:
    return Contract(loads(schema))


def _path(error: ValidationError) -> str:
    text = ""
    for step in error.absolute_path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def settled(value: JsonValue, schema: JsonSchema | bool) -> JsonValue:
    """The value with whole numbers that are written as `3.0` as `3`, where the schema asks for whole numbers.

    JSON Schema takes one for the other; arithmetic and the services behind a graph do not.
    """
    if not isinstance(schema, dict):
        return value  # `true` and `false` are schemas too
    for part in (*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        value = settled(value, part)
    if isinstance(value, dict):
        fields: JsonObject = schema.get("properties") or {}
        others: JsonSchema | bool = schema.get("additionalProperties", {})
        return {name: settled(item, fields.get(name, others)) for name, item in value.items()}
    if isinstance(value, list):
        first, others = schema.get("prefixItems", ()), schema.get("items", {})
        return [settled(item, first[i] if i < len(first) else others) for i, item in enumerate(value)]
    if isinstance(value, float) and value.is_integer() and "integer" in _types(schema):
        return int(value)
    return value


def _types(schema: JsonSchema) -> list[str]:
    types = schema.get("type", [])
    return types if isinstance(types, list) else [types]


def _sentence(error: ValidationError) -> str:
    say = _SENTENCES.get(str(error.validator))
    message = say(error) if say is not None else error.message
    return message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE - 1]}…"


def _missing(error: Any) -> str:
    name = next((name for name in error.validator_value if error.message.startswith(repr(name))), "")
    return f"'{name}' is missing"


def _unknown(error: Any) -> str:
    known = list(error.schema.get("properties") or {})
    names = [name for name in error.instance if name not in known]
    nears = [f" (did you mean '{near}'?)" if (near := did_you_mean(name, known)) else "" for name in names]
    return "unknown: " + ", ".join(f"'{name}'{near}" for name, near in zip(names, nears, strict=True))


def _wrong_type(error: Any) -> str:
    wanted = [TYPE_WORDS.get(name, name) for name in _types(error.schema)]
    return f"must be {' or '.join(wanted)}, not {found(error.instance)}"


def _too_short(error: Any) -> str:
    return f"must have at least {error.validator_value} characters, and has {len(error.instance)}"


def _too_long(error: Any) -> str:
    return f"must have at most {error.validator_value} characters, and has {len(error.instance)}"


def _no_choice(error: Any) -> str:
    choices = ", ".join(dumps(choice, ensure_ascii=False) for choice in error.validator_value)
    return f"must be one of {choices}, not {found(error.instance)}"


_SENTENCES: Mapping[str, Callable[[Any], str]] = {
    "required": _missing,
    "additionalProperties": _unknown,
    "type": _wrong_type,
    "minLength": _too_short,
    "maxLength": _too_long,
    "enum": _no_choice,
    "pattern": lambda error: f"{found(error.instance)} does not match the pattern {error.validator_value}",
    "format": lambda error: f"{found(error.instance)} is not of the format {error.validator_value}",
    "minimum": lambda error: f"must be at least {error.validator_value}, not {error.instance}",
    "maximum": lambda error: f"must be at most {error.validator_value}, not {error.instance}",
}
"""What is wrong, in the words of the language; for the rest jsonschema's own."""
