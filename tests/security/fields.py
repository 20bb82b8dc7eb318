"""The fields of bodies and queries that name things, found in the description, and bodies with one of them set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.security.asking import Operation
from tests.security.places import NOTHING, Place

Schema = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """A field of a body (`path` leads to it, `[]` through a list) or of a query."""

    operation: Operation
    where: str
    path: tuple[str, ...]
    schema: Schema

    @property
    def name(self) -> str:
        """What it is called."""
        return next(part for part in reversed(self.path) if part != "[]")

    def __str__(self) -> str:
        return f"{self.operation.name} {self.where} {'.'.join(self.path)}"


class Description:
    """The OpenAPI document with its references followed."""

    def __init__(self, document: Schema) -> None:
        self._schemas = document["components"]["schemas"]

    def fields(self, operation: Operation) -> Iterator[Field]:
        """Every field of an operation's query and JSON body."""
        described = operation.described or {}
        for parameter in described.get("parameters", ()):
            if parameter["in"] == "query":
                yield Field(operation, "query", (parameter["name"],), parameter["schema"])
        if (body := self.body(operation)) is not None:
            for path, schema in self._below(body, (), ()):
                yield Field(operation, "body", path, schema)

    def body(self, operation: Operation) -> Schema | None:
        """The schema of an operation's JSON body, if it takes one."""
        content = (operation.described or {}).get("requestBody", {}).get("content", {})
        schema: Schema | None = content.get("application/json", {}).get("schema")
        return schema

    def variants(self, schema: Schema) -> list[Schema]:
        """The schemas that a value may fit, none of them a choice or a reference."""
        if "$ref" in schema:
            return self.variants(self._schemas[schema["$ref"].rpartition("/")[2]])
        choices = [one for kind in ("anyOf", "oneOf", "allOf") for one in schema.get(kind, ())]
        return [found for one in choices for found in self.variants(one)] if choices else [schema]

    def _below(self, schema: Schema, path: tuple[str, ...], above: tuple[str, ...]) -> Iterator[tuple[Any, Schema]]:
        for one in self.variants(schema):
            if one.get("title", "") in above and one.get("title"):
                continue
            inner = (*above, one.get("title", "")) if "properties" in one else above
            for name, part in one.get("properties", {}).items():
                yield (*path, name), part
                yield from self._below(part, (*path, name), inner)
            if "items" in one:
                yield from self._below(one["items"], (*path, "[]"), inner)

    def least(self, schema: Schema) -> Any:
        """The least value that fits a schema, as far as its form goes."""
        one = self.variants(schema)[0]
        for known in ("const", "default"):
            if known in one:
                return one[known]
        if "enum" in one:
            return one["enum"][0]
        kind = one.get("type")
        if kind == "object":
            return {name: self.least(one["properties"][name]) for name in one.get("required", ())}
        if kind == "array":
            return [self.least(one["items"])] if one.get("minItems") else []
        return {"integer": 1, "number": 1, "boolean": False}.get(str(kind), "x")

    def with_value(self, schema: Schema, given: Any, path: tuple[str, ...], value: Any) -> Any:
        """A value of the schema that holds `value` at the path: the given one, or the least there is."""
        if not path:
            return value
        if path[0] == "[]":
            (items,) = [one["items"] for one in self.variants(schema) if "items" in one][:1]
            held = given if isinstance(given, list) and given else [self.least(items)]
            return [self.with_value(items, held[0], path[1:], value), *held[1:]]
        fitting = [one for one in self.variants(schema) if path[0] in one.get("properties", {})]
        held = given if isinstance(given, dict) else self.least(fitting[0])
        kind = fitting[0]["properties"].get("kind", {}).get("const")
        if isinstance(given, dict) and kind and kind != given.get("kind") and not _has(fitting, given.get("kind")):
            held = self.least(fitting[0])
        inner = fitting[0]["properties"][path[0]]
        return {**held, path[0]: self.with_value(inner, held.get(path[0]), path[1:], value)}


def _has(fitting: list[Schema], kind: Any) -> bool:
    return any(one["properties"].get("kind", {}).get("const") == kind for one in fitting)


REFERS: dict[str, str] = {
    "agent": "hello",
    "checkpoint_id": "checkpoint_id",
    "collection": "shelf",
    "fallbacks": "writer",
    "id": "thread_id",
    "ids": "document_id",
    "key_id": "key_id",
    "member": "member_id",
    "model": "writer",
    "old": "hello",
    "organization": "organization",
    "parent": "unit_id",
    "project": "project",
    "project_id": "project_id",
    "role": "caller",
    "run_id": "run_id",
    "secret": "secret://crm.key",
    "source": "data_store_id",
    "state_id": "state_id",
    "target": "key_id",
    "unit": "unit_id",
    "thread": "thread_id",
    "thread_id": "thread_id",
    "access_key": "secret://crm.key",
    "secret_key": "secret://crm.key",
    "password": "secret://crm.key",
    "token": "secret://crm.key",
}
"""What a field of that name refers to: a parameter of paths, or a name of the shared words."""

PLAIN = {
    "answer": "what somebody says",
    "bundle": "the bytes of a file",
    "call_id": "a model's own number of a call, in the same body",
    "content": "a text, or how a source is read",
    "file": "a file that the operator has put there",
    "confirm": "yes or no",
    "email": "the address of somebody, who need not be known here",
    "key": "the caller's own name for what is stored under it",
    "namespace": "likewise",
    "provider": "a kind of model server",
    "run": "a body of its own, whose fields are all asked",
    "state": "values",
    "webhook": "a URL; the proofs of guarded URLs are elsewhere",
}
"""What only looks as if it named a thing."""

_NOUNS = re.compile(r"/([a-z-]+?)s?(?=/|$)|{(\w+)}")


def nouns(operations: list[Operation]) -> set[str]:
    """What things are called in paths: fields of these names may refer to them."""
    found = {part.replace("-", "_") for one in operations for pair in _NOUNS.findall(one.path) for part in pair if part}
    return found - {"name", "alias", "version", "v1"}


def refers(field: Field, known: set[str]) -> bool:
    """Whether a field looks as if it named a thing: by its form, or by its name."""
    return '"uuid"' in str(field.schema).replace("'", '"') or field.name.endswith(("_id", "ids")) or field.name in known


def value_in(place: Place, name: str, ids: dict[str, str]) -> str:
    """What a field refers to in a place; in `ids`, what nothing has."""
    meant = REFERS[name]
    if meant in ids:
        return ids[meant]
    scheme, _, word = meant.rpartition("://")
    known = place.words.get(word, word) if ids is place.ids else NOTHING
    return f"{scheme}://{known}" if scheme else known
