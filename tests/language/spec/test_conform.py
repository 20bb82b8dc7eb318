"""Data against a schema: what does not fit is said in plain words, and whole numbers are whole."""

from __future__ import annotations

import pytest

from girih.language.spec.conform import contract, settled
from girih.language.spec.tree import JsonSchema, JsonValue

WHOLE: JsonSchema = {"type": "integer", "minimum": 1, "maximum": 9}
SCHEMA: JsonSchema = {
    "type": "object",
    "properties": {
        "n": WHOLE,
        "maybe": {"type": ["integer", "null"]},
        "text": {"type": "string", "minLength": 3, "maxLength": 5},
        "code": {"type": "string", "pattern": "^C-[0-9]$"},
        "tier": {"enum": ["free", "gold"]},
        "on": {"type": "boolean"},
        "list": {"type": "array", "items": WHOLE},
    },
    "required": ["n"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "'n' is missing"),
        ({"m": 1, "n": 1, "txt": ""}, "unknown: 'm', 'txt' (did you mean 'text'?)"),
        ({"n": "x"}, "n: must be a whole number, not the text 'x'"),
        ({"n": True}, "n: must be a whole number, not true"),
        ({"n": 1.5}, "n: must be a whole number, not the number 1.5"),
        ({"n": 0}, "n: must be at least 1, not 0"),
        ({"n": 10}, "n: must be at most 9, not 10"),
        ({"n": 1, "maybe": []}, "maybe: must be a whole number or nothing, not a list"),
        ({"n": 1, "text": "ab"}, "text: must have at least 3 characters, and has 2"),
        ({"n": 1, "text": "abcdef"}, "text: must have at most 5 characters, and has 6"),
        ({"n": 1, "code": "X1"}, "code: the text 'X1' does not match the pattern ^C-[0-9]$"),
        ({"n": 1, "tier": "new"}, 'tier: must be one of "free", "gold", not the text \'new\''),
        ({"n": 1, "on": "yes"}, "on: must be true or false, not the text 'yes'"),
        ({"n": 1, "list": [1, None]}, "list[1]: must be a whole number, not nothing"),
    ],
)
def test_a_fault_in_words(value: JsonValue, words: str) -> None:
    (fault,) = contract(SCHEMA).misfits(value)
    assert str(fault) == words


def test_several_missing_fields_are_each_named() -> None:
    schema: JsonSchema = {"type": "object", "required": ["a", "a b", "it's"]}
    assert [str(f) for f in contract(schema).misfits({})] == ["'a' is missing", "'a b' is missing", "'it's' is missing"]


def test_whole_numbers_are_whole_where_that_is_asked_for() -> None:
    got = settled({"n": 3.0, "maybe": 4.0, "text": "5.0", "list": [6.0, 7], "tier": 8.0}, SCHEMA)
    assert repr(got) == repr({"n": 3, "maybe": 4, "text": "5.0", "list": [6, 7], "tier": 8.0})
    assert repr(settled(3.0, {"type": "number"})) == "3.0"
    assert repr(settled(3.5, {"type": "integer"})) == "3.5"
    assert repr(settled({"x": 1.0}, {"additionalProperties": {"anyOf": [{"type": "integer"}]}})) == "{'x': 1}"
    assert repr(settled(True, {"type": "integer"})) == "True"


def test_whole_numbers_inside_of_pairs() -> None:
    schema: JsonSchema = {"type": "array", "prefixItems": [WHOLE, True, {"type": "number"}], "items": WHOLE}
    assert repr(settled([1.0, 2.0, 3.0, 4.0], schema)) == repr([1, 2.0, 3.0, 4])
    assert repr(settled([1.0], {"type": "array"})) == repr([1.0])
    assert repr(settled({"a": 1.0}, {"properties": {"a": True}})) == repr({"a": 1.0})
