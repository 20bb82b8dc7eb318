"""`${ … }` in data: found at its place, evaluated with its type, and never mistaken for other braces."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from girih.language.expressions import values
from girih.language.expressions.cel import ExpressionError
from girih.language.expressions.values import Unterminated, evaluate, expressions, references

DATA = {"inputs": {"n": 3, "f": 1.0, "s": "x", "l": [1, "a"], "none": None, "ok": True, "é": 1}}


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("${ inputs.n }", 3),
        ("  ${inputs.n}\n", 3),
        ("n=${ inputs.n }", "n=3"),
        ("${inputs.n}${inputs.s}", "3x"),
        ("${ inputs.none }", None),
        ("a ${ inputs.none }", "a null"),
        ("a ${ inputs.l }", 'a [1, "a"]'),
        ("is ${ inputs.ok }", "is true"),
        ("${ inputs.l }", [1, "a"]),
        ("f ${ inputs.f }", "f 1.0"),
        ("{ braces } $5 {{ x }} $ {", "{ braces } $5 {{ x }} $ {"),
        ("}", "}"),
        ("", ""),
        (5, 5),
        (None, None),
        ("${ {'a': {'b': '}'}}['a'].b }", "}"),
        ("${ '${' + \"}\" }", "${}"),
        (r"${ 'it\'s }' }", "it's }"),
        (r"${ r'\d' + '}' }", "\\d}"),
        ("${ '''a'}''' }", "a'}"),
        ("${ size('''x''') }", 1),
        ({"a": ["${ inputs.n }", {"b": "x ${ inputs.s }"}]}, {"a": [3, {"b": "x x"}]}),
    ],
)
def test_evaluate(value: Any, result: Any) -> None:
    assert evaluate(value, DATA) == result


@pytest.mark.parametrize("value", ["${ inputs.zz }", "${ inputs.", "${ }", "a ${ b ==  }", ["${ gone.x }"]])
def test_what_cannot_be_evaluated_raises_one_kind_of_error(value: Any) -> None:
    with pytest.raises(ExpressionError):
        evaluate(value, DATA)


def test_places() -> None:
    found = expressions({"a": ["x", "héé ${  inputs.n } and ${ b }"], "c": "${ d }"})
    assert [(e.path, e.offset, e.text, e.lone) for e in found] == [
        (("a", 1), 8, "inputs.n", False),
        (("a", 1), 26, "b", False),
        (("c",), 3, "d", True),
    ]


@pytest.mark.parametrize(("text", "offset"), [("${", 0), ("a ${ {'b': 1 }", 2), ("${ a } ${ b", 7)])
def test_an_open_expression_is_named_at_its_place(text: str, offset: int) -> None:
    with pytest.raises(Unterminated) as raised:
        expressions(text)
    assert raised.value.offset == offset


def test_an_open_quote_still_ends_at_the_brace() -> None:
    assert [e.text for e in expressions("${ a == 'x } tail")] == ["a == 'x"]


def test_references() -> None:
    assert references({"a": "${ inputs.n + b.c }", "d": ["${ e.map(x, x + f.g) }", "h", 1]}) == {
        "inputs",
        "b",
        "e",
        "f",
    }
    assert references("${ == }") == references("${ open") == references("{ no }") == set()


def test_a_long_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "MAX_TEXT", 10)
    with pytest.raises(ExpressionError, match="grew"):
        evaluate("1234567 ${ inputs.l }", DATA)


@given(st.text())
def test_text_without_an_expression_stays_as_it_is(text: str) -> None:
    if "${" not in text:
        assert evaluate(text, {}) == text


@given(st.text(), st.text(), st.text(max_size=20))
def test_any_text_survives_between_expressions(before: str, after: str, value: str) -> None:
    if "${" in before + after or before.endswith("$"):
        return
    assert evaluate([f"{before}|${{ a.x }}|{after}"], {"a": {"x": value}}) == [f"{before}|{value}|{after}"]
