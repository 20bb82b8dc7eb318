"""E406 and W607: the number that a spec declares, beside what is published and what has changed since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from girih.language.compiler import breaking
from girih.language.compiler.diff import Break, breaks, gains, verdict
from girih.language.compiler.files import GraphFile, Specs
from girih.language.compiler.own_versions import Own
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Catalog, OtherSpec, Published, PublishedPipeline
from girih.language.spec.diagnostics import Diagnostic, Related
from girih.language.spec.pipelines import changed_steps, weight_of
from girih.language.spec.semantic import Weight, next_version, numbered, numbers_of
from girih.language.spec.tree import Path, Tree

_AT: Path = ("version",)
_GRAPH, _PIPELINE = "graph/v1", "pipeline/v1"
_WEIGHTY: dict[Weight, str] = {
    "major": "what others rely on is no longer so",
    "minor": "others gain something",
    "patch": "what it does has changed",
}
_RELATED = 8


@dataclass
class Numbers:
    """The version of each graph and pipeline of a workspace once it is published, by kind and name.

    What declares a number that is too low has none.
    """

    catalog: Catalog
    found: list[Diagnostic] = field(default_factory=list)
    versions: dict[tuple[str, str], str] = field(default_factory=dict)

    def take(self, file: GraphFile, plan: Plan) -> None:
        """Number a graph, and say what is wrong with the number it declares, or what callers lose."""
        published, declared = self.catalog.published.get(plan.name), file.graph.head.version
        weight = _weight(published, plan)
        self._note(_GRAPH, plan.name, numbered(declared, published.version if published else None, weight))
        if published is None:
            return
        if declared is None:
            self.found += breaking.check(file, plan, published)
        else:
            self.found += _said(file.tree, declared, published.version, weight, _changes(published.plan, plan, weight))

    def own(self, plan: Plan) -> Own | None:
        """What a graph that was taken is going to be; `None` where that cannot be known."""
        version = self.versions.get((_GRAPH, plan.name))
        if version is None or not self.catalog.is_whole:
            return None
        return Own(version, plan.digest, plan.name not in self.catalog.published)

    def take_pipelines(self, specs: Specs) -> None:
        """Number every pipeline of the workspace."""
        for spec in specs.others:
            if spec.kind == _PIPELINE:
                self._pipeline(spec, specs.trees[spec.path], self.catalog.published_pipelines.get(spec.name))

    def _pipeline(self, spec: OtherSpec, tree: Tree, published: PublishedPipeline | None) -> None:
        declared: str | None = spec.document.get("version")
        weight = weight_of(published.document, spec.document) if published else None
        self._note(_PIPELINE, spec.name, numbered(declared, published.version if published else None, weight))
        if published is None or declared is None:
            return
        changed = (
            Break((step,) if tree.get((step,)) is not None else _AT, f"'{step}' is another one")
            for step in changed_steps(published.document, spec.document)
        )
        self.found += _said(tree, declared, published.version, weight, changed)

    def _note(self, kind: str, name: str, version: str | None) -> None:
        if version is not None:
            self.versions[kind, name] = version


def _weight(published: Published | None, plan: Plan) -> Weight | None:
    if published is None or published.plan.digest == plan.digest:
        return None
    return verdict(published.plan, plan)


def _changes(old: Plan, new: Plan, weight: Weight | None) -> Iterable[Break]:
    if weight == "major":
        return breaks(old, new)
    return gains(old, new) if weight == "minor" else ()


def _said(
    tree: Tree, declared: str, latest: str, weight: Weight | None, changes: Iterable[Break]
) -> Iterator[Diagnostic]:
    """What is wrong with a declared number, at the line it stands in; nothing for one that is right."""
    if weight is None:
        if declared != latest:
            message = f"nothing has changed since {latest}, which it stays: there is no version {declared}"
            help_ = f"write version: {latest}, or leave it out"
            yield Diagnostic("W607", message, tree.at(_AT), help=help_, severity="warning")
        return
    if numbered(declared, latest, weight) is not None:
        return
    known = [Related(tree.key_at(change.path), change.message) for change in changes][:_RELATED]
    if numbers_of(declared) <= numbers_of(latest):
        message = f"version {declared} is not after {latest}, which is published, and {_WEIGHTY[weight]}"
    else:
        message = f"version {declared} is too low after {latest}: {_WEIGHTY[weight]}"
    said = f"{message} ({known[0].message})" if known else message
    help_ = f"write version: {next_version(latest, weight)} ({weight}), or leave it out"
    yield Diagnostic("E406", said, tree.at(_AT), help=help_, related=tuple(known))
