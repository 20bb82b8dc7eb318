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
        found = [place_of(compilation, *one) for one in refusal.places]
        refusal.details["diagnostics"] = [
            Diagnostic(REFUSED, refusal.message, place, refusal.help).as_dict() for place in found if place is not None
        ]
        raise


def place_of(compilation: Compilation, kind: str, name: str, path: Path) -> Place | None:
    """Where in the workspace that is written; `None` for what the workspace does not hold."""
    file = compilation.sources.get(name) if kind == _GRAPH else _files(compilation).get((kind, name))
    tree = compilation.trees.get(file) if file is not None else None
    return tree.at(path if tree.get(path) is not None else ("name",)) if tree is not None else None


def _files(compilation: Compilation) -> dict[tuple[str, str], str]:
    return {(spec.kind, spec.name): spec.path for spec in compilation.others}
