"""Where a document names others: every reference in it, of whatever key, with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from girih.language.spec.tree import JsonValue, Path, Tree
from girih.language.spec.uris import PIPELINE, SCHEMES, UriError, parse_uri

KIND_OF = {
    "model": "model/v1",
    "tool": "tool/v1",
    "knowledge": "collection/v1",
    "graph": "graph/v1",
    PIPELINE: "pipeline/v1",
}
"""Scheme → the kind of document it leads to."""


@dataclass(frozen=True)
class Referring:
    """A reference as it is written: to which document, and where in this one."""

    kind: str
    name: str
    path: Path


def references_in(tree: Tree) -> Iterator[Referring]:
    """Every text of the document that is a reference, and the names of the models that stand in for a model."""
    yield from _texts(tree.value, ())
    if isinstance(tree.value, dict) and tree.value.get("kind") == KIND_OF["model"]:
        fallbacks = tree.value.get("fallbacks")
        for place, name in enumerate(fallbacks if isinstance(fallbacks, list) else ()):
            yield Referring(KIND_OF["model"], str(name), ("fallbacks", place))


def _texts(value: JsonValue, path: Path) -> Iterator[Referring]:
    if isinstance(value, str) and "://" in value:
        try:
            uri = parse_uri(value, (*SCHEMES, PIPELINE))
        except UriError:
            return
        yield Referring(KIND_OF[uri.scheme], uri.name, path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _texts(inner, (*path, place))
