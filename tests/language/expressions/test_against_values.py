"""What the checks promise of an expression or a prompt, held against what really comes out, over random types and data."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from girih.language.expressions.cel import ExpressionError, evaluate_expression
from girih.language.expressions.check import check_expression
from girih.language.expressions.names import FixedNames
from girih.language.expressions.template_check import check_template
from girih.language.expressions.templates import PromptError, render_template
from girih.language.nodes.base import object_of
from girih.language.spec.conform import Contract
from girih.language.spec.tree import JsonSchema, JsonValue

NAMES = ("a", "b", "c")
WORDS = st.sampled_from(["", "x", "y", "text", "2026-01-31T09:00:00Z"])
LEAVES: st.SearchStrategy[JsonSchema] = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer"},
        {"type": "number"},
        {"type": "boolean"},
        {"enum": ["x", "y"]},
        {"enum": ["x", 1, None]},
        {"const": "x"},
        {"type": ["string", "null"]},
        {},
    ]
)


def _objects(inner: st.SearchStrategy[JsonSchema]) -> st.SearchStrategy[JsonSchema]:
    fields = st.dictionaries(st.sampled_from(NAMES), inner, min_size=1)
    return st.tuples(fields, st.sets(st.sampled_from(NAMES))).map(lambda t: object_of(t[0], optional=t[1]))


def _composed(inner: st.SearchStrategy[JsonSchema]) -> st.SearchStrategy[JsonSchema]:
    return st.one_of(
        _objects(inner),
        inner.map(lambda item: {"type": "array", "items": item}),
        inner.map(lambda item: {"type": "object", "additionalProperties": item}),
        st.lists(inner, min_size=1, max_size=2).map(lambda p: {"type": "array", "prefixItems": p, "items": False}),
        st.lists(inner, min_size=2, max_size=2).map(lambda parts: {"anyOf": parts}),
        _objects(inner).map(lambda schema: {"anyOf": [schema, {"type": "null"}]}),
        _objects(inner).map(lambda schema: {"allOf": [schema], "description": "d"}),
    )


SCHEMAS = st.recursive(LEAVES, _composed, max_leaves=5)


@st.composite
def values(draw: st.DrawFn, schema: JsonSchema) -> JsonValue:
    """Data that fits a schema of the forms above."""
    for key in ("anyOf", "allOf"):
        if key in schema:
            return draw(values(draw(st.sampled_from(schema[key]))))
    if "enum" in schema or "const" in schema:
        return draw(st.sampled_from(schema.get("enum") or [schema["const"]]))
    kinds = schema.get("type", ["string", "integer", "boolean", "null"])
    kind = draw(st.sampled_from(kinds)) if isinstance(kinds, list) else kinds
    if kind == "object":
        return draw(_mapping(schema))
    if kind == "array":
        first = [draw(values(part)) for part in schema.get("prefixItems", ())]
        rest = schema.get("items")
        return first + (draw(st.lists(values(rest), max_size=3)) if isinstance(rest, dict) else [])
    plain: dict[str, st.SearchStrategy[Any]] = {
        "string": WORDS,
        "integer": st.integers(-3, 3),
        "number": st.sampled_from([-1.5, 0, 0.5, 2]),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return draw(plain[kind])


@st.composite
def _mapping(draw: st.DrawFn, schema: JsonSchema) -> JsonValue:
    if "properties" not in schema:
        return draw(
            st.dictionaries(st.sampled_from(NAMES), values(schema.get("additionalProperties") or {}), max_size=2)
        )
    wanted = [n for n in schema["properties"] if n in schema["required"] or draw(st.booleans())]
    return {name: draw(values(schema["properties"][name])) for name in wanted}


PATHS = st.lists(
    st.sampled_from([".a", ".b", ".c", "[0]", "[1]", "['a']", ".?a", ".?b", "[?0]", ".?a.orValue('x')"]), max_size=4
).map(lambda steps: "inputs.x" + "".join(steps))
BODIES = st.sampled_from(
    ["i", "i.a", "i.a == 'x'", "i == 'x'", "i.?b.orValue(1)", "has(i.a)", "size(i) > 0", "i > 1", "i.b"]
)
MACROS = st.sampled_from(["all", "exists", "exists_one", "filter", "map"])
TREES = st.recursive(
    PATHS | st.sampled_from(["1", "2.5", "'x'", "null", "true", "[]", "inputs"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "==", "!=", "<", "&&", "||", "in"]), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} ? {t[1]} : {t[2]})"),
        st.tuples(PATHS, PATHS).map(lambda t: f"({t[0]} != null ? {t[1]} : null)"),
        st.tuples(PATHS, inner).map(lambda t: f"(has({t[0]}.a) ? {t[0]}.a : {t[1]})"),
        st.tuples(PATHS, MACROS, BODIES).map(lambda t: f"{t[0]}.{t[1]}(i, {t[2]})"),
        inner.map(lambda t: f"[{t}]"),
        inner.map(lambda t: f"{{'k': {t}}}"),
        inner.map(lambda t: f"{t}.orValue('x')"),
        inner.map(lambda t: f"string({t})"),
        inner.map(lambda t: f"size({t})"),
        inner.map(lambda t: f"{t}.lowerAscii()"),
        inner.map(lambda t: f"string(timestamp({t}))"),
    ),
    max_leaves=3,
)

# What no type can tell: how long a list is, which keys a mapping has, which text is a time, how large a number gets.
_BY_DATA = re.compile(r"Index error|there is no '|did not run|String to Timestamp|divide by|modulus|overflow|64 bits")


def typed(schema: JsonSchema) -> FixedNames:
    return FixedNames({"inputs": object_of({"x": schema})})


@given(st.data(), SCHEMAS, TREES)
@settings(max_examples=250, deadline=None)
def test_a_sound_expression_gives_what_was_inferred(data: st.DataObject, schema: JsonSchema, text: str) -> None:
    checked = check_expression(text, typed(schema))
    value = data.draw(values(schema))
    try:
        result = evaluate_expression(text, {"inputs": {"x": value}})
    except ExpressionError as fault:
        # A choice between types makes a union, of which (see `_inside`) what one of its forms has is let pass.
        makes_union = any(sign in text for sign in ("orValue", " ? ", "[", "||"))
        is_certain = not checked.findings and not makes_union and "any" not in _inside(schema)
        assert not is_certain or _BY_DATA.search(str(fault)), str(fault)
        return
    if not checked.findings:
        assert Contract(checked.schema).misfits(result) == ()


def _inside(schema: JsonSchema) -> set[str]:
    """`any` if a part of the schema allows anything: the checks let such a part be whatever it is used as."""
    parts = [*schema.get("properties", {}).values(), *(schema.get(key) for key in ("items", "additionalProperties"))]
    parts += [part for key in ("anyOf", "allOf", "prefixItems") for part in schema.get(key, ())]
    found = {"any"} if not schema or schema == {"type": "object"} else set()
    # Of a union, what one of its forms has is let pass: who writes it knows which one it is.
    found |= (
        {"any"}
        if "anyOf" in schema or isinstance(schema.get("type"), list) or None in schema.get("enum", ())
        else set()
    )
    return found.union(*(_inside(part) for part in parts if isinstance(part, dict)))


PROMPTS = st.lists(
    st.sampled_from(
        ["{{ x }}", "{{ x.a }}", "{{ x.b }}", "{{ x[0].a }}", "{% for i in x %}{{ i.a }}{% endfor %}", "{{ x | length }}",
         "{% if x.a is defined %}{{ x.a }}{% endif %}", "{{ x.a | default('-') }}", "{% for i in x %}{{ i }}{% endfor %}",
         "{% set y = x.a %}{{ y }}", "{{ x.a.b }}", "{{ x['c'] }}", "{% if x.a %}{{ x.a.b }}{% else %}{{ x.b }}{% endif %}"]
    ),
    min_size=1, max_size=2,
).map("".join)  # fmt: skip


@given(st.data(), SCHEMAS, PROMPTS)
@settings(max_examples=250, deadline=None)
def test_a_sound_prompt_renders_and_a_fault_is_real(data: st.DataObject, schema: JsonSchema, text: str) -> None:
    result = check_template(text, {"x": schema})
    value = data.draw(values(schema))
    try:
        render_template(text, {"x": value})
    except PromptError as fault:
        known = bool(result.findings) or "any" in _inside(schema)
        # A list may be shorter than a position, and a mapping without a key.
        by_data = "[0]" in str(fault) or "additionalProperties" in str(schema)
        assert known or by_data, str(fault)
