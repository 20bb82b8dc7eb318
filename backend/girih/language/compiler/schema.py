"""The JSON Schemas of our kinds of spec, for editors: built from the same models that read the specs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from girih.language.compiler.schema_parts import NAME, NEXT, ROUTE, TYPE, USE
from girih.language.nodes.base import NodeKind
from girih.language.spec.documents import DOCUMENTS
from girih.language.spec.graph_tests import Expectation, GraphTest
from girih.language.spec.model import FirstOf, GraphHead, Merged, StateField
from girih.language.spec.reader import read
from girih.language.spec.source import Source
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_BASE = "urn:girih:schema"
_OTHERS = ("tool", "model", "collection", "pipeline")


class _Generator(GenerateJsonSchema):
    """Without a title for every field: editors show it in the place of the description."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic calls it so
        """Never: the key itself is the title."""
        return False


def schemas(kinds: Mapping[str, NodeKind[Any]]) -> dict[str, JsonSchema]:
    """The schema of every kind of spec by its short name: `graph`, `tool`, `model`, `collection`, `pipeline`."""
    documents = {kind.partition("/")[0]: _document(kind, model) for kind, model in DOCUMENTS.items()}
    return {"graph": graph_schema(kinds), **{name: documents[name] for name in _OTHERS}}


def graph_schema(kinds: Mapping[str, NodeKind[Any]]) -> JsonSchema:
    """The schema of `graph/v1`. A node is told apart by its verb, so an editor speaks only of that verb's keys."""
    configs = [kind.Config for kind in kinds.values()]
    models, defs = _generated([GraphHead, FirstOf, Merged, StateField, GraphTest, *configs])
    head = models[GraphHead]
    properties = head["properties"]
    properties["use"]["additionalProperties"] = USE
    properties["outputs"]["additionalProperties"] = {
        "if": {"type": "object", "required": ["from"]},
        "then": {"$ref": "#/$defs/Merged"},
    }
    properties["state"]["additionalProperties"] = {"anyOf": [{"$ref": "#/$defs/StateField"}, {"$ref": "#/$defs/type"}]}
    properties["tests"] = {"type": "array", "items": {"$ref": "#/$defs/GraphTest"}}
    defs["GraphTest"] = _test(models[GraphTest], defs)
    properties["nodes"] = {
        "type": "object",
        "description": "The nodes by name. Execution begins at the first one, or at `start`.",
        "minProperties": 1,
        "propertyNames": NAME,
        "additionalProperties": {"$ref": "#/$defs/node"},
    }
    for verb, kind in kinds.items():
        defs[f"{verb}_node"] = _node(kind, models[kind.Config])
    defs = {name: schema for name, schema in defs.items() if name not in (GraphHead.__name__, "Route")}
    for config in configs:
        defs.pop(config.__name__, None)
    defs |= {"type": TYPE, "next": NEXT, "route": ROUTE, "node": _any_node(kinds)}
    described = _described(properties, inspect.getdoc(GraphHead) or "", _HEAD_KEYS)
    return {
        "$schema": DIALECT,
        "$id": f"{_BASE}:graph:v1",
        "title": "graph/v1",
        "description": "An agent as a graph of nodes.",
        "type": "object",
        "properties": described,
        "required": ["kind", "name", "nodes"],
        "additionalProperties": False,
        "$defs": dict(sorted(defs.items())),
    }


_HEAD_KEYS = {
    "name": "The name under which the graph is published: lower-case words joined by `-` or `.`.",
    "title": "A name for people.",
    "description": "What the graph does, for those who call it.",
    "inputs": "What a run is given: names and types. A trailing `?` or a `default` makes one optional.",
    "chat": "How a chat message maps onto one input and one output.",
    "use": "Everything outside of this file, by a name of its own: models, collections, tools, graphs.",
    "start": "The node that execution begins at. Default: the first.",
    "state": "Values that nodes share: a type each, or `{ type, merge, default }`; any node writes them with `write:`.",
    "outputs": "What a run gives: values with `${ … }`, or `from:` a list of references, the first that ran.",
    "limits": "Bounds on one run.",
    "trace": "What of its runs is not recorded: `redact: [prompts, outputs]`.",
    "version": "The semantic version to publish it as, in quotes; too low a one is refused. Default: the next one.",
    "language": "The version of the language; `graph/v1` implies 1.",
    "tests": "What `girih test` runs: inputs, results that stand in for nodes, and what must come of it.",
}


def _test(test: JsonSchema, defs: dict[str, JsonSchema]) -> JsonSchema:
    """The schema of one test, and in `defs` that of what it expects, each key with the sentence that speaks of it."""
    expected = defs[Expectation.__name__]
    defs[Expectation.__name__] = {**expected, "properties": _described(expected["properties"], "", _EXPECTED_KEYS)}
    return {**test, "properties": _described(test["properties"], "", _TEST_KEYS)}


_TEST_KEYS = {
    "name": "What the test shows.",
    "given": "The inputs.",
    "mock": "A result for each node that is not to run, a list for several visits, or `{ $error: KIND }`.",
    "state": "What `state:` begins with.",
    "answers": "What people say where the run waits, by node; a list answers one after the other.",
    "cases": "A list of cases, or a .yaml, .json, .jsonl or .csv file of them; each is a test of its own.",
    "expect": "What must come of the run.",
}
_EXPECTED_KEYS = {
    "path": "The nodes that finish, in order; those in branches in any order.",
    "output": "A CEL condition over the outputs, by their names.",
    "outputs": "Exact values of some outputs.",
    "error": "How the run must fail: a kind, or `{ kind, node, message }`.",
    "waits_for": "The nodes at which it must come to wait.",
    "events": "Types of events that must come in this order, others between them.",
    "cost_usd": "The most it may cost, or `{ min, max }`.",
    "steps": "How many nodes may be executed at most, or `{ min, max }`.",
}


def _document(kind: str, model: type[BaseModel]) -> JsonSchema:
    models, defs = _generated([model])
    schema = dict(models[model])
    defs.pop(model.__name__, None)
    schema["properties"] = _described(schema["properties"], inspect.getdoc(model) or "", {})
    return {
        "$schema": DIALECT,
        "$id": f"{_BASE}:{kind.replace('/', ':')}",
        **schema,
        "title": kind,
        "$defs": {**defs, "type": TYPE},
    }


def _generated(models: list[type[BaseModel]]) -> tuple[dict[type[BaseModel], JsonSchema], dict[str, JsonSchema]]:
    """Each model's own schema, and the definitions that they share."""
    references, combined = models_json_schema(
        [(model, "validation") for model in models], schema_generator=_Generator, ref_template="#/$defs/{model}"
    )
    defs: dict[str, JsonSchema] = _tidy(combined.get("$defs", {}))
    by_model = {model: defs[references[model, "validation"]["$ref"].rpartition("/")[2]] for model in models}
    return by_model, defs


def _tidy(schema: JsonValue) -> JsonValue:
    """Put in the type language where a model has marked a type, refuse bad names, leave out defaults of null."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-girih") == "type":
        return {"$ref": "#/$defs/type"}
    result = {key: _tidy(value) for key, value in schema.items() if (key, value) != ("default", None)}
    if schema.get("type") == "object" and "patternProperties" in schema:
        # Pydantic lets a key through that no pattern matches; our models refuse it.
        ((pattern, inner),) = result.pop("patternProperties").items()
        names = {"type": "string", "pattern": pattern, **result.get("propertyNames", {})}
        result |= {"propertyNames": names, "additionalProperties": inner}
    return result


_NODE_KEYS = {
    "title": "A name for people.",
    "description": "What the node is for.",
    "when": "A CEL condition: where it does not hold, the node is passed over and `next` follows.",
    "retry": "How often a failed node is tried again, or `{ max, on, wait, longest }`.",
    "timeout": "How long an attempt may take, or `{ attempt, total }`.",
    "on_error": "What happens instead of failing the run: `{ to: NODE }` or `{ value: { … } }`.",
    "cache": "How long a result stands in for running the node again with the same values.",
    "write": "Values of `state:` to write, with the node's own result in sight.",
}
_DURATION: tuple[JsonSchema, ...] = ({"type": "number", "exclusiveMinimum": 0}, {"type": "string"})
_SHORT: Mapping[str, tuple[JsonSchema, ...]] = {
    "retry": ({"type": "integer", "minimum": 1, "maximum": 10},),
    "timeout": _DURATION,
    "cache": _DURATION,
}
"""Common keys that may hold nothing but the value of one of their own, and what that may be."""


def _any_node(kinds: Mapping[str, NodeKind[Any]]) -> JsonSchema:
    return {
        "type": "object",
        "description": "One node. Its verb says what it does: " + ", ".join(kinds) + ".",
        "if": {"anyOf": [{"required": [verb]} for verb in kinds]},
        # Asked for as `required`, editors would say that the first of the verbs is missing. A node is never null: so
        # this always fails where it applies, with a sentence of its own, and still proposes the verbs.
        "else": {
            "type": "null",
            "errorMessage": "a node needs one of these keys: " + ", ".join(kinds),
            "properties": {verb: {"description": _first_sentence(_doc(kind))} for verb, kind in kinds.items()},
        },
        "allOf": [{"if": {"required": [verb]}, "then": {"$ref": f"#/$defs/{verb}_node"}} for verb in kinds],
    }


def _node(kind: NodeKind[Any], config: JsonSchema) -> JsonSchema:
    doc = _doc(kind)
    properties = _described({**config["properties"], **_with_short_forms(config["properties"])}, doc, _NODE_KEYS)
    verb = properties.pop(kind.verb)
    first = {kind.verb: {**verb, "description": verb.get("description") or _first_sentence(doc)}}
    return {
        "type": "object",
        "description": doc,
        "properties": {**first, **properties, "next": {"$ref": "#/$defs/next"}},
        "required": config["required"],
        "additionalProperties": False,
        "examples": [example_of(kind)],
    }


def _doc(kind: NodeKind[Any]) -> str:
    return inspect.getdoc(type(kind)) or ""


def _first_sentence(doc: str) -> str:
    return re.split(r"(?<=\.)\s", " ".join(doc.split()), maxsplit=1)[0]


def _with_short_forms(properties: JsonObject) -> JsonObject:
    """The common keys that have one, each as itself or short: no model says so, a validator does."""
    return {
        key: {"anyOf": [*properties[key].get("anyOf", [properties[key]]), *short]}
        for key, short in _SHORT.items()
        if key in properties
    }


def example_of(kind: NodeKind[Any]) -> JsonObject:
    """The node of the kind's example."""
    tree, _ = read(Source("example.yaml", kind.example))
    node: JsonObject = next(iter(tree.value.values())) if tree is not None else {}
    return node


def _described(properties: JsonObject, doc: str, known: Mapping[str, str]) -> JsonObject:
    """The properties, each with the sentence that speaks of it: a known one, or the first of `doc` that names it."""
    sentences = re.split(r"(?<=\.)\s+", " ".join(doc.split()))
    result = {}
    for key, schema in properties.items():
        spoken = known.get(key) or next((s for s in sentences if f"`{key}`" in s or f"`{key}:" in s), None)
        result[key] = {**schema, "description": schema.get("description", spoken)} if spoken else schema
    return result
