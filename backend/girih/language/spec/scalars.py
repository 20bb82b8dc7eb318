"""What an unquoted YAML scalar means: the core schema of YAML 1.2, and what YAML 1.1 would have made of it."""

from __future__ import annotations

import math
import re

from girih.language.spec.tree import JsonValue

MAX_INTEGER = 2**63 - 1

_WORDS: dict[str, JsonValue] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")

_OLD_TRUE = frozenset({"yes", "Yes", "YES", "on", "On", "ON"})
_OLD_FALSE = frozenset({"no", "No", "NO", "off", "Off", "OFF"})
_OLD_OCTAL = re.compile(r"[-+]?0[0-7]+\Z")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+\Z")
_OLD_BASE_60 = re.compile(r"[-+]?[1-9][0-9]*(:[0-5]?[0-9])+\Z")
_OLD_UNDERSCORES = re.compile(r"[-+]?[1-9][0-9]*(_[0-9]+)+\Z")
_LONGEST_NUMBER = 64


class NotJsonError(ValueError):
    """A number that JSON, and so girih, cannot hold."""


def resolve_plain(text: str) -> JsonValue:
    """The value of an unquoted scalar: null, boolean, number, else the text itself. Raises `NotJsonError`."""
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.match(text):
        raise NotJsonError(f"'{text}' is not a number that JSON can hold")
    if text[0] not in "+-.0123456789":
        return text
    for pattern, base in ((_INTEGER, 10), (_OCTAL, 8), (_HEX, 16)):
        if pattern.match(text):
            return checked_integer(text, base)
    return checked_float(text) if _FLOAT.match(text) else text


def checked_integer(text: str, base: int = 10) -> int:
    """The integer, if 64 bits hold it. Raises `NotJsonError`."""
    if len(text) <= _LONGEST_NUMBER:
        value = int(text, 0 if base in (8, 16) else 10)
        if -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
            return value
    raise NotJsonError(f"the number {text[:24]} does not fit into 64 bits")


def checked_float(text: str) -> float:
    """The number, if it is finite. Raises `NotJsonError`."""
    value = float(text)
    if math.isfinite(value):
        return value
    raise NotJsonError(f"the number {text[:24]} is too large")


def trap(text: str) -> str | None:
    """A sentence on what YAML 1.1 tools make of an unquoted scalar that we read otherwise; `None` if they agree."""
    if text in _OLD_TRUE or text in _OLD_FALSE:
        return f"'{text}' is read as text \"{text}\"; YAML 1.1 tools read it as {str(text in _OLD_TRUE).lower()}"
    if _LEADING_ZERO.match(text) and len(text) <= _LONGEST_NUMBER:
        old = f"the number {int(text, 8)}" if _OLD_OCTAL.match(text) else "text"
        return f"'{text}' is read as the number {int(text)}; YAML 1.1 tools read it as {old}"
    if _OLD_BASE_60.match(text) or _OLD_UNDERSCORES.match(text):
        return f"'{text}' is read as text \"{text}\"; YAML 1.1 tools read it as a number"
    return None
