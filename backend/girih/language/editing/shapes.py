"""What may stand at a path of a spec, by the JSON Schemas that editors use: keys, choices, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache

from girih.language.compiler.schema import schemas
from girih.language.nodes.registry import kinds
from girih.language.spec.graph_tests import GraphTest
from girih.language.spec.tree import JsonSchema, JsonValue, Path

_KIND = re.compile(r"""^\s*[{"']*kind["']?\s*:\s*["']?(\w+)/v\d+""", re.MULTILINE)
_DEEPEST = 24


def kind_in(text: str) -> str:
    """The kind of spec a text says it is, by its short name; `graph` for one that says nothing."""
    found = _KIND.search(text)
    return found[1] if found is not None and found[1] in _schemas() else "graph"


@cache
def _schemas() -> Mapping[str, JsonSchema]:
    return schemas(kinds())


@cache
def _tests() -> JsonSchema:
    """The schema of one test: its own definitions stay in it."""
    return GraphTest.model_json_schema()


class Shapes:
    """The schemas of one kind of spec. `verb` tells what the node on the way is."""

    def __init__(self, kind: str, verb: str | None = None) -> None:
        self.kind = kind
        self._roots = [_schemas()[kind]]
        self._verb = verb

    def at(self, path: Path) -> list[JsonSchema]:
        """Every schema that the value at a path may fit."""
        root = self._roots[0]
        found = list(self._expanded(root, root, 0))
        for depth, step in enumerate(path):
            if depth == 1 and path[0] == "tests":
                root = _tests()
                found = list(self._expanded(root, root, 0))
                continue
            inner = [one for schema in found for one in _inner(schema, step)]
            found = [more for one in inner for more in self._expanded(one, root, 0)]
        return found

    def keys(self, path: Path) -> dict[str, JsonSchema]:
        """The keys that the mapping at a path may have, with the schemas of their values."""
        found: dict[str, JsonSchema] = {}
        for schema in self.at(path):
            for key, inner in (schema.get("properties") or {}).items():
                found.setdefault(key, inner if isinstance(inner, dict) else {})
        return found

    def choices(self, path: Path) -> list[JsonValue]:
        """The values that a path may have, where there is a list of them."""
        found: dict[str, JsonValue] = {}
        for schema in self.at(path):
            values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
            if schema.get("type") == "boolean":
                values = [True, False]
            found |= {repr(value): value for value in values if not isinstance(value, dict | list)}
        return list(found.values())

    def described(self, path: Path) -> str | None:
        """What the key at the end of a path means."""
        parent = self.keys(path[:-1]) if path and isinstance(path[-1], str) else {}
        own = parent.get(str(path[-1])) if path else None
        if own is not None and isinstance(own.get("description"), str):
            return str(own["description"])
        return next((str(s["description"]) for s in self.at(path) if isinstance(s.get("description"), str)), None)

    def _expanded(self, schema: JsonSchema, root: JsonSchema, depth: int) -> Iterator[JsonSchema]:
        """The schema and all that it refers to or chooses from."""
        if depth > _DEEPEST:
            return
        yield schema
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield from self._expanded(_referred(root, reference), root, depth + 1)
        for word in ("anyOf", "oneOf", "allOf"):
            for part in schema.get(word, ()):
                if isinstance(part, dict) and self._holds(part.get("if")):
                    yield from self._expanded(part, root, depth + 1)
        if isinstance(schema.get("then"), dict):
            yield from self._expanded(schema["then"], root, depth + 1)

    def _holds(self, condition: JsonValue) -> bool:
        """Whether a branch of the schema is one for this node: each verb has its own."""
        required = condition.get("required", []) if isinstance(condition, dict) else []
        return not (isinstance(condition, dict) and len(required) == 1 and required[0] in kinds()) or required == [
            self._verb
        ]


def _inner(schema: JsonSchema, step: str | int) -> Iterator[JsonSchema]:
    if isinstance(step, int):
        prefix = schema.get("prefixItems", ())
        inner = prefix[step] if step < len(prefix) else schema.get("items")
    else:
        properties = schema.get("properties") or {}
        inner = properties[step] if step in properties else schema.get("additionalProperties")
    if isinstance(inner, dict):
        yield inner


def _referred(root: JsonSchema, reference: str) -> JsonSchema:
    found: JsonValue = root
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}


def verb_among(keys: Collection[str]) -> str | None:
    """The verb of a node with these keys."""
    known = kinds()
    found = [key for key in keys if key in known]
    owners = [verb for verb in found if set(found) <= set(known[verb].Config.model_fields)]
    return next(iter(owners or found), None)
