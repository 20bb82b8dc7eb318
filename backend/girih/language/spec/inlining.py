"""Writes out each `$ref` of a type, so that every part of it stands alone wherever it is used."""

from __future__ import annotations

from dataclasses import dataclass

from girih.language.spec.keywords import KEYWORDS
from girih.language.spec.tree import JsonObject, JsonValue, Path

MAX_REFERENCES = 200
"""How many references a type may hold after all are written out."""


class RefError(Exception):
    """A `$ref` that cannot be written out; `path` is its place in the type."""

    def __init__(self, path: Path, message: str, help: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.help = help


def write_out(spec: JsonObject) -> JsonObject:
    """The type without `$ref` and `$defs`. Raises `RefError`."""
    result: JsonObject = _Writer(spec).spec(spec, (), ())
    return result


@dataclass
class _Writer:
    root: JsonObject
    count: int = 0

    def spec(self, spec: JsonValue, path: Path, trail: tuple[str, ...]) -> JsonValue:
        """One type; `path` is where the author sees it, `trail` the references it was reached through."""
        if isinstance(spec, list):
            return [self.spec(item, (*path, i), trail) for i, item in enumerate(spec)]
        if not isinstance(spec, dict):
            return spec
        rest = {
            key: self._inner(KEYWORDS.get(key), value, (*path, key), trail)
            for key, value in spec.items()
            if key not in ("$ref", "$defs")
        }
        if "$ref" not in spec:
            return rest
        target = self._target(spec["$ref"], (*path, "$ref"), trail)
        if not rest or (isinstance(target, dict) and not set(target) & set(rest)):
            return target | rest if rest else target
        return {"allOf": [target], **rest}

    def _inner(self, holds: str | None, value: JsonValue, path: Path, trail: tuple[str, ...]) -> JsonValue:
        if holds == "schema":
            return self.spec(value, path, trail)
        if holds == "schemas":
            return [self.spec(item, (*path, i), trail) for i, item in enumerate(value)]
        if holds == "schema map":
            return {name: self.spec(item, (*path, name), trail) for name, item in value.items()}
        return value

    def _target(self, ref: str, path: Path, trail: tuple[str, ...]) -> JsonValue:
        self.count += 1
        if not ref.startswith("#/"):
            raise RefError(path, f"'$ref' may only point into the same type, found '{ref}'", "use '#/$defs/NAME'")
        if ref in trail:
            raise RefError(path, f"'{ref}' refers to itself", "a type must have an end: write 'object' or 'any'")
        if self.count > MAX_REFERENCES:
            raise RefError(path, f"the type holds more than {MAX_REFERENCES} references", "make it simpler")
        return self.spec(self._lookup(ref, path), path[:-1] if not trail else path, (*trail, ref))

    def _lookup(self, ref: str, path: Path) -> JsonValue:
        value: JsonValue = self.root
        for step in ref[2:].split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and key.isdigit() and int(key) < len(value):
                value = value[int(key)]
            elif isinstance(value, dict) and key in value:
                value = value[key]
            else:
                raise RefError(path, f"'{ref}' names nothing in this type", "define it under '$defs:'")
        return value
