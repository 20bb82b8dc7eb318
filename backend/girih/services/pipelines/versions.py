"""How versions of pipelines count, and which of them a reference means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

from girih.language.spec.tree import JsonObject
from girih.services.pipelines.repository import Pointer

FIRST = "1.0.0"
"""A pipeline's first version, where its document names none."""

_RANGE = re.compile(r"([\^~])(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?")
_SAID = ("title", "description", "version")
_APART = ("embedder", "store")

Numbers: TypeAlias = tuple[int, ...]
Weight: TypeAlias = Literal["major", "minor", "patch"]


def weight_of(before: JsonObject, after: JsonObject) -> Weight:
    """What a change means to the collections of a pipeline.

    `major`: vectors of before cannot be compared with those of after; `minor`: documents are brought in differently;
    `patch`: only what the pipeline says of itself changed.
    """
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    if changed & set(_APART):
        return "major"
    return "minor" if changed - set(_SAID) else "patch"


def numbers_of(version: str) -> Numbers:
    """The numbers of a semantic version, which compare as versions do."""
    return tuple(int(part) for part in version.split("."))


def next_version(version: str, weight: Weight) -> str:
    """The semantic version after `version` for a change of that weight."""
    major, minor, patch = numbers_of(version)
    if weight == "major":
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if weight == "minor" else f"{major}.{minor}.{patch + 1}"


def pick(pointers: Sequence[Pointer], ref: str | None) -> Pointer | None:
    """The version that `ref` means, by number, digest or range; of several, and without `ref`, the highest."""
    found = _RANGE.fullmatch(ref) if ref is not None else None
    if ref is not None and found is None:
        return next((one for one in pointers if ref in (one.version, one.digest)), None)
    fitting = [one for one in pointers if found is None or _fits(numbers_of(one.version), found)]
    return max(fitting, key=lambda one: numbers_of(one.version), default=None)


def _fits(version: Numbers, asked: re.Match[str]) -> bool:
    least = tuple(int(part) for part in asked.groups()[1:] if part is not None)
    fixed = least[:2] if asked[1] == "~" else least[:1]
    return version >= least and version[: len(fixed)] == fixed
