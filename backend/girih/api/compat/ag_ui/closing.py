"""The end of JSON that broke off: what makes a whole of the arguments of a call that nobody writes on."""

from __future__ import annotations

import json
from itertools import product

_MIDST = (
    "",
    "null",
    ":null",
    '"":null',
    '"',
    '":null',
    "0",
    *("rue", "ue", "e", "alse", "lse", "se", "ull", "ll", "l"),
)
_ESCAPES = ("0", "00", "000", "0000", "\\")
_ENDS = (*_MIDST, *("".join(pair) for pair in product(_ESCAPES, ('"', '":null'))))


def closing(text: str) -> str:
    """What has to follow the beginning of a JSON object; nothing where the text is no such beginning."""
    brackets = _open(text)
    for end in _ENDS if text else ("{}",):
        try:
            json.loads(text + end + brackets)
        except (ValueError, RecursionError):
            continue
        return end + brackets
    return ""


def _open(text: str) -> str:
    """The brackets that close what is open, the innermost first."""
    found: list[str] = []
    in_string = escaped = False
    for sign in text:
        if in_string:
            in_string, escaped = escaped or sign != '"', not escaped and sign == "\\"
        elif sign == '"':
            in_string = True
        elif sign in "{[":
            found.append("}" if sign == "{" else "]")
        elif sign in "}]" and found:
            found.pop()
    return "".join(reversed(found))
