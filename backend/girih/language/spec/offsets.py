"""Where each character of a text value stands in the file, for every way YAML and JSON can write a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

Style = Literal["plain", "single", "double", "block", "json"]
"""How a text is written: without quotes, in one of the quotes, as a block (`|`, `>`), or in JSON."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
_SURROGATE_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")

_LONGEST = 50_000
"""Texts that are longer have no places inside of them; prompts belong into files of their own."""

_Char = tuple[str, int]


@lru_cache(maxsize=2)
def character_indexes(text: str, span: tuple[int, int], style: Style, value: str) -> list[int] | None:
    """The index in `text` of each character of `value`, which is written at `span` in `style`; `None` if unknown.

    A line break that was folded into a space counts as the place of that space. The answer is checked against
    `value`: rather none than a wrong one.
    """
    start, end = span
    if end - start > _LONGEST:
        return None
    if style in ("plain", "block"):
        return _aligned(text, span, style, value)
    chars = list(_quoted(text, start + 1, end - 1, style))
    return [index for _, index in chars] if "".join(c for c, _ in chars) == value else None


def _aligned(text: str, span: tuple[int, int], style: Style, value: str) -> list[int] | None:
    """Lines stand in the value as they are; between them it has only blanks and line ends."""
    start, end = span
    if style == "block":
        header = _LINE.match(text, start)
        start = header.end() if header else start
    indexes: list[int] = []
    break_at = start
    for line_start, line in _content_lines(text, start, end, keep_indent=style == "block"):
        gap = _gap(value, len(indexes), line)
        if gap is None:
            return None
        indexes += [break_at] * gap[0]
        break_at = line_start + len(line)
        indexes += range(line_start + gap[1], break_at)
    indexes += [break_at] * len(value[len(indexes) :]) if not value[len(indexes) :].strip("\n") else []
    return indexes if len(indexes) == len(value) else None


def _content_lines(text: str, start: int, end: int, *, keep_indent: bool) -> Iterator[tuple[int, str]]:
    while start < end:
        found = _LINE.match(text, start, end)
        if found is None or not found.group():
            return
        raw = found.group().rstrip("\r\n")
        line = raw if keep_indent else raw.strip(" \t")
        if line.strip(" \t"):
            yield start + (len(raw) - len(raw.lstrip(" \t")) if not keep_indent else 0), line
        start = found.end()


def _gap(value: str, at: int, line: str) -> tuple[int, int] | None:
    """How many blanks the value has before the line, and how much of the line's indentation the value has not."""
    content = line.lstrip(" ")
    found = at
    while found < len(value) and not value.startswith(content, found):
        if value[found] not in " \n\t":
            return None
        found += 1
    if found >= len(value):
        return None
    blanks = found
    while blanks > at and value[blanks - 1] == " " and found - blanks < len(line) - len(content):
        if value[at:blanks] == " ":
            break  # the only blank is the folded line end itself
        blanks -= 1
    return blanks - at, len(line) - len(content) - (found - blanks)


def _quoted(text: str, at: int, end: int, style: Style) -> Iterator[_Char]:
    while at < end:
        char = text[at]
        if char == "\\" and style != "single":
            decoded, width = _escape(text, at, end, style)
            yield from ((c, at) for c in decoded)
            at += width
        elif char == "'" and style == "single":
            yield "'", at
            at += 2
        elif style != "json" and (fold := _FOLD.match(text, at, end)):
            breaks = len(re.findall(r"\r\n|\r|\n", fold.group()))
            yield from ([(" ", at)] if breaks == 1 else [("\n", at)] * (breaks - 1))
            at = fold.end()
        else:
            yield char, at
            at += 1


_FOLD = re.compile(r"[ \t]*(?:(?:\r\n|\r|\n)[ \t]*)+")
_JOINED = re.compile(r"\\(?:\r\n|\r|\n)[ \t]*((?:(?:\r\n|\r|\n)[ \t]*)*)")


def _escape(text: str, at: int, end: int, style: Style) -> tuple[str, int]:
    """The characters an escape stands for, and its width."""
    if joined := _JOINED.match(text, at, end):
        return "\n" * len(re.findall(r"\r\n|\r|\n", joined.group(1))), joined.end() - at
    if style == "json" and (pair := _SURROGATE_PAIR.match(text, at, end)):
        high, low = int(pair.group()[2:6], 16), int(pair.group()[8:12], 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), 12
    letter = text[at + 1 : at + 2]
    if letter in _HEX_DIGITS:
        digits = text[at + 2 : at + 2 + _HEX_DIGITS[letter]]
        return chr(int(digits, 16)), 2 + len(digits)
    return _ESCAPES.get(letter, ""), 2
