"""CEL over plain data, and each fault of the binding that is guarded against."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from girih.language.expressions import cel as subject
from girih.language.expressions.cel import Condition, ExpressionError, ParseFault, compiled, evaluate_expression
from girih.language.expressions.values import names_in

DATA: dict[str, Any] = {
    "a": {"i": 2, "f": 2.5, "n": None, "s": "x", "l": [1, None, {"z": None}], "b": True, "k-k": 1},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.i", 2),
        ("a.f", 2.5),
        ("a.s", "x"),
        ("a.b", True),
        ("a.n", None),
        ("a.l", [1, None, {"z": None}]),
        ("a.l[2].z", None),
        ("{'q': null, 'r': [null]}", {"q": None, "r": [None]}),
        ("a.l.map(x, x)", DATA["a"]["l"]),
        ("a.?i.orValue(7)", 2),
        ("a.?zz.orValue(7)", 7),
        ("gone.?zz.orValue(7)", 7),
        ("a.l[?9].orValue(null)", None),
        ("has(gone.x)", False),
        ("has(a.n)", True),
        ("a['k-k']", 1),
        ("size(a.l)", 3),
        ("a.l.size() > 2", True),
        ("'é😀'.size()", 2),
        ("string(a.f)", "2.5"),
        ("a.s in ['x', 'y']", True),
        ("1 == 1.0", True),
        ("a.b ? a.i : 3", 2),
        ("a.i > 1.5 && a.f < 3", True),
    ],
)
def test_values(text: str, value: Any) -> None:
    result = evaluate_expression(text, DATA)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.i * a.f", 5.0),
        ("a.f * a.i", 5.0),
        ("a.i + 0.5", 2.5),
        ("0.5 + a.i", 2.5),
        ("a.f - 1", 1.5),
        ("5 - a.f", 2.5),
        ("a.f / 2", 1.25),
        ("5 / a.f", 2.0),
        ("a.i + 1", 3),
        ("a.i * 3", 6),
        ("7 / a.i", 3),
        ("a.s + 'y'", "xy"),
        ("[1] + [2]", [1, 2]),
        ("a.f + 0.5", 3.0),
    ],
)
def test_whole_and_other_numbers_work_together(text: str, value: Any) -> None:
    assert evaluate_expression(text, DATA) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a.zz", "there is no 'zz'"),
        ("gone.x", "'gone' did not run"),
        ("a.l[7]", "size=3"),
        ("a.i / 0", "divide by zero"),
        ("a.f / 0", "divide by zero"),
        ("a.s > 1", "No matching overloads"),
        ("a.i.foo", "a field is asked"),
        ("a.?i", "add .orValue"),
        ("optional.none()", "add .orValue"),
        ("timestamp('2020-01-01T00:00:00Z')", "no JSON"),
        ("b'x'", "no JSON"),
        ("1u", "no JSON"),
        ("{1: 2}", "not text"),
        ("type(1)", "no JSON"),
        ("foo(1)", "foo"),
        ("a.s.matches('(')", "regular expression"),
        ("'a' + 1", "overload"),
        ("1.0 / 0.0", "no JSON"),
    ],
)
def test_what_has_no_value_is_raised_and_never_passes_for_data(text: str, says: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        evaluate_expression(text, DATA)
    assert says in str(raised.value)


def test_a_null_result_costs_no_reference_to_none() -> None:
    evaluate_expression("a.n", DATA)
    gc.collect()
    before = sys.getrefcount(None)
    for _ in range(2_000):
        evaluate_expression("a.n", DATA)
        evaluate_expression("a.l", DATA)
        evaluate_expression("{'x': null}", DATA)
    assert sys.getrefcount(None) > before - 100


def test_only_what_is_read_is_bound() -> None:
    # A number beyond 64 bits cannot be bound at all: it may stand beside what is read.
    data = {"a": {"i": 1, "big": 2**70}, "b": {"big": 2**70}}
    assert evaluate_expression("a.i + size(c.?x.orValue([]))", data) == 1
    assert compiled("a.i + a.j.k + b['x']").shown({"a": {"i": 1, "j": {"k": 2, "m": 3}}, "b": {"y": 1}}) == {
        "a": {"i": 1, "j": {"k": 2}},
        "b": {"y": 1},
    }
    assert compiled("a.i + size(a)").shown({"a": {"i": 1, "z": 2}}) == {"a": {"i": 1, "z": 2}}
    assert compiled("a.i.j + a.i.k").shown({"a": {"i": 3}}) == {"a": {"i": 3}}
    with pytest.raises(ExpressionError, match="64 bits"):
        evaluate_expression("a.big + 1", data)


def test_what_is_bound_is_never_changed() -> None:
    data = {"a": {"x": {"y": 1, "z": 2}}}
    compiled("a.x.y + size(a.x)").shown(data)
    compiled("size(a.x) + a.x.y").shown(data)
    assert data == {"a": {"x": {"y": 1, "z": 2}}}


def test_a_large_result_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MAX_RESULT", 100)
    assert evaluate_expression("[a][0]", {"a": "x" * 99}) == "x" * 99
    for large in ("x" * 101, ["xx"] * 60, {"x" * 60: "y" * 60}):
        with pytest.raises(ExpressionError, match="more than"):
            evaluate_expression("[a]", {"a": large})


def test_half_a_character_is_an_error() -> None:
    for data in ({"a": "\ud800"}, {"a": {"\udfff": 1}}):
        with pytest.raises(ExpressionError):
            evaluate_expression("[a]", data)
    with pytest.raises(ParseFault):
        evaluate_expression("'\ud800'", {})


def test_a_nul_character_ends_no_text() -> None:
    data = {"a": {"s": "x\0y", "k\0": 1}}
    assert evaluate_expression("a.s", data) == "x\0y"
    assert evaluate_expression("a.s == 'x'", data) is False
    assert evaluate_expression("size(a.s) + size(a)", data) == 5
    assert data["a"]["s"] == "x\0y"


def test_conditions() -> None:
    assert Condition("a.i == 2").holds(DATA) is True
    assert Condition("a.i == 3 || has(gone.x)").holds(DATA) is False
    for text in ("a.i", "a.zz", "gone.x == 1", "null"):
        with pytest.raises(ExpressionError):
            Condition(text).holds(DATA)
    with pytest.raises(ParseFault):
        Condition("a ==")


CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
TEXT = st.text(CHARACTERS)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_any_json_comes_back_as_it_is(value: Any) -> None:
    for text in ("a.x", "a['x']", "[a][0].x"):
        result = evaluate_expression(text, {"a": {"x": value}})
        assert result == value
        assert type(result) is type(value)


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        evaluate_expression(text, DATA)
    except (ExpressionError, ParseFault) as fault:
        assert 0 <= getattr(fault, "offset", 0) <= len(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("visits('a')", 3),
        ("visits ( 'b' ) + 1", 1),
        ("visits(\"a\") > 2 && visits('nobody') == 0", True),
        ("[1, 2].map(x, x + visits('a'))", [4, 5]),
        ("'visits(1)' + string(visits('a'))", "visits(1)3"),
        ("[{'a': 7}].map(visits, visits.a)", [7]),
    ],
)
def test_visits_are_read_from_the_counts(text: str, value: object) -> None:
    assert evaluate_expression(text, {"visits": {"a": 3}}) == value


def test_without_counts_nothing_was_visited_and_the_name_is_reported() -> None:
    assert evaluate_expression("visits('a')", {}) == 0
    assert Condition("visits('a') == 0").holds({})
    assert names_in("visits('a') > inputs.n") == {"visits", "inputs"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'AbC'.lowerAscii() + ' x '.trim() + 'abc'.substring(1)", "abcxbc"),
        ("'a,b'.split(',')", ["a", "b"]),
        ("duration('1h') + duration('30m') == duration('90m')", True),
        ("duration('90m') - duration('30m') == duration('1h')", True),
        ("string(timestamp('2026-01-31T23:00:00Z') + duration('1h'))", "2026-02-01T00:00:00Z"),
    ],
)
def test_functions_for_texts_and_times(text: str, value: object) -> None:
    assert evaluate_expression(text, {}) == value


def test_a_catastrophic_pattern_ends() -> None:
    assert evaluate_expression("a.matches('^(b+)+$')", {"a": "b" * 50_000 + "!"}) is False
