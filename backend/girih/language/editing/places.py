"""What the places of a node ask for besides a value: the name of a node, a name of `use:`, a file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from girih.language.compiler.schema import example_of
from girih.language.nodes.base import Scope
from girih.language.nodes.registry import kinds
from girih.language.spec.tree import Path

_NOWHERE = Scope({}, {}, {}, {}, {}, lambda _: {})
_ENDS = frozenset({"next", "to", "else", "on_timeout", "on_fail"})
_SCHEMES: Mapping[str, str] = {"tools": "tool", "handoffs": "graph", "model": "model"}
_FILES = frozenset({"file", "cases"})


@cache
def _examples() -> tuple[Mapping[tuple[str, str], str], frozenset[tuple[str, str]]]:
    """What each verb's own example says: which of its keys name something in `use:`, and which name nodes."""
    uses: dict[tuple[str, str], str] = {}
    targets: set[tuple[str, str]] = set()
    for verb, kind in kinds().items():
        try:
            config: Any = kind.Config.model_validate(example_of(kind))
        except ValidationError:
            continue  # of a kind from elsewhere; its keys are completed without it
        uses |= {(verb, key_of(use.path)): use.scheme for use in kind.uses(config)}
        targets |= {(verb, key_of(exit_.path)) for exit_ in kind.exits(config)}
        targets |= {(verb, key_of(branch.path)) for branch in kind.branches(config, _NOWHERE)}
    return uses, frozenset(targets)


def key_of(path: Path) -> str:
    """The last key of a path: what a list's items stand under."""
    return next((step for step in reversed(path) if isinstance(step, str)), "")


def scheme_at(verb: str | None, path: Path) -> str | None:
    """What kind of thing of `use:` is named at a path below a node."""
    key = key_of(path)
    if key == "use" and len(path) > 1:
        return _SCHEMES.get(key_of(path[:-1]))
    return _examples()[0].get((verb or "", key)) or (_SCHEMES.get(key) if key != "model" or len(path) > 1 else None)


def is_target(verb: str | None, path: Path) -> bool:
    """Whether a node is named at a path below a node."""
    key = key_of(path)
    return key in _ENDS or (verb or "", key) in _examples()[1]


def may_end(path: Path) -> bool:
    """Whether `$end` and `$fail` may stand there, too."""
    return key_of(path) in _ENDS


def is_file(path: Path) -> bool:
    """Whether a file of the workspace is named there."""
    return key_of(path) in _FILES
