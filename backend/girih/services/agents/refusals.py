"""Refusals of specs that have no fault of their own: said at the file and line that they come from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from girih.errors import SpecRefused
from girih.language.compiler.pipeline import Compilation
from girih.language.spec.diagnostics import Diagnostic, Place
from girih.language.spec.tree import Path

REFUSED = "refused"
"""The code of findings that only the server can make."""

_GRAPH = "graph/v1"


@contextmanager
def placed(compilation: Compilation) -> Iterator[None]:
    """Within, a `SpecRefused` gets `diagnostics`: its sentence at each place of the workspace that it comes from."""
    try:
        yield
    except SpecRefused as refusal:
        found = [place for one in refusal.places if (place := place_of(compilation, *one)) is not None]
        if not found:
            found = [place for kind, name, _ in refusal.places[:1] if (place := place_of(compilation, kind, name))]
        refusal.details["diagnostics"] = [
            Diagnostic(REFUSED, refusal.message, place, refusal.help).as_dict() for place in found
        ]
        raise


def place_of(compilation: Compilation, kind: str, name: str, path: Path = ("name",)) -> Place | None:
    """Where in the workspace that is written; `None` for what the workspace does not hold."""
    files = {(spec.kind, spec.name): spec.path for spec in compilation.others}
    file = compilation.sources.get(name) if kind == _GRAPH else files.get((kind, name))
    tree = compilation.trees.get(file) if file is not None else None
    return tree.at(path) if tree is not None and tree.get(path) is not None else None
