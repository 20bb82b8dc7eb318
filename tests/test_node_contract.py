"""Every node kind keeps the contract that `language/nodes/base.py` states."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from girih.language.compiler.schema import schemas
from girih.language.nodes.base import GraphContract, NodeConfig, NodeKind, Scope, ToolContract, object_of
from girih.language.nodes.registry import kinds
from girih.language.spec.node_parser import NodeParser
from girih.language.spec.reader import read
from girih.language.spec.source import Source
from girih.language.spec.tree import JsonValue


class Anything(dict[str, Any]):
    """Knows every name: a scope in which whatever a node refers to is there."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def get(self, key: str, default: Any = None) -> Any:
        return self.make(key)

    def __getitem__(self, key: str) -> Any:
        return self.make(key)


FIELDS = object_of({"name": {"type": "string"}})
SCOPE = Scope(
    models=Anything(lambda name: (name,)),
    knowledge=Anything(lambda name: name),
    tools=Anything(lambda name: ToolContract(name, "sha256:0", FIELDS, FIELDS, {"name": name})),
    graphs=Anything(lambda name: GraphContract(name, "sha256:0", FIELDS, FIELDS)),
    prompts=Anything(lambda name: "text"),
    infer=lambda value: {},
)


@pytest.fixture(params=sorted(kinds()))
def kind(request: pytest.FixtureRequest) -> NodeKind[Any]:
    return kinds()[request.param]


def config_of(kind: NodeKind[Any]) -> tuple[dict[str, JsonValue], Any]:
    tree, found = read(Source("example.yaml", kind.example))
    assert tree is not None
    assert found == ()
    ((name, raw),) = tree.value.items()
    faults: list[Any] = []
    node = NodeParser(tree, kinds(), faults).node(name, raw)
    assert faults == []
    assert (node.verb, node.sound) == (kind.verb, True)
    return raw, node.config


def test_the_verb_is_the_name_of_the_file(kind: NodeKind[Any]) -> None:
    assert type(kind).__module__.rpartition(".")[2] == kind.verb


def test_the_verb_is_a_field_and_the_example_shows_it(kind: NodeKind[Any]) -> None:
    own = [name for name in kind.Config.model_fields if name not in NodeConfig.model_fields]
    assert own[0] == kind.verb
    raw, config = config_of(kind)
    assert next(iter(raw)) == kind.verb
    assert isinstance(config, kind.Config)


def test_the_reference_page_has_its_text(kind: NodeKind[Any]) -> None:
    text = inspect.getdoc(type(kind)) or ""
    assert len(text.split()) > 20
    assert type(kind).__doc__ != NodeKind.__doc__


def test_the_config_refuses_other_keys_and_never_changes(kind: NodeKind[Any]) -> None:
    _, config = config_of(kind)
    with pytest.raises(ValidationError, match="frozen"):
        config.title = "other"
    with pytest.raises(ValidationError, match="Extra inputs"):
        kind.Config.model_validate({"no_such_key": 1})


def test_the_config_has_a_json_schema(kind: NodeKind[Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(kind.Config.model_json_schema())


def test_slots_stand_where_they_say(kind: NodeKind[Any]) -> None:
    raw, config = config_of(kind)
    slots = list(kind.slots(config, SCOPE))
    assert len({slot.name for slot in slots}) == len(slots)
    for slot in slots:
        jsonschema.Draft202012Validator.check_schema(slot.expects)
        value: JsonValue = raw
        for step in slot.path:
            value = value.get(step)
        assert value is None or value == slot.value


def test_uses_name_what_the_example_names(kind: NodeKind[Any]) -> None:
    raw, config = config_of(kind)
    for use in kind.uses(config):
        value: JsonValue = raw
        for step in use.path:
            value = value[step]
        assert value == use.alias


def at_path(raw: JsonValue, path: Any) -> JsonValue:
    for step in path:
        raw = raw[step]
    return raw


def test_conditions_and_branches_stand_where_they_say(kind: NodeKind[Any]) -> None:
    raw, config = config_of(kind)
    conditions = list(kind.conditions(config, SCOPE))
    assert len({slot.name for slot in conditions}) == len(conditions)
    for slot in conditions:
        assert at_path(raw, slot.path) == slot.text
        for schema in slot.binds.values():
            jsonschema.Draft202012Validator.check_schema(schema)
    branches = list(kind.branches(config, SCOPE))
    assert bool(branches) == (kind.shape == "fork")
    for branch in branches:
        assert at_path(raw, branch.path) == branch.entry
        for schema in branch.binds.values():
            jsonschema.Draft202012Validator.check_schema(schema)


def test_exits_and_needs_stand_where_they_say(kind: NodeKind[Any]) -> None:
    raw, config = config_of(kind)
    exits = list(kind.exits(config))
    assert len({way.name for way in exits}) == len(exits)
    for way in exits:
        assert at_path(raw, way.path) == way.to
    for need in kind.needs(config):
        assert at_path(raw, need.path) == need.alias
        assert need.key in raw


COMMON: dict[str, JsonValue] = {
    "when": "true",
    "retry": {"max": 1, "on": ["timeout"], "wait": "1s", "longest": 5},
    "timeout": {"attempt": "5s", "total": "1m"},
    "on_error": {"on": ["timeout", "budget"], "value": {}},
    "cache": {"ttl": "10m", "key": "${ inputs.x }"},
    "write": {"x": 1},
    "title": "A title",
    "description": "What it is for.",
}


def test_every_node_may_carry_the_common_keys(kind: NodeKind[Any]) -> None:
    raw, _ = config_of(kind)
    config = kind.Config.model_validate({**raw, **COMMON}, strict=True)
    assert isinstance(config, NodeConfig)
    assert set(COMMON) | {"next"} == set(NodeConfig.model_fields)
    short = kind.Config.model_validate({**raw, "timeout": "5s", "cache": 60, "on_error": {"to": "x"}}, strict=True)
    assert (short.timeout.attempt, short.cache.ttl, short.on_error.to) == (5.0, 60.0, "x")


@pytest.mark.parametrize("key", sorted(COMMON))
def test_a_common_key_of_the_wrong_type_is_refused_at_its_place(kind: NodeKind[Any], key: str) -> None:
    wrong: JsonValue = ["no", "such", "thing"]
    source = Source(
        "g.json", json.dumps({"kind": "graph/v1", "name": "g", "nodes": {"a": {**raw_of(kind), key: wrong}}})
    )
    tree, _ = read(source)
    assert tree is not None
    faults: list[Any] = []
    NodeParser(tree, kinds(), faults).node("a", tree.get(("nodes", "a")))
    assert [(fault.code, fault.place) for fault in faults] == [("E002", tree.at(("nodes", "a", key)))]


def raw_of(kind: NodeKind[Any]) -> dict[str, JsonValue]:
    return config_of(kind)[0]


def test_an_editor_takes_the_example_with_all_common_keys_and_refuses_a_misspelt_one(kind: NodeKind[Any]) -> None:
    editor = jsonschema.Draft202012Validator(schemas(kinds())["graph"])

    def errors(node: JsonValue) -> list[Any]:
        return list(editor.iter_errors({"kind": "graph/v1", "name": "g", "nodes": {"a": node}}))

    node = {**raw_of(kind), **COMMON}
    assert errors(node) == []
    assert any("promtp" in error.message for error in leaves(errors({**node, "promtp": 1})))
    for key in (kind.verb, "retry"):
        assert errors({**node, key: [1]})


def leaves(errors: Iterable[Any]) -> Iterator[Any]:
    """What is wrong in the end, below all alternatives."""
    for error in errors:
        yield from leaves(error.context) if error.context else (error,)


def test_the_result_is_an_object(kind: NodeKind[Any]) -> None:
    _, config = config_of(kind)
    schema = kind.returns(config, SCOPE)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"


def test_settings_are_plain_json(kind: NodeKind[Any]) -> None:
    _, config = config_of(kind)
    settings = kind.lower(config, SCOPE)
    tree, found = read(Source("settings.json", json.dumps(settings)))
    assert tree is not None
    assert found == ()
    assert tree.value == settings


def test_work_is_a_coroutine(kind: NodeKind[Any]) -> None:
    assert inspect.iscoroutinefunction(type(kind).run)
