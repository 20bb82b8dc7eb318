"""The node kinds there are: one per file of this folder, and those that other packages add by entry point."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any

from girih.errors import Conflict, InvalidInput
from girih.language.nodes.base import NodeKind

ENTRY_POINTS = "girih.nodes"
"""The entry point group of other packages; each entry names a `NodeKind` class."""


@cache
def kinds() -> Mapping[str, NodeKind[Any]]:
    """Every node kind by its verb, in alphabetical order. Raises `Conflict` if two have the same verb."""
    found: dict[str, NodeKind[Any]] = {}
    for kind in sorted((*own_kinds(), *added_kinds()), key=lambda kind: kind.verb):
        if kind.verb in found:
            ours, theirs = type(found[kind.verb]), type(kind)
            raise Conflict(
                f"two node kinds have the verb '{kind.verb}': {_name(ours)} and {_name(theirs)}",
                help="uninstall one of the two packages",
            )
        found[kind.verb] = kind
    return MappingProxyType(found)


def own_kinds() -> Iterable[NodeKind[Any]]:
    """The kinds of this folder: a module without a `NodeKind` is a part of others."""
    package = __name__.rpartition(".")[0]
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        loaded = importlib.import_module(f"{package}.{module.name}")
        members: list[tuple[str, Any]] = inspect.getmembers(loaded, _is_kind)
        for _, member in members:
            if member.__module__ == loaded.__name__:
                yield member()


def added_kinds() -> Iterable[NodeKind[Any]]:
    """The kinds that installed packages add. Raises `InvalidInput` for an entry that is no kind."""
    for entry in entry_points(group=ENTRY_POINTS):
        member: Any = entry.load()
        if not _is_kind(member):
            raise InvalidInput(
                f"the entry point '{entry.name}' of {ENTRY_POINTS} ({entry.value}) is not a NodeKind class",
                help="uninstall the package; a kind derives from girih.language.nodes.base.NodeKind",
            )
        yield member()


def _is_kind(member: object) -> bool:
    return inspect.isclass(member) and issubclass(member, NodeKind) and not inspect.isabstract(member)


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
