"""Findings that say "did you mean …?" also show where that is defined: often it is there that the typo is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from girih.language.spec.diagnostics import Diagnostic, Place, Related
from girih.language.spec.tree import Path, Tree

_MEANT = re.compile(r"did you mean '([^']+)'")
_OWNER = re.compile(r"'(\w+)' has no field")
_SECTIONS = ("nodes", "use", "inputs", "outputs", "parameters", "state")
_CODES = frozenset({"E002", "E101", "E201", "E401"})


def with_definitions(found: Iterable[Diagnostic], trees: Mapping[str, Tree]) -> list[Diagnostic]:
    """The findings, each with a second place where it suggests a name that the workspace defines."""
    documents = {str(tree.get(("name",))): tree for tree in trees.values()}
    fields = {name: _fields(tree) for name, tree in trees.items()}
    return [_pointing(d, trees, documents, fields) for d in found]


def _pointing(
    diagnostic: Diagnostic,
    trees: Mapping[str, Tree],
    documents: Mapping[str, Tree],
    fields: Mapping[str, Mapping[tuple[str, str], Path]],
) -> Diagnostic:
    tree = trees.get(diagnostic.place.file)
    meant = _MEANT.search(diagnostic.help or "")
    if diagnostic.code not in _CODES or tree is None or meant is None or diagnostic.related:
        return diagnostic
    owner = _OWNER.match(diagnostic.message)
    if owner:
        path = fields[diagnostic.place.file].get((owner[1], meant[1]))
        place = tree.key_at(path) if path else None
    else:
        place = next(_definitions(meant[1], tree, documents, is_document="not found" in diagnostic.message), None)
    if place is None or place == diagnostic.place:
        return diagnostic
    return replace(diagnostic, related=(Related(place, f"'{meant[1]}' is defined here"),))


def _definitions(name: str, tree: Tree, documents: Mapping[str, Tree], *, is_document: bool) -> Iterator[Place]:
    if is_document:
        if name in documents:
            yield documents[name].at(("name",))
        return
    for section in _SECTIONS:
        if (section, name) in tree.spots:
            yield tree.key_at((section, name))


def _fields(tree: Tree) -> dict[tuple[str, str], Path]:
    """Node and key → the first place in the node at which the key is written."""
    result: dict[tuple[str, str], Path] = {}
    for path in tree.spots:
        if len(path) > 3 and path[0] == "nodes" and isinstance(path[-1], str):
            result.setdefault((str(path[1]), path[-1]), path)
    return result
