"""Semantic versions: how they compare, which one follows a change, and which ones a range takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

Numbers: TypeAlias = tuple[int, int, int]
Weight: TypeAlias = Literal["major", "minor", "patch"]
"""What a change means to those who rely on what it changes."""

T = TypeVar("T")

FIRST: Final = "1.0.0"
"""The first version of anything that does not name its own."""

_NUMBER = r"(0|[1-9]\d{0,8})"
_VERSION = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
_RANGE = re.compile(rf"([\^~]?){_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?")
_STEPS: dict[Weight, int] = {"major": 0, "minor": 1, "patch": 2}
_LAST: Final = 2


def _semantic(version: str) -> str:
    if not is_version(version):
        raise PydanticCustomError("version", "must be three numbers with dots in between, in quotes, such as '1.2.0'")
    return version


Version = Annotated[str, AfterValidator(_semantic), WithJsonSchema({"type": "string", "pattern": f"^{_VERSION}$"})]
"""A semantic version: `1.2.0`."""


def is_version(text: str) -> bool:
    """Whether the text is a semantic version, as `1.2.0`."""
    return re.fullmatch(_VERSION, text) is not None


def numbers_of(version: str) -> Numbers:
    """The numbers of a semantic version, which compare as versions do."""
    major, minor, patch = (int(part) for part in version.split("."))
    return major, minor, patch


def next_version(version: str, weight: Weight) -> str:
    """The least version after `version` for a change of that weight.

    Below 1.0.0 the first number that is not 0 counts as the major one: `0.2.3` is followed by `0.3.0` when something
    breaks and by `0.2.4` else, so that `^0.2` never takes a break.
    """
    numbers = list(numbers_of(version))
    at = min(_breaking_at(tuple(numbers)) + _STEPS[weight], _LAST)
    return ".".join(str(part) for part in (*numbers[:at], numbers[at] + 1, *[0] * (_LAST - at)))


def is_enough(declared: str, version: str, weight: Weight) -> bool:
    """Whether a change of that weight after `version` may be called `declared`: a higher number always may."""
    return numbers_of(declared) >= numbers_of(next_version(version, weight))


def numbered(declared: str | None, latest: str | None, weight: Weight | None, taken: Container[str] = ()) -> str | None:
    """The version that something has once it is published: after `latest`, for a change of that weight, as `declared`.

    What has not changed (`weight` is `None`) keeps its version. `None` where `declared` is too low for the change, or
    one of those that are `taken`.
    """
    if latest is None:
        return declared or FIRST
    if weight is None:
        return latest
    if declared is None:
        return following(latest, weight, taken)
    return declared if is_enough(declared, latest, weight) and declared not in taken else None


def following(latest: str, weight: Weight, taken: Container[str] = ()) -> str:
    """The least version after `latest` for a change of that weight that is not one of those that are `taken`."""
    version = next_version(latest, weight)
    while version in taken:
        version = next_version(version, "patch")
    return version


@dataclass(frozen=True)
class Range:
    """The versions from `least` on, up to and without `below`."""

    least: Numbers
    below: Numbers

    def takes(self, version: str) -> bool:
        """Whether the version is one of them."""
        return self.least <= numbers_of(version) < self.below


def parse_range(text: str) -> Range | None:
    """`^1.2`, `~1.2.3`, `1`, `1.2`: the range that is meant; `None` for anything else, as for one exact version.

    `^` keeps the first number that is not 0, `~` the first two; a version that is not written out takes all that begin
    with it.
    """
    found = _RANGE.fullmatch(text)
    if found is None or is_version(text):
        return None
    given = tuple(int(part) for part in found.groups()[1:] if part is not None)
    kept = {"^": min(_breaking_at(given), len(given) - 1) + 1, "~": min(len(given), _LAST), "": len(given)}[found[1]]
    least = (*given, 0, 0)[: _LAST + 1]
    below = (*given[: kept - 1], given[kept - 1] + 1, 0, 0)[: _LAST + 1]
    return Range((least[0], least[1], least[2]), (below[0], below[1], below[2]))


def highest(candidates: Iterable[T], asked: Range, version_of: Callable[[T], str]) -> T | None:
    """Of these the one with the highest version that the range takes."""
    fitting = (one for one in candidates if asked.takes(version_of(one)))
    return max(fitting, key=lambda one: numbers_of(version_of(one)), default=None)


def _breaking_at(numbers: tuple[int, ...]) -> int:
    """Which number a break raises: the first that is not 0, or the last."""
    return next((at for at, number in enumerate(numbers) if number), len(numbers) - 1)
