"""The check of one expression: its type, and findings at their places; the sentences are held by the golden cases."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from girih.language.expressions.cel import ExpressionError, evaluate_expression
from girih.language.expressions.check import check_expression
from girih.language.expressions.kinds import kind_of, kinds
from girih.language.expressions.names import FixedNames
from girih.language.nodes.base import object_of

TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
PLACE = object_of({"page": WHOLE}, optional=("page",))
TYPES = {
    "inputs": object_of(
        {
            "s": TEXT,
            "n": WHOLE,
            "f": NUMBER,
            "b": {"type": "boolean"},
            "any": {},
            "opt": TEXT,
            "e": {"enum": ["x", "y"]},
            "maybe": {"type": ["string", "null"]},
            "tags": {"type": "array", "items": TEXT},
            "open": {"type": "object"},
        },
        optional=("opt",),
    ),
    "hits": object_of({"list": {"type": "array", "items": object_of({"text": TEXT, "score": NUMBER, "place": PLACE})}}),
}


HIT = object_of({"text": TEXT, "score": NUMBER, "tags": {"type": "array", "items": TEXT}, "kind": {"enum": ["a", "b"]}})
MORE = FixedNames(
    {
        "x": object_of(
            {
                "hits": {"type": "array", "items": HIT},
                "groups": {"type": "array", "items": {"type": "array", "items": HIT}},
                "best": {"anyOf": [HIT, {"type": "null"}]},
                "nul": {"type": ["string", "null"]},
                "map": {"type": "object", "additionalProperties": HIT},
                "pair": {"type": "array", "prefixItems": [TEXT, WHOLE], "items": False},
                "kinds": {"type": "array", "items": {"enum": ["a", "b"]}},
                "all": {"allOf": [HIT, {"type": "object", "properties": {"n": WHOLE}, "required": ["n"]}]},
                "ref": {"allOf": [HIT], "description": "written out of a $ref"},
                "mix": {"enum": ["a", 1, None]},
                "pattern": {"type": "object", "patternProperties": {"^x_": WHOLE}, "additionalProperties": False},
                "either": {
                    "type": "object",
                    "properties": {"a": TEXT, "b": WHOLE},
                    "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
                },
                "one": {
                    "oneOf": [
                        object_of({"k": {"const": "l"}, "left": TEXT}),
                        object_of({"k": {"const": "r"}, "right": TEXT}),
                    ]
                },
                "at": {"type": "string", "format": "date-time"},
                "s": TEXT,
            }
        ),
        "visits": object_of({"search": WHOLE, "ask": WHOLE}),
    }
)


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        # macros: the item has the list's own type, and a name of the macro hides one from outside
        ("x.hits.all(h, h.txt == '')", "E201 txt"),
        ("x.groups.exists(g, g.exists_one(h, h.txt == ''))", "E201 txt"),
        ("x.groups.map(g, g.filter(h, h.score > 1))[0][0].txt", "E201 txt"),
        ("x.hits.exists(x, x.text == '') && x.hits == []", ""),
        ("x.hits.exists(x, x.hits == [])", "E201 hits"),
        ("x.best != null && x.hits.exists(x, x.best == null)", "E201 best"),
        ("x.hits.exists(h, h.kind == 'c')", "E302 'c'"),
        ("x.hits.all(h, true, h.text)", "E201 h|E201 h|E301 all"),
        # closed lists
        ("x.kinds.exists(k, k in ['a', 'c'])", "E302 'c'"),
        ("'c' in x.kinds", "E302 'c'"),
        ("'a' in x.kinds", ""),
        ("x.mix == 2", "E302 2"),
        ("x.mix == 1 || x.mix == null || x.mix == 'a'", ""),
        ("x.one.k == 'left'", "E302 'left'"),
        ("x.hits == 'a'", "E302 =="),
        ("x.hits[0] > 1", "E302 >"),
        # null
        ("x.best.text", "E203 x.best.text"),
        ("x.best.?text.orValue('')", "E203 x.best.?text"),
        ("x.best != null && x.best.text == 'a'", ""),
        ("x.best == null || x.best.text == 'a'", ""),
        ("null != x.best ? x.best.text : ''", ""),
        ("!(x.best == null) && x.best.text == 'a'", ""),
        ("x.best == null && x.best.text == 'a'", "E203 x.best.text"),
        ("x.best == null ? '' : x.best.txt", "E201 txt"),
        ("x.nul.startsWith('a')", "E302 x.nul"),
        ("x.nul != null && x.nul.startsWith('a')", ""),
        ("x.nul == 'a' && x.nul.startsWith('a')", ""),
        # positions and keys
        ("x.pair[0] + 'a'", ""),
        ("x.pair[1] + 'a'", "E302 +"),
        ("x.pair[2]", "E302 2"),
        ("x.hits[-1]", "E302 -1"),
        ("x.hits['a']", "E302 'a'"),
        ("x.map['k'].txt", "E201 txt"),
        ("x.map.k.txt", "E201 txt"),
        ("x.map.exists(k, x.map[k].txt == '')", "E201 txt"),
        ("x.map[1]", "E302 1"),
        # put together
        ("x.all.text + string(x.all.n)", ""),
        ("x.all.txt", "E201 txt"),
        ("x.ref.txt", "E201 txt"),
        ("x.pattern.x_a", "E203 x.pattern.x_a"),
        ("x.pattern.y", "E201 y"),
        ("x.either.c", "E201 c"),
        ("has(x.either.a) ? x.either.a : ''", ""),
        ("x.one.left", "E203 x.one.left"),
        ("x.one.middle", "E201 middle"),
        # functions
        ("x.s.lowerAscii().trim().split(',')[0].size() > 1", ""),
        ("x.s.substring(1) + x.s.substring(1, 2)", ""),
        ("x.s.substring()", "E302 x.s.substring("),
        ("x.s.replace('a', 'b')", "E301 replace"),
        ("x.s.matches('(?=a)')", "E302 '(?=a)'"),
        ("matches(x.s, '^(a+)+$')", ""),
        ("timestamp(x.at) - timestamp('2026-01-01T00:00:00Z') > duration('24h')", ""),
        ("timestamp(x.at) + duration('1h') < timestamp(x.at)", ""),
        ("duration('1h') - duration('30m') == duration('1800s')", ""),
        ("timestamp(x.at).getFullYear() == 2026", ""),
        ("timestamp(x.at) > x.at", "E302 >"),
        ("timestamp(x.at) + 1", "E302 +"),
        ("timestamp(x.at) * 2", "E302 *"),
        ("timestamp('tomorrow')", "E302 'tomorrow'"),
        ("duration('1 hour')", "E302 '1 hour'"),
        ("duration('1h')", "E302 duration('1h')"),
        ("[timestamp(x.at)]", "E302 [timestamp(x.at)]"),
        ("string(timestamp(x.at))", ""),
        ("x.s.getHours()", "E302 x.s"),
        # visits
        ("visits('search') > 2 && visits(\"ask\") == 0", ""),
        ("visits('serch') > 2", "E201 'serch'"),
        ("visits(x.s) > 2", "E302 x.s"),
        ("visits() > 2", "E302 ("),
        ("visits.search > 2", "E201 visits"),
        ("x.hits.exists(visits, visits.text == 'a')", ""),
    ],
)
def test_holes_that_were_closed(text: str, marked: str) -> None:
    found = check_expression(text, MORE).findings
    assert "|".join(f"{f.code} {text[f.offset : f.offset + f.length]}" for f in found) == marked


def test_visits_need_somebody_who_counts_them() -> None:
    (fault,) = check_expression("visits('a') > 1", FixedNames(TYPES)).findings
    assert (fault.code, fault.offset, fault.length) == ("E301", 0, 6)


class Skipped(FixedNames):
    def why_unset(self, name: str) -> str | None:
        return "it was skipped" if name == "hits" else None


def codes(text: str, **options: Any) -> list[str]:
    return [finding.code for finding in check_expression(text, FixedNames(TYPES), **options).findings]


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("inputs.s", TEXT),
        ("inputs.e", {"enum": ["x", "y"]}),
        ("inputs.n + 1", WHOLE),
        ("inputs.n + inputs.f", NUMBER),
        ("inputs.n > 1.5", {"type": "boolean"}),
        ("inputs.any.x.y", {}),
        ("inputs.open.x", {}),
        ("inputs.tags[0]", TEXT),
        ("hits.list.map(h, h.score)", {"type": "array", "items": NUMBER}),
        ("hits.list[0].text", TEXT),
        ("hits.list.filter(h, h.score > 0.5)[0].text", TEXT),
        ("inputs.?opt.orValue('')", TEXT),
        ("size(inputs.tags)", WHOLE),
        ("inputs.b ? inputs.n : 2", WHOLE),
        ("inputs.b ? inputs.n : 2.5", NUMBER),
        ("inputs['s']", TEXT),
        ("hits.list[?0].?place.?page.orValue(0)", WHOLE),
        ("hits.list.exists(h, h.text == 'a')", {"type": "boolean"}),
        ("{'a': inputs.n}", object_of({"a": WHOLE})),
        ("inputs.maybe == null", {"type": "boolean"}),
        ("has(inputs.opt) ? inputs.opt : inputs.s", TEXT),
        ("!has(inputs.opt) || inputs.opt == 'x'", {"type": "boolean"}),
        ("inputs.?opt.hasValue() && inputs.opt == 'x'", {"type": "boolean"}),
        ("string(inputs.n) + 'x'", TEXT),
        ("inputs.?opt.optMap(o, size(o)).orValue(0)", WHOLE),
        ("inputs.s in inputs.tags", {"type": "boolean"}),
    ],
)
def test_types(text: str, schema: Any) -> None:
    checked = check_expression(text, FixedNames(TYPES))
    assert checked.findings == ()
    assert checked.schema == schema


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inputs.zz + nope.x", ["E201", "E201"]),
        ("inputs.zz.y.z > 3", ["E201"]),
        ("nope > 3 && nope2", ["E201", "E201"]),
        ("inputs.opt", ["E203"]),
        ("hits.list[0].place.page", ["E203"]),
        ("inputs.s < 3 && inputs.n == 'x'", ["E302"] * 2),
        ("has(inputs.opt) || inputs.opt == 'x'", ["E203"]),
        ("inputs.s +", ["E301"]),
        ("inputs.e == 'z'", ["E302"]),
        ("inputs.tags.map(t, t)[0] == 1", ["E302"]),
        ("x" * 513, ["E304"]),
        ("inputs.tags.all(a, inputs.tags.all(b, inputs.tags.all(c, a == b)))", ["E304"]),
    ],
)
def test_each_fault_once(text: str, expected: list[str]) -> None:
    assert codes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inputs.b", []),
        ("inputs.any.x", []),
        ("inputs.s", ["E303"]),
        ("inputs.tags.map(t, t) == []", ["E304"]),
        ("inputs.zz", ["E201"]),
        ("", ["E301"]),
    ],
)
def test_conditions(text: str, expected: list[str]) -> None:
    assert codes(text, condition=True) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hits.list", ["E203"]),
        ("hits", ["E203"]),
        ("hits.?list.orValue([])", []),
        ("has(hits.list)", []),
        ("has(hits.list) && size(hits.list) > 0", []),
        ("size(hits.list) > 0 && has(hits.list)", ["E203"]),
    ],
)
def test_a_node_that_may_be_skipped(text: str, expected: list[str]) -> None:
    assert [f.code for f in check_expression(text, Skipped(TYPES)).findings] == expected


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("inputs.n + inputs.zzz", "zzz"),
        ("inputs . zzz", "zzz"),
        ("'é😀' == nope.x", "nope"),
        ("inputs.s < 3", "<"),
        ("inputs.e == 'nope'", "'nope'"),
        ("inputs.opt == 'a'", "inputs.opt"),
        ("inputs.n == 1 and true", "and"),
        ("size( inputs.n )", "inputs.n"),
        ("inputs.s.startWith('a')", "startWith"),
        ("inputs.tags['k']", "'k'"),
        ("inputs.n =  3", "="),
        ("'=' + inputs.n", "+"),
        ("inputs.tags.foo", "foo"),
    ],
)
def test_places(text: str, marked: str) -> None:
    (finding,) = check_expression(text, FixedNames(TYPES)).findings
    assert text[finding.offset : finding.offset + finding.length] == marked


PARTS = [
    "inputs",
    ".",
    "s",
    "n",
    "f",
    "tags",
    "opt",
    "any",
    "?",
    "[",
    "]",
    "0",
    "1.5",
    "'x'",
    "(",
    ")",
    "==",
    "<",
    "+",
    "*",
    "&&",
    "||",
    "!",
    ":",
    ",",
    "size",
    "has",
    "map",
    "filter",
    "t",
    "orValue",
    "null",
    "true",
    "in",
    "{",
    "}",
    " ",
    "-",
]


@given(st.lists(st.sampled_from(PARTS), max_size=14).map("".join) | st.text(max_size=30))
@settings(max_examples=400)
def test_no_text_breaks_the_check_and_every_place_is_inside(text: str) -> None:
    for condition in (False, True):
        for finding in check_expression(text, FixedNames(TYPES), condition=condition).findings:
            assert 0 <= finding.offset <= len(text)
            assert finding.length >= 1
            assert finding.message


LEAVES = st.sampled_from(
    [
        "inputs.n",
        "inputs.f",
        "inputs.s",
        "inputs.b",
        "inputs.tags",
        "inputs.tags[0]",
        "1",
        "2.5",
        "'a'",
        "true",
        "inputs.?opt.orValue('o')",
        "inputs.e",
        "inputs.maybe",
        "null",
        "size(inputs.tags)",
    ]
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "==", "!=", "<", ">=", "&&", "||", "in"]), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} ? {t[1]} : {t[2]})"),
        inner.map(lambda t: f"[{t}]"),
        inner.map(lambda t: f"{{'k': {t}}}"),
        inner.map(lambda t: f"string({t})"),
        inner.map(lambda t: f"(!{t})"),
    ),
    max_leaves=6,
)
VALUES: dict[str, Any] = {
    "inputs": {
        "s": "text",
        "n": 3,
        "f": 2.5,
        "b": True,
        "any": 1,
        "e": "x",
        "maybe": None,
        "tags": ["a", "b"],
        "open": {},
    }
}


@given(TREES)
@settings(max_examples=400)
def test_what_passes_the_check_gives_a_value_of_its_type(text: str) -> None:
    checked = check_expression(text, FixedNames(TYPES))
    if checked.findings:
        return
    try:
        value = evaluate_expression(text, VALUES)
    except ExpressionError as fault:
        # What may be null is the one thing that no check vouches for.
        assert "maybe" in text or "null" in text, fault
        return
    allowed = kinds(checked.schema)
    found = kind_of(value)
    assert allowed is None or found in allowed or (found == "integer" and "number" in allowed)
