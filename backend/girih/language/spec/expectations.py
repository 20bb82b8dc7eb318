"""What a model expected, in words that follow "must be"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from girih.language.spec.names import NAME_HELP, SLUG_HELP

_PLAIN = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "none_required": "nothing",
}


def _count(ctx: dict[str, Any], bound: str, words: str) -> str:
    number = ctx[bound]
    what = "a mapping" if ctx.get("field_type") == "Dictionary" else "a list"
    unit = "entry" if number == 1 else "entries"
    return f"{what} of {words} {number} {unit}"


_BOUNDED: dict[str, Callable[[dict[str, Any]], str]] = {
    "greater_than": lambda ctx: f"greater than {ctx['gt']:g}",
    "greater_than_equal": lambda ctx: f"at least {ctx['ge']:g}",
    "less_than": lambda ctx: f"less than {ctx['lt']:g}",
    "less_than_equal": lambda ctx: f"at most {ctx['le']:g}",
    "string_too_short": lambda ctx: f"text of at least {ctx['min_length']} characters",
    "string_too_long": lambda ctx: f"text of at most {ctx['max_length']} characters",
    "string_pattern_mismatch": lambda ctx: "a published name" if _is_slug(ctx) else "a name",
    "too_short": lambda ctx: _count(ctx, "min_length", "at least"),
    "too_long": lambda ctx: _count(ctx, "max_length", "at most"),
    "literal_error": lambda ctx: str(ctx["expected"]),
}


def expectation(detail: Any) -> str | None:
    """The words for one of pydantic's errors; `None` when its own message says it best."""
    kind = detail["type"]
    bounded = _BOUNDED.get(kind)
    return bounded(detail["ctx"]) if bounded else _PLAIN.get(kind)


def name_help(detail: Any) -> str | None:
    """How a name must look, where an error is about one."""
    if detail["type"] == "string_too_long":
        return "a name has at most 64 characters"
    if detail["type"] != "string_pattern_mismatch":
        return None
    if _is_event(detail["ctx"]):
        return "the type of an event is lower-case words joined by dots, like order.refunded"
    return SLUG_HELP if _is_slug(detail["ctx"]) else NAME_HELP


def _is_event(ctx: dict[str, Any]) -> bool:
    return r"(\." in str(ctx.get("pattern", ""))


def _is_slug(ctx: dict[str, Any]) -> bool:
    return "[-.]" in str(ctx.get("pattern", ""))
