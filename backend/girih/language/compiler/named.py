"""What documents other than graphs name: the pipeline of a collection, the model of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.files import Specs
from girih.language.compiler.resolve import Known, not_found
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.tree import Path
from girih.language.spec.uris import PIPELINE, Uri, parse_uri

_NAMED: dict[str, tuple[Path, str]] = {
    "collection/v1": (("pipeline",), PIPELINE),
    "pipeline/v1": (("enricher", "model"), "model"),
}
"""Kind → where it names something, and what."""


def unresolved(specs: Specs, known: Known) -> Iterator[Diagnostic]:
    """A finding (E401) for every reference of a sound document that means nothing."""
    for other in specs.others:
        path, scheme = _NAMED.get(other.kind, ((), ""))
        tree = specs.trees[other.path]
        written = tree.get(path) if path else None
        if not isinstance(written, str):
            continue
        uri = parse_uri(written, (scheme,))
        if not _is_known(uri, known):
            yield not_found(tree, path, uri, known)


def _is_known(uri: Uri, known: Known) -> bool:
    # Which version a pipeline of this workspace will have, publishing says; it refuses one that does not fit.
    if uri.ref is not None and uri.name not in known.own_pipelines:
        return str(uri).partition("://")[2] in known.pipelines
    return uri.name in known.names(uri.scheme)
