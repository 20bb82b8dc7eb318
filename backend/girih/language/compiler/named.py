"""What documents other than graphs name: the pipeline of a collection, the model of a pipeline, fallbacks of models."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.files import Specs
from girih.language.compiler.resolve import Known, not_found
from girih.language.nodes.fallbacks import circle_from
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.documents import OtherSpec
from girih.language.spec.tree import Path, Tree
from girih.language.spec.uris import PIPELINE, Uri, parse_uri

_NAMED: dict[str, tuple[Path, str]] = {
    "collection/v1": (("pipeline",), PIPELINE),
    "pipeline/v1": (("enricher", "model"), "model"),
}
"""Kind → where it names something, and what."""


def unresolved(specs: Specs, known: Known) -> Iterator[Diagnostic]:
    """A finding (E401) for every reference of a sound document that means nothing."""
    told: set[frozenset[str]] = set()
    for other in specs.others:
        if other.kind == "model/v1":
            yield from _fallbacks(other, specs.trees[other.path], known, told)
        path, scheme = _NAMED.get(other.kind, ((), ""))
        tree = specs.trees[other.path]
        written = tree.get(path) if path else None
        if not isinstance(written, str):
            continue
        uri = parse_uri(written, (scheme,))
        if not _is_known(uri, known):
            yield not_found(tree, path, uri, known)


def _fallbacks(model: OtherSpec, tree: Tree, known: Known, told: set[frozenset[str]]) -> Iterator[Diagnostic]:
    """Faults of what stands in for a model: names nobody has, and circles, each told once, where it begins."""
    names = list(model.document.get("fallbacks") or ())
    for place, name in enumerate(names):
        if name not in known.names("model"):
            yield not_found(tree, ("fallbacks", place), parse_uri(f"model://{name}"), known)
    contracts = known.model_contracts
    circle = circle_from(model.name, lambda name: contracts[name].fallbacks if name in contracts else ())
    if circle is not None and frozenset(circle) not in told:
        told.add(frozenset(circle))
        # What the server has bound is nowhere in the file.
        path: Path = ("fallbacks", names.index(circle[1])) if circle[1] in names else ("name",)
        message = f"models stand in for each other in a circle: {' → '.join(circle)}"
        yield Diagnostic("E401", message, tree.at(path), help="take one of these fallbacks out")


def _is_known(uri: Uri, known: Known) -> bool:
    # Which version a pipeline of this workspace will have, publishing says; it refuses one that does not fit.
    if uri.ref is not None and uri.name not in known.own_pipelines:
        return str(uri).partition("://")[2] in known.pipelines
    return uri.name in known.names(uri.scheme)
