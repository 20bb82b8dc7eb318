"""The type language: shorthand and JSON Schema, normalized, and its faults at their places."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from girih.language.spec.reader import read
from girih.language.spec.source import Source
from girih.language.spec.tree import JsonObject, Tree
from girih.language.spec.types import check_types, object_schema, schema_of, type_faults


def fields(text: str) -> tuple[JsonObject, Tree]:
    tree, found = read(Source("a.yaml", text))
    assert tree is not None
    assert found == ()
    return tree.value, tree


@pytest.mark.parametrize(
    ("spec", "schema", "required"),
    [
        ("string", {"type": "string"}, True),
        ("integer?", {"type": "integer"}, False),
        ("any", {}, True),
        ("any?", {}, False),
        (["string"], {"type": "array", "items": {"type": "string"}}, True),
        ([["any"]], {"type": "array", "items": {"type": "array", "items": {}}}, True),
        ([{"enum": [1]}], {"type": "array", "items": {"enum": [1]}}, True),
        ({"enum": ["a", "b"]}, {"enum": ["a", "b"]}, True),
        ({"enum": ["a", "b"], "default": "a"}, {"enum": ["a", "b"], "default": "a"}, False),
        ({"type": "string?", "minLength": 3}, {"type": "string", "minLength": 3}, False),
        ({"type": "any", "title": "x"}, {"title": "x"}, True),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}, True),
        ({"type": "null"}, {"type": "null"}, True),
        (
            {"type": "object", "properties": {"a": "string", "b": ["number"]}, "additionalProperties": False},
            {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "array", "items": {"type": "number"}}},
                "additionalProperties": False,
            },
            True,
        ),
        (
            {"type": "array", "items": {"$ref": "#/$defs/x"}, "$defs": {"x": "integer"}},
            {"type": "array", "items": "integer"},
            True,
        ),
    ],
)
def test_schema_of(spec: Any, schema: JsonObject, required: bool) -> None:
    result, is_required = schema_of(spec)
    if "$defs" in str(spec):
        schema = {"type": "array", "items": {"type": "integer"}}
    assert (result, is_required) == (schema, required)
    jsonschema.Draft202012Validator.check_schema(result)


def test_a_reference_is_written_out() -> None:
    spec = {
        "$defs": {"point": {"type": "object", "properties": {"x": "number"}}},
        "type": "array",
        "items": {"$ref": "#/$defs/point", "title": "corner"},
    }
    schema, _ = schema_of(spec)
    point = {"type": "object", "properties": {"x": {"type": "number"}}, "title": "corner"}
    assert schema == {"type": "array", "items": point}


def test_object_schema() -> None:
    assert object_schema({"a": "string", "b": "integer?", "c": {"type": "number", "default": 1}}) == {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}, "c": {"type": "number", "default": 1}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert "additionalProperties" not in object_schema({}, closed=False)


@pytest.mark.parametrize(
    ("spec", "where", "message", "help"),
    [
        ("strng", "strng", "unknown type 'strng'", "did you mean 'string'?"),
        ("Integer", "Integer", "unknown type 'Integer'", "did you mean 'integer'?"),
        ("[string, integer]", "[string, integer]", "a list type names one type, found 2", "[string]"),
        ("[string?]", "string?", "cannot be optional here", "required:"),
        ("5", "5", "a type is expected, found the number 5", "enum"),
        ("true", "true", "a type is expected, found true", "enum"),
        ("{ tipe: string }", "tipe", "unknown key 'tipe' in a type", "did you mean 'type'?"),
        ("{ city: string }", "city", "unknown key 'city' in a type", "properties:"),
        ("{ type: text }", "text", "unknown type 'text'", "string"),
        ("{ type: [string, nil] }", "nil", "unknown type the text 'nil'", None),
        ("{ enum: [] }", "[]", "'enum' must be a list of one or more values", None),
        ("{ enum: a }", "a", "'enum' must be a list of one or more values, found the text 'a'", None),
        ("{ type: string, minLength: -1 }", "-1", "'minLength' must be a whole number from 0 on", None),
        ("{ type: string, pattern: '[' }", "'['", "not a RE2 expression: missing ]", "re2"),
        ("{ type: string, default: 5 }", "5", "the default must be text, found the number 5", None),
        ("{ enum: [a, b], default: c }", "c", "the default must be one of the choices", None),
        ("{ properties: { a: { items: strin } } }", "strin", "unknown type 'strin'", "string"),
        ("{ allOf: string }", "string", "'allOf' must be a list of one or more types", None),
        ("{ anyOf: [string, intger] }", "intger", "unknown type 'intger'", "integer"),
        ("{ $ref: 'https://example.org/x' }", "'https", "may only point into the same type", None),
        ("{ $ref: '#/$defs/nope' }", "'#/", "names nothing in this type", None),
        ("{ $defs: { a: { items: { $ref: '#/$defs/a' } } }, $ref: '#/$defs/a' }", "{", "refers to itself", None),
        ("{ $id: 'x' }", "$id", "unknown key '$id'", None),
        ("{ multipleOf: 0 }", "0", "must be greater than 0", None),
        ("{ type: string, description: One, two words }", "two words", "unknown key 'two words'", "quote a text"),
    ],
)
def test_faults_stand_where_they_are(spec: str, where: str, message: str, help: str | None) -> None:
    text = f"field: {spec}\n"
    value, tree = fields(text)
    (fault,) = check_types(value, tree, ())
    assert fault.code == "E002"
    assert message in fault.message
    assert help is None or help in str(fault.help)
    assert text[fault.place.column - 1 :].startswith(where)
    assert schema_of(value["field"]) == ({}, True)


def test_all_faults_at_once() -> None:
    value, tree = fields("a: strng\nb: { tipe: x, enum: [] }\nc: string\n")
    assert [fault.place.line for fault in check_types(value, tree, ())] == [1, 2, 2]


def test_many_references_are_refused_quickly() -> None:
    names = "abcdefgh"
    defs = {n: {"anyOf": [{"$ref": f"#/$defs/{m}"}] * 10} for n, m in pairwise(names)}
    (fault,) = type_faults({"$defs": {**defs, "h": "string"}, "$ref": "#/$defs/a"})
    assert "more than 200 references" in fault.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["string", "any?", "x", "#/$defs/a", "["]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "enum", "items", "properties", "$ref", "$defs", "a", "default", "required", "pattern"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(JSON)
@settings(max_examples=400, deadline=None)
def test_no_type_raises_and_a_sound_one_is_a_json_schema(spec: Any) -> None:
    faults = list(type_faults(spec))
    schema, _ = schema_of(spec)
    if faults:
        assert schema == {}
    else:
        jsonschema.Draft202012Validator.check_schema(schema)
        assert "$ref" not in schema
