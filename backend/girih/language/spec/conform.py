"""Whether data fits a JSON Schema, and every place where it does not."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache
from json import dumps, loads
from typing import TYPE_CHECKING

from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

MAX_FAULTS = 20
MAX_MESSAGE = 240


@dataclass(frozen=True)
class Misfit:
    """One place that does not fit: the way to it (`items[2].name`; empty for the whole value) and what is wrong."""

    path: str
    message: str

    def as_dict(self) -> JsonObject:
        """The form that problems and events share."""
        return {"path": self.path, "message": self.message}

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class Contract:
    """A JSON Schema (2020-12), ready to be held against data. It never fetches a schema from anywhere."""

    def __init__(self, schema: JsonSchema) -> None:
        # Loaded by name with the first contract: compiling specs needs none, and it is a sixth of a `girih validate`.
        validator = importlib.import_module("jsonschema").Draft202012Validator
        # The explicit registry matters: without one, jsonschema looks remote `$ref`s up over the network.
        self._validator = validator(schema, registry=importlib.import_module("referencing").Registry())

    def misfits(self, value: JsonValue) -> tuple[Misfit, ...]:
        """Every place where `value` does not fit, at most `MAX_FAULTS`; none means that it fits."""
        found: list[Misfit] = []
        for error in self._validator.iter_errors(value):
            found.append(Misfit(_path(error), _sentence(error)))
            if len(found) == MAX_FAULTS:
                break
        return tuple(sorted(found, key=lambda misfit: misfit.path))


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


def _sentence(error: ValidationError) -> str:
    message = error.message
    return message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE - 1]}…"
