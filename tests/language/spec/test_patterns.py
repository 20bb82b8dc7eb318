"""Patterns and formats that authors write: what RE2 takes, what it refuses, and that no pattern takes for ever."""

from __future__ import annotations

import subprocess
import sys

import pytest

from girih.language.spec.conform import Contract, contract
from girih.language.spec.formats import fits
from girih.language.spec.patterns import PatternError, pattern_fault, search
from girih.language.spec.tree import JsonSchema, JsonValue
from girih.language.spec.types import type_faults

EVIL = "^(a+)+$"
LONG = "a" * 50_000 + "!"


@pytest.mark.parametrize("pattern", [EVIL, "(a|aa)+$", "(.*a){20}", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_catastrophic_pattern_ends(pattern: str) -> None:
    # A backtracking engine would be at it longer than the universe exists.
    assert search(pattern, LONG) in (True, False)


@pytest.mark.parametrize(
    ("schema", "value", "fault"),
    [
        ({"type": "string", "pattern": EVIL}, LONG, "a text does not match the pattern ^(a+)+$"),
        ({"patternProperties": {EVIL: False}}, {LONG: 1}, None),
        ({"patternProperties": {EVIL: True}, "additionalProperties": False}, {"b": 1}, "unknown: 'b'"),
        ({"patternProperties": {"^a": True}, "additionalProperties": False}, {"ab": 1}, None),
        ({"patternProperties": {"^a": {"type": "string"}}}, {"ab": 1}, "ab: must be text, not the number 1"),
        ({"patternProperties": {EVIL: True}, "unevaluatedProperties": False}, {"b": 1}, "unknown: 'b'"),
        ({"allOf": [{"properties": {"a": True}}], "unevaluatedProperties": False}, {"a": 1}, None),
        ({"anyOf": [{"properties": {"a": False}}, True], "unevaluatedProperties": False}, {"a": 1}, "unknown: 'a'"),
        (
            {"if": {"required": ["a"]}, "then": {"properties": {"a": True}}, "unevaluatedProperties": False},
            {"a": 1},
            None,
        ),
        (
            {"if": {"required": ["b"]}, "else": {"patternProperties": {"a": True}}, "unevaluatedProperties": False},
            {"a": 1, "c": 2},
            "unknown: 'c'",
        ),
        ({"dependentSchemas": {"a": {"properties": {"b": True}}}, "unevaluatedProperties": False}, {"b": 1},
         "unknown: 'b'"),
        ({"unevaluatedProperties": {"type": "string"}}, {"a": 1}, "a: must be text, not the number 1"),
        ({"additionalProperties": {"type": "string"}}, {"a": 1}, "a: must be text, not the number 1"),
        ({"pattern": "(?=a)"}, "a", "cannot be checked, for a pattern of the type is not sound: invalid perl operator: (?="),
        ({"pattern": "^.$"}, "\ud800", None),
        ({"pattern": "a"}, 5, None),
        ({"patternProperties": {"a": False}}, [], None),
    ],
)  # fmt: skip
def test_schemas_use_it_everywhere(schema: JsonSchema, value: JsonValue, fault: str | None) -> None:
    assert [str(misfit) for misfit in Contract(schema).misfits(value)] == ([fault] if fault else [])


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("(?=a)", "'(?=a)' is not a RE2 expression: invalid perl operator: (?=, look-around and back-references"),
        ("(?<!a)b", "look-around and back-references are not supported"),
        (r"(a)\1", r"invalid escape sequence: \1, look-around and back-references are not supported"),
        ("[", "'[' is not a RE2 expression: missing ]: ["),
        ("a{2000}", "invalid repetition size: {2000}"),
        ("a" * 513, "the pattern is longer than 512 characters"),
        (r"^\d{3}-\p{L}+$", None),
        ("(?i)^(?P<name>x)$", None),
        ("(?<name>x)", None),
    ],
)
def test_what_is_refused(pattern: str, fault: str | None) -> None:
    said = pattern_fault(pattern)
    assert said is None if fault is None else fault in str(said)
    for spec in ({"type": "string", "pattern": pattern}, {"patternProperties": {pattern: "string"}}):
        assert [found.message for found in type_faults(spec)] == ([said] if said else [])


def test_a_refused_pattern_cannot_be_searched_for() -> None:
    with pytest.raises(PatternError, match="missing"):
        search("[", "a")


FORMATS = {
    "date": (["2024-02-29"], ["2023-02-29", "2024-2-9", "20240229", "2024-W01-1", ""]),
    "time": (["10:00:00Z", "23:59:60Z", "10:00:00.123456789+02:00"], ["10:00:00", "24:00:00Z", "10:00Z", "10:00:00+25:00"]),
    "date-time": (["2024-02-29T10:00:00Z", "2024-02-29t10:00:00.5-03:30"], ["2024-02-29 10:00:00Z", "2024-02-29", "x"]),
    "duration": (["P1D", "PT1H30M", "P2W", "P1Y2M3DT4H5M6S"], ["P", "PT", "1D", "P1D2W", "P1DT"]),
    "email": (["a@b.de", "a.b+c@x-y.example"], ["a@", "@b", "a b@c.de", "a@b@c.de", ".a@b.de", "a..b@c.de", "a@-b.de"]),
    "hostname": (["localhost", "a.b.example."], ["-a.b", "a..b", "a_b", "", "a" * 64]),
    "ipv4": (["127.0.0.1"], ["127.0.0.256", "127.1", "::1"]),
    "ipv6": (["::1", "2001:db8::8a2e:370:7334"], ["::1%eth0", "127.0.0.1", ":::"]),
    "uri": (["https://a.example/b?c=d#e", "mailto:a@b.de", "urn:isbn:1"], ["a/b", "https://a b", "http://[", "a:", "http://h:x"]),
    "iri": (["https://ä.example/ö"], ["ö", "https://a b"]),
    "uri-reference": (["a/b", "#c", "https://a.example"], ["a b", "ö", "a#b#c"]),
    "uuid": (["123e4567-e89b-12d3-a456-426614174000"], ["123e4567e89b12d3a456426614174000", "x"]),
    "json-pointer": (["", "/a/~0~1"], ["a", "/~2"]),
    "regex": (["a+"], ["(?=a)"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name: str) -> None:
    good, bad = FORMATS[name]
    assert [text for text in good if not fits(name, text)] == []
    assert [text for text in bad if fits(name, text)] == []


def test_formats_are_checked_when_data_comes_and_of_texts_only() -> None:
    schema: JsonSchema = {"properties": {"to": {"format": "email"}, "x": {"format": "of-our-own"}}}
    assert [str(m) for m in contract(schema).misfits({"to": "nobody", "x": "y"})] == [
        "to: the text 'nobody' is not of the format email"
    ]
    assert contract(schema).misfits({"to": 5}) == ()


def test_a_graph_without_patterns_does_not_load_the_engine() -> None:
    code = "import sys; from girih.language.spec.types import type_faults; list(type_faults('string'))"
    subprocess.run([sys.executable, "-c", f"{code}; assert 're2' not in sys.modules"], check=True)
