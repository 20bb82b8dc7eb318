"""`use:` → what each name means: looked up in the workspace and in the catalog, and held for the lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from girih.language.compiler.files import GraphFile, Specs
from girih.language.compiler.own_versions import Own
from girih.language.compiler.plan import LockEntry
from girih.language.compiler.workspace import Catalog, OtherSpec
from girih.language.nodes.base import GraphContract, ModelContract, Scheme, ToolContract
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.suggest import did_you_mean, one_of
from girih.language.spec.tools import tool_schemas
from girih.language.spec.tree import JsonSchema, Path, Tree
from girih.language.spec.types import object_schema
from girih.language.spec.uris import PIPELINE, Uri, UriError, parse_uri

_KIND_OF = {
    "model": "model/v1",
    "knowledge": "collection/v1",
    "tool": "tool/v1",
    "graph": "graph/v1",
    "pipeline": "pipeline/v1",
}
_SCHEMES: dict[str, Scheme] = {"model": "model", "knowledge": "knowledge", "tool": "tool", "graph": "graph"}
_MANY = 12
NOUNS = {"model": "model", "knowledge": "collection", "tool": "tool", "graph": "graph", "pipeline": "pipeline"}
"""Scheme → what an author calls such a thing."""


@dataclass
class Known:
    """All that specs may name: the workspace's own specs, before what the catalog holds."""

    models: set[str]
    knowledge: set[str]
    tools: dict[str, ToolContract]
    graphs: dict[str, GraphContract]
    unfinished: set[tuple[str, str]] = field(default_factory=set)
    """Scheme and name of specs that have faults of their own: they exist, but nothing can be said of them."""
    digests: dict[tuple[str, str], str] = field(default_factory=dict)
    own_graphs: set[str] = field(default_factory=set)
    own_versions: dict[str, Own] = field(default_factory=dict)
    """What each graph of the workspace that has been compiled is going to be, where a server says what is published."""
    model_contracts: dict[str, ModelContract] = field(default_factory=dict)
    pipelines: set[str] = field(default_factory=set)
    """Names, and `name@ref` for versions that are published."""
    own_pipelines: set[str] = field(default_factory=set)
    metadata: dict[str, JsonSchema] = field(default_factory=dict)
    """Collection → the types of its documents' metadata, where it declares them."""

    def names(self, scheme: str) -> list[str]:
        """Every name of a scheme."""
        by_scheme: dict[str, Iterable[str]] = {
            "model": self.models,
            "knowledge": self.knowledge,
            "tool": self.tools,
            "graph": self.graphs,
            PIPELINE: self.pipelines,
        }
        known = by_scheme[scheme]
        return sorted({*known, *(name for kind, name in self.unfinished if kind == scheme)})


def known_from(specs: Specs, catalog: Catalog) -> Known:
    """What can be named before any graph of the workspace is compiled."""
    known = Known(set(catalog.models), set(catalog.knowledge), dict(catalog.tools), dict(catalog.graphs))
    known.digests |= catalog.digests
    known.pipelines |= catalog.pipelines
    known.model_contracts |= catalog.model_contracts
    known.metadata |= catalog.metadata
    scheme_of = {kind: scheme for scheme, kind in _KIND_OF.items()}
    known.unfinished = {(scheme_of[kind], name) for kind, name in specs.faulty if kind in scheme_of}
    known.unfinished |= {("graph", name) for name in specs.graphs}
    for other in specs.others:
        known.digests[scheme_of[other.kind], other.name] = other.digest
        if other.kind == "model/v1":
            known.models.add(other.name)
            says = {**other.document, **catalog.bound.get(other.name, {})}
            known.model_contracts[other.name] = ModelContract.of(other.name, says)
        elif other.kind == "collection/v1":
            known.knowledge.add(other.name)
            known.metadata.pop(other.name, None)
            if other.document.get("metadata") is not None:
                known.metadata[other.name] = object_schema(other.document["metadata"])
        elif other.kind == "pipeline/v1":
            known.pipelines.add(other.name)
            known.own_pipelines.add(other.name)
        else:
            known.tools[other.name] = tool_contract(other)
    known.own_graphs = set(specs.graphs)
    for name in specs.graphs:
        known.graphs.pop(name, None)
    return known


def tool_contract(tool: OtherSpec) -> ToolContract:
    """What a `tool/v1` document promises."""
    parameters, returns = tool_schemas(tool.document)
    return ToolContract(tool.name, tool.digest, parameters, returns, tool.document)


@dataclass
class Resolved:
    """What the names of one graph's `use:` mean, by alias; an alias with a fault of its own is in `faulty`."""

    schemes: dict[str, str] = field(default_factory=dict)
    models: dict[str, tuple[str, ...]] = field(default_factory=dict)
    knowledge: dict[str, str] = field(default_factory=dict)
    tools: dict[str, ToolContract] = field(default_factory=dict)
    graphs: dict[str, GraphContract] = field(default_factory=dict)
    model_contracts: dict[str, ModelContract] = field(default_factory=dict)
    metadata: dict[str, JsonSchema] = field(default_factory=dict)
    """Collection → the types of its documents' metadata, where it declares them."""
    lock: list[LockEntry] = field(default_factory=list)
    faulty: set[str] = field(default_factory=set)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    is_finished: bool = True
    """Whether everything that is named can be published, too."""


def references(file: GraphFile) -> Iterator[tuple[str, Path, Uri]]:
    """Each sound reference of a graph's `use:`: alias, path, URI."""
    for alias, written in file.graph.head.use.items():
        chain = written.get("first_of", ()) if isinstance(written, dict) else [written]
        for i, text in enumerate(chain if isinstance(chain, list) else ()):
            path: Path = ("use", alias, "first_of", i) if isinstance(written, dict) else ("use", alias)
            try:
                uri = parse_uri(text) if isinstance(text, str) else None
            except UriError:
                continue
            if uri is not None:
                yield alias, path, uri


def resolve(file: GraphFile, known: Known) -> Resolved:
    """Look up every reference of a graph."""
    resolved = Resolved(model_contracts=known.model_contracts, metadata=known.metadata)
    for alias, path, uri in references(file):
        resolved.schemes[alias] = uri.scheme
        if uri.scheme == "graph" and uri.name == file.graph.name:
            message = f"graph '{uri.name}' uses itself"
            resolved.diagnostics.append(
                Diagnostic("E401", message, file.tree.at(path), help="loop inside of the graph, with next:")
            )
            resolved.faulty.add(alias)
        elif not _take(resolved, alias, uri, known):
            resolved.faulty.add(alias)
            resolved.diagnostics.append(not_found(file.tree, path, uri, known))
    resolved.faulty |= set(file.graph.head.use) - set(resolved.schemes)
    return resolved


def _take(resolved: Resolved, alias: str, uri: Uri, known: Known) -> bool:
    """Note what the reference means; false if it means nothing."""
    name = _found_name(uri, known)
    if name is None:
        return False
    digest = known.digests.get((uri.scheme, name))
    if uri.scheme == "model":
        resolved.models[alias] = (*resolved.models.get(alias, ()), name)
    elif uri.scheme == "knowledge":
        resolved.knowledge[alias] = name
    elif uri.scheme == "tool" and name in known.tools:
        resolved.tools[alias] = known.tools[name]
        digest = known.tools[name].digest
    elif uri.scheme == "graph" and name in known.graphs:
        resolved.graphs[alias] = known.graphs[name]
        digest = known.graphs[name].digest
    if (uri.scheme, name) in known.unfinished:
        resolved.is_finished = False
    resolved.lock.append(
        LockEntry(alias=alias, uri=str(uri), scheme=_SCHEMES[uri.scheme], name=uri.name, digest=digest)
    )
    return True


def _found_name(uri: Uri, known: Known) -> str | None:
    """The name the reference is known by: with its version as the catalog has it, or a graph of this workspace."""
    full = str(uri).partition("://")[2]
    own = known.own_versions.get(uri.name) if uri.scheme == "graph" and uri.ref is not None else None
    if own is not None and own.is_meant_by(uri.ref or ""):
        return uri.name
    if full in known.graphs and uri.scheme == "graph":
        return full
    if uri.ref is not None and (own is not None or uri.name not in known.own_graphs):
        return None
    return uri.name if uri.name in known.names(uri.scheme) else None


def not_found(tree: Tree, path: Path, uri: Uri, known: Known) -> Diagnostic:
    """The finding for a reference that means nothing."""
    names = known.names(uri.scheme)
    noun = NOUNS[uri.scheme]
    if uri.ref is not None and uri.name in names:
        message = f"no published version of {noun} '{uri.name}' is '{uri.ref}'"
        way_out = f"write {uri.scheme}://{uri.name} for the latest version"
        return Diagnostic("E401", message, tree.at(path), help=way_out)
    near = did_you_mean(uri.name, names)
    if near is not None:
        way_out = f"did you mean '{near}'?"
    elif names:
        way_out = f"{noun}s: {one_of(names[:_MANY])}"
    else:
        way_out = f"add a file with 'kind: {_KIND_OF[uri.scheme]}' and 'name: {uri.name}'"
    return Diagnostic("E401", f"{noun} '{uri.name}' not found", tree.at(path), help=way_out)
