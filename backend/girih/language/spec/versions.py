"""The versions of the kinds of spec: which are read, and the steps from one to the next."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

_VERSIONED = re.compile(r"([a-z]+)/v([0-9]{1,4})\Z")


@dataclass(frozen=True)
class Step:
    """How a document of one version becomes one of the next.

    `change` is given the document as nested mappings and lists, which keep their comments, and changes it in place.
    Every scalar is its text as it is written (`"012"`, `"true"`, `""` for nothing): a step moves and renames, it does
    not calculate. `kind` it need not set.
    """

    before: str
    """The kind it begins with, such as `graph/v1`."""
    after: str
    title: str
    """What it does, for the author, in a few words."""
    change: Callable[[Any], None]


STEPS: tuple[Step, ...] = ()
"""Every step there is. `graph/v1` is the first version, so there is none yet."""


def rename(mapping: Any, before: str, after: str) -> None:
    """Give a key of a mapping another name, where it is; its comments stay with it. Nothing if it is not there."""
    if before not in mapping:
        return
    comment = mapping.ca.items.pop(before, None)
    mapping.insert(list(mapping).index(before), after, mapping.pop(before))
    if comment is not None:
        mapping.ca.items[after] = comment


def newest(kind: str, steps: Sequence[Step] = STEPS) -> str:
    """The kind that a document of this kind becomes when all steps are taken."""
    taken = {kind}
    onward: Mapping[str, str] = {step.before: step.after for step in steps}
    while kind in onward and onward[kind] not in taken:
        kind = onward[kind]
        taken.add(kind)
    return kind


def version_fault(kind: str, read: Sequence[str], steps: Sequence[Step] = STEPS) -> tuple[str, str] | None:
    """What to say of a kind in a version that is none of those `read`, and what to do; `None` for anything else."""
    found = _VERSIONED.match(kind)
    known = {name.partition("/")[0]: name for name in read}
    if found is None or kind in read or found.group(1) not in known:
        return None
    current = known[found.group(1)]
    if newest(kind, steps) != kind:
        return (
            f"'{kind}' is of an older version of the language than this girih reads",
            "bring it up to date with `girih migrate`",
        )
    if int(found.group(2)) > int(current.rpartition("v")[2]):
        message = f"'{kind}' is of a later version of the language than this girih reads, which is {current}"
        return message, f"upgrade girih, or write kind: {current}"
    return f"'{kind}' is of a version that is not read any more", f"write kind: {current}"


LANGUAGE = 1
"""The version of the language that `graph/v1` implies, and that is read."""


def known_language(version: int) -> int:
    """The version, if it is read. Raises what a model's validator raises."""
    if version > LANGUAGE:
        message = f"language {version} is later than this girih reads, which is {LANGUAGE}: upgrade girih"
        raise PydanticCustomError("language", "{message}", {"message": message})
    if version < LANGUAGE:
        raise PydanticCustomError(
            "language", "{message}", {"message": f"the first version of the language is {LANGUAGE}"}
        )
    return version
