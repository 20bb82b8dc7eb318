"""Passwords that are tried first: common words, runs on the keyboard, repeats, and what is known of somebody."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_COMMON: Final = (
    "password passwort passwd kennwort motdepasse contrasena parola secret geheim welcome willkommen hello hallo "
    "letmein login signin admin administrator root user guest test testing demo sample example default changeme "
    "change temp temporary master super system server database access private security secure iloveyou loveyou "
    "love trustno trust princess sunshine football baseball basketball superman batman starwars pokemon monkey "
    "dragon shadow michael jordan charlie thomas jessica ashley daniel summer winter spring autumn january "
    "february march april june july august september october november december monday tuesday wednesday thursday "
    "friday saturday sunday company internet computer windows google facebook apple samsung freedom whatever "
    "computer qwerty azerty qwertz correcthorsebatterystaple mypassword thepassword girih"
)
_RUNS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "q1w2e3r4t5y6u7i8o9p0",
    "!@#$%^&*()",
)
_SPELLED: Final = str.maketrans("@4831!05$7", "aabeiiosst")
"""Digits and signs that stand for letters."""
_SHORTEST_RUN: Final = 3
_LEAST: Final = 5
"""What has to be left, beside everything that is tried first: each such piece counts for one character."""
_YEAR: Final = r"(?:19|20)\d\d"
_MARK: Final = "\0"
"""Stands where a piece stood: one more character to guess, and no letters are joined that stood apart."""
_REPEATED: Final = re.compile(r"(.{1,8}?)\1{2,}|(.{3,}?)\2+")


def is_guessed(password: str, *known: str) -> bool:
    """Whether little more is in it than what everybody tries first; `known` are names and addresses of the person."""
    pieces = _pieces(known)
    text = _REPEATED.sub(lambda found: (found[1] or found[2]) + _MARK, password.lower())
    # A run may stand within a word, and digits of a run may look like those that stand for letters.
    ways = (_without_runs(pieces.sub(_MARK, text)), pieces.sub(_MARK, _without_runs(text).translate(_SPELLED)))
    return any(len(set(left.replace(_MARK, ""))) + left.count(_MARK) < _LEAST for left in ways)


def _pieces(known: Iterable[str]) -> re.Pattern[str]:
    """Common words, years, and what is known of somebody as a whole and in parts; the longest first."""
    personal = {one.lower() for one in known if one}
    personal |= {part for one in personal for part in re.split(r"[^\w]+", one) if len(part) > _SHORTEST_RUN}
    words = sorted({*_COMMON.split(), *personal}, key=len, reverse=True)
    return re.compile("|".join([*map(re.escape, words), _YEAR]))


def _without_runs(text: str) -> str:
    """The text with a mark for each run along the alphabet, the numbers or the keyboard, in either direction."""
    kept, at = [], 0
    while at < len(text):
        length = _run(text[at:])
        kept.append(_MARK if length else text[at])
        at += length or 1
    return "".join(kept)


def _run(text: str) -> int:
    """How long the run is that the text begins with; 0 where it begins with none."""
    longest = 0
    for run in (*_RUNS, *(run[::-1] for run in _RUNS)):
        length = _SHORTEST_RUN
        while length <= len(text) and text[:length] in run:
            longest, length = max(longest, length), length + 1
    return longest
