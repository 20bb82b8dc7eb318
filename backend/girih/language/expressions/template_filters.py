"""The filters and tests of prompt files: which there are, and what type a filter gives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from minijinja import Environment

from girih.language.expressions import fields
from girih.language.expressions.kinds import ANY, BOOLEAN, NUMBER, TEXT, WHOLE, is_kind, items, kinds, union, words
from girih.language.expressions.names import Finding
from girih.language.expressions.template_members import is_beyond
from girih.language.expressions.template_tree import Constant, Expr, Filtered, Tested, spoken
from girih.language.spec.suggest import did_you_mean, one_of
from girih.language.spec.tree import JsonSchema

_GIVES: dict[str, JsonSchema] = {
    **dict.fromkeys(
        (
            "upper", "lower", "title", "capitalize", "trim", "replace", "string", "join", "tojson", "indent", "escape",
            "e", "urlencode", "striptags", "truncate", "wordwrap", "pprint", "pluralize", "filesizeformat",
        ),
        TEXT,
    ),
    "length": WHOLE,
    "count": WHOLE,
    "int": WHOLE,
    "float": NUMBER,
    "bool": BOOLEAN,
    "split": {"type": "array", "items": TEXT},
    "lines": {"type": "array", "items": TEXT},
    "items": {"type": "array"},
    "dictsort": {"type": "array"},
    "groupby": {"type": "array"},
    "map": {"type": "array"},
    "zip": {"type": "array"},
}  # fmt: skip
_SAME = frozenset({"reverse", "sort", "unique", "list", "select", "reject", "selectattr", "rejectattr"})
_ONE = frozenset({"first", "last", "min", "max"})
_OF_MEMBERS = frozenset({"map", "sort", "unique", "groupby", "selectattr", "rejectattr"})
"""Filters that may ask each item for a member: by `attribute=`, or by their first argument."""

_BY_POSITION = frozenset({"groupby", "selectattr", "rejectattr"})
_NAMING = {"map": 0, "select": 0, "reject": 0, "selectattr": 1, "rejectattr": 1}
"""Filters that name another filter, or a test, in the text of their argument at this position."""

DEFAULTS = frozenset({"default", "d"})
"""Filters that take what has no value."""


def given(name: str, operand: JsonSchema, arguments: list[JsonSchema]) -> JsonSchema:
    """The type of what a filter gives; `any` where it is not certain."""
    if name in _GIVES:
        return _GIVES[name]
    if name in DEFAULTS:
        return union([operand, arguments[0] if arguments else TEXT])
    if not is_kind(operand, "array"):
        return {"type": "array"} if name == "list" and kinds(operand) is not None else ANY
    if name in _SAME:
        return operand
    if name in _ONE:
        return items(operand)
    if name in ("batch", "slice"):
        return {"type": "array", "items": operand}
    return ANY


@lru_cache(maxsize=1)
def known_filters() -> tuple[str, ...]:
    """The names of the filters a prompt may use."""
    # `format` is taken out of the engine: a width inside of a format text allocates without costing fuel.
    return tuple(name for name in _listed("filters") if name != "format")


@lru_cache(maxsize=1)
def known_tests() -> tuple[str, ...]:
    """The names of the tests a prompt may use."""
    return tuple(name for name in _listed("tests") if name[0].isalpha())


def _listed(section: str) -> tuple[str, ...]:
    """Names that the engine tells only in the text it keeps for debugging."""
    listing = Environment(pycompat=False).render_str("{{ debug() }}", "prompt")
    return tuple(re.findall(r'"([^"]+)"', listing.partition(f"{section}: [")[2].partition("]")[0]))


def filter_faults(expr: Filtered, operand: JsonSchema) -> Iterator[Finding]:
    """What is wrong with a filter on an operand of this type."""
    if expr.name not in known_filters():
        yield _unknown("filter", expr.name, expr.name_at, known_filters())
    found = kinds(operand)
    if expr.name in ("length", "count") and found is not None and found <= {"integer", "number", "boolean"}:
        name = fields.named(spoken(expr.operand) if expr.operand else None)
        yield Finding("E302", f"{name} is {words(found)} and has no length", expr.name_at, len(expr.name))
    named = _NAMING.get(expr.name, len(expr.arguments))
    if named < len(expr.arguments) and (text := _text(expr.arguments[named])) is not None and text.isidentifier():
        noun, known = ("filter", known_filters()) if expr.name == "map" else ("test", known_tests())
        if text not in known:
            yield _unknown(noun, text, expr.arguments[named].at + 1, known)
    if expr.name in _OF_MEMBERS and is_kind(operand, "array"):
        yield from _members(expr, items(operand))


def test_faults(expr: Tested) -> Iterator[Finding]:
    """What is wrong with a test."""
    if expr.name not in known_tests():
        yield _unknown("test", expr.name, expr.name_at, known_tests())


def _members(expr: Filtered, item: JsonSchema) -> Iterator[Finding]:
    """`docs | map(attribute='text')` asks every item for the member."""
    keywords = dict(expr.keywords)
    by_position = expr.arguments[0] if expr.arguments and expr.name in _BY_POSITION else None
    asked = keywords.get("attribute", by_position)
    name = _text(asked) if asked is not None else None
    is_lax = "default" in keywords or any(_text(part) in ("defined", "undefined") for part in expr.arguments[1:])
    if asked is None or name is None or not name.isidentifier() or is_lax or is_beyond(item, name):
        return
    owner = spoken(expr.operand) if expr.operand else None
    found: list[Finding] = []
    fields.look_up_of(item, f"{owner}[0]" if owner else None, name, (asked.at + 1, len(name)), found, "")
    yield from found


def _text(expr: Expr) -> str | None:
    return expr.value if isinstance(expr, Constant) and isinstance(expr.value, str) else None


def _unknown(noun: str, name: str, at: int, known: tuple[str, ...]) -> Finding:
    near = did_you_mean(name, known)
    way_out = f"did you mean '{near}'?" if near else f"{noun}s: {one_of(known)}"
    return Finding("E205", f"there is no {noun} '{name}'", at, len(name), way_out)
