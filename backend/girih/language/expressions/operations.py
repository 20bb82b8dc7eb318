"""What the operators may be applied to, and the sentence for what they may not."""

from __future__ import annotations

from typing import NamedTuple

from girih.language.expressions.functions import OPERATORS
from girih.language.expressions.kinds import (
    ANY,
    BOOLEAN,
    NUMBER,
    NUMERIC,
    TEXT,
    WHOLE,
    choices,
    is_kind,
    items,
    kinds,
    union,
    words,
)
from girih.language.expressions.syntax_tree import Call, Expr, ListOf, Literal, spoken
from girih.language.spec.suggest import did_you_mean, one_of
from girih.language.spec.tree import JsonSchema, JsonValue
from girih.language.spec.words import found as found_words


class Outcome(NamedTuple):
    """What is wrong, if anything, the way out, and the type; no type for an operation that costs too much.

    `where` is the operand that is at fault, when it is not the operator itself.
    """

    message: str | None
    help: str | None
    schema: JsonSchema | None
    where: Expr | None = None


def operate(expr: Call, types: list[JsonSchema], *, in_macro: bool) -> Outcome:
    """The outcome of an operator on operands of these types."""
    function = expr.function
    if function in ("_==_", "_!=_"):
        return _equality(expr, types)
    if function in ("_<_", "_<=_", "_>_", "_>=_"):
        return _comparison(expr, types)
    if function == "@in":
        return _membership(expr, types)
    if function == "_+_":
        return _sum(expr, types, in_macro=in_macro)
    return _arithmetic(expr, types)


def described(expr: Expr, schema: JsonSchema) -> str:
    """An operand in words: `text (classify.intent)`, `the number 3`."""
    if isinstance(expr, Literal):
        return found_words(expr.value)
    name = spoken(expr)
    return f"{words(kinds(schema))} ({name})" if name else words(kinds(schema))


def _sides(expr: Call, types: list[JsonSchema]) -> tuple[str, str]:
    return described(expr.arguments[0], types[0]), described(expr.arguments[1], types[1])


def _overlap(left: frozenset[str], right: frozenset[str]) -> bool:
    return bool(left & right) or bool(left & NUMERIC and right & NUMERIC)


def _equality(expr: Call, types: list[JsonSchema]) -> Outcome:
    left, right = kinds(types[0]), kinds(types[1])
    sign = OPERATORS[expr.function]
    if left is None or right is None:
        return Outcome(None, None, BOOLEAN)
    if not _overlap(left, right):
        first, second = _sides(expr, types)
        if "null" in (*left, *right):
            return Outcome(f"{first if 'null' in right else second} is never null", None, BOOLEAN)
        return Outcome(f"'{sign}' compares {first} with {second}, which are never equal", None, BOOLEAN)
    return _choice(expr.arguments, types) or Outcome(None, None, BOOLEAN)


def _choice(arguments: tuple[Expr, ...], types: list[JsonSchema]) -> Outcome | None:
    """A text or a number compared with a closed list of values must be one of them."""
    for literal, other, schema in ((arguments[1], arguments[0], types[0]), (arguments[0], arguments[1], types[1])):
        allowed = choices(schema) if not isinstance(other, Literal) else None
        if isinstance(literal, Literal) and _is_plain(literal.value) and allowed and literal.value not in allowed:
            return _never(f"{_subject(other)} is never {_quoted(literal.value)}", literal, allowed)
    return None


def _subject(expr: Expr) -> str:
    name = spoken(expr)
    return f"'{name}'" if name else "this"


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _quoted(value: JsonValue) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def _never(message: str, literal: Literal, allowed: list[JsonValue]) -> Outcome:
    texts = [value for value in allowed if isinstance(value, str)]
    near = did_you_mean(literal.value, texts) if isinstance(literal.value, str) else None
    guess = f"did you mean '{near}'? " if near else ""
    listed = one_of("null" if value is None else str(value) for value in allowed)
    return Outcome(message, f"{guess}it is one of: {listed}", BOOLEAN, literal)


def _comparison(expr: Call, types: list[JsonSchema]) -> Outcome:
    left, right = kinds(types[0]), kinds(types[1])
    both = [kind for kind in (left, right) if kind is not None]
    if any(all(kind <= alike for kind in both) for alike in _ORDERED):
        return Outcome(None, None, BOOLEAN)
    first, second = _sides(expr, types)
    return Outcome(f"'{OPERATORS[expr.function]}' cannot compare {first} with {second}", None, BOOLEAN)


_ORDERED = (NUMERIC, frozenset({"string"}), frozenset({"timestamp"}), frozenset({"duration"}))


def _membership(expr: Call, types: list[JsonSchema]) -> Outcome:
    item, group = types
    found = kinds(group)
    if found is not None and not found <= {"array", "object"}:
        help_ = f"use {spoken(expr.arguments[1]) or '…'}.contains(…)" if found == {"string"} else None
        return Outcome(f"'in' looks into a list, not into {described(expr.arguments[1], group)}", help_, BOOLEAN)
    inside, wanted = kinds(items(group)), kinds(item)
    if found is not None and inside is not None and wanted is not None and not _overlap(inside, wanted):
        where = f"in a list of {words(inside)}" if is_kind(group, "array") else "among the keys of a mapping"
        return Outcome(f"{described(expr.arguments[0], item)} is never {where}", None, BOOLEAN)
    return _member_choice(expr, item, group) or Outcome(None, None, BOOLEAN)


def _member_choice(expr: Call, item: JsonSchema, group: JsonSchema) -> Outcome | None:
    """A text looked for in a list of closed choices, or a closed choice looked for in a written list."""
    literal, wanted = expr.arguments
    if isinstance(wanted, ListOf):
        return next((wrong for part in wanted.items if (wrong := _choice((literal, part), [item, ANY]))), None)
    allowed = choices(items(group)) if is_kind(group, "array") else None
    if isinstance(literal, Literal) and _is_plain(literal.value) and allowed and literal.value not in allowed:
        name = spoken(wanted)
        where = f"in '{name}'" if name else "in this list"
        return _never(f"{_quoted(literal.value)} is never {where}", literal, allowed)
    return None


def _sum(expr: Call, types: list[JsonSchema], *, in_macro: bool) -> Outcome:
    found = [kind for kind in map(kinds, types) if kind is not None]
    if all(kind <= NUMERIC for kind in found):
        return _arithmetic(expr, types)
    if any(kind <= TIMES for kind in found):
        return _of_times(expr, types)
    if not all(kind == {"string"} for kind in found) and not all(kind == {"array"} for kind in found):
        first, second = _sides(expr, types)
        has_text = any(kind == {"string"} for kind in found)
        help_ = "turn a number into text with string(…), or write text and ${ … } side by side" if has_text else None
        return Outcome(f"'+' cannot add {first} and {second}", help_, ANY)
    if in_macro:
        return Outcome("'+' may not join texts or lists inside a macro", "join them outside, or in a prompt file", None)
    if len(found) < len(types):
        return Outcome(None, None, ANY)
    return Outcome(
        None, None, TEXT if "string" in found[0] else {"type": "array", "items": union([items(t) for t in types])}
    )


def _of_times(expr: Call, types: list[JsonSchema]) -> Outcome:
    """Times and durations: what is added to what, and what comes of it."""
    left, right = (next(iter(kinds(schema) or {""})) for schema in types)
    if "" in (left, right):
        return Outcome(None, None, ANY)
    gives = _TIMES.get((OPERATORS[expr.function], left, right))
    if gives is not None:
        return Outcome(None, None, {"type": gives})
    first, second = _sides(expr, types)
    return Outcome(f"'{OPERATORS[expr.function]}' does not work on {first} and {second}", None, ANY)


TIMES = frozenset({"timestamp", "duration"})
_TIMES = {
    ("+", "timestamp", "duration"): "timestamp",
    ("+", "duration", "timestamp"): "timestamp",
    ("+", "duration", "duration"): "duration",
    ("-", "timestamp", "timestamp"): "duration",
    ("-", "timestamp", "duration"): "timestamp",
    ("-", "duration", "duration"): "duration",
}


def _arithmetic(expr: Call, types: list[JsonSchema]) -> Outcome:
    sign = OPERATORS[expr.function]
    if len(types) > 1 and any((kinds(schema) or {""}) <= TIMES for schema in types):
        return _of_times(expr, types)
    allowed = frozenset({"integer"}) if sign == "%" else NUMERIC
    for argument, schema in zip(expr.arguments, types, strict=True):
        found = kinds(schema)
        if found is not None and not found <= allowed:
            wanted = "whole numbers" if sign == "%" else "numbers"
            return Outcome(f"'{sign}' works on {wanted}, not on {described(argument, schema)}", None, ANY)
    if any(kinds(schema) is None for schema in types):
        return Outcome(None, None, ANY)
    return Outcome(None, None, WHOLE if all(is_kind(schema, "integer") for schema in types) else NUMBER)
