"""E406 and W607: the number that a spec declares, beside what is published and what has changed since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from girih.language.compiler import breaking
from girih.language.compiler.diff import Break, breaks, gains, verdict
from girih.language.compiler.files import GraphFile, Specs
from girih.language.compiler.own_versions import Own
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Catalog, OtherSpec, PublishedPipeline
from girih.language.spec.diagnostics import Diagnostic, Related
from girih.language.spec.pipelines import changed_steps, weight_of
from girih.language.spec.semantic import Weight, following, numbered, numbers_of
from girih.language.spec.tree import Path, Tree

_AT: Path = ("version",)
_GRAPH, _PIPELINE = "graph/v1", "pipeline/v1"
_WEIGHTY: dict[Weight, str] = {
    "major": "what others rely on is no longer so",
    "minor": "others gain something",
    "patch": "what it does has changed",
}
_RELATED = 8


@dataclass(frozen=True)
class _Before:
    """The newest version, how heavy the change since then is, and what has changed that others see."""

    version: str
    weight: Weight | None
    taken: frozenset[str]
    changes: Iterable[Break]


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
        if published is None:
            self._note(_GRAPH, plan.name, numbered(declared, None, None))
            return
        weight = None if published.digest == plan.digest else verdict(published.plan, plan)
        self._note(_GRAPH, plan.name, numbered(declared, published.version, weight, published.taken))
        if declared is None:
            self.found += breaking.check(file, plan, published)
        else:
            before = _Before(published.version, weight, published.taken, _changes(published.plan, plan, weight))
            self.found += _said(file.tree, declared, before)

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
        if published is None:
            self._note(_PIPELINE, spec.name, numbered(declared, None, None))
            return
        weight = weight_of(published.document, spec.document)
        self._note(_PIPELINE, spec.name, numbered(declared, published.version, weight))
        changed = (
            Break((step,) if tree.get((step,)) is not None else _AT, f"'{step}' is another one")
            for step in changed_steps(published.document, spec.document)
        )
        if declared is not None:
            self.found += _said(tree, declared, _Before(published.version, weight, frozenset(), changed))

    def _note(self, kind: str, name: str, version: str | None) -> None:
        if version is not None:
            self.versions[kind, name] = version


def _changes(old: Plan, new: Plan, weight: Weight | None) -> Iterable[Break]:
    if weight == "major":
        return breaks(old, new)
    return gains(old, new) if weight == "minor" else ()


def _said(tree: Tree, declared: str, before: _Before) -> Iterator[Diagnostic]:
    """What is wrong with a declared number, at the line it stands in; nothing for one that is right."""
    latest, weight = before.version, before.weight
    if weight is None:
        if declared != latest:
            message = f"nothing has changed since {latest}, which it stays: there is no version {declared}"
            help_ = f"write version: {latest}, or leave it out"
            yield Diagnostic("W607", message, tree.at(_AT), help=help_, severity="warning")
        return
    if numbered(declared, latest, weight, before.taken) is not None:
        return
    known = [Related(tree.key_at(change.path), change.message) for change in before.changes][:_RELATED]
    if declared in before.taken:
        message = f"version {declared} was given to something else, and {_WEIGHTY[weight]}"
    elif numbers_of(declared) <= numbers_of(latest):
        message = f"version {declared} is not after {latest}, which is published, and {_WEIGHTY[weight]}"
    else:
        message = f"version {declared} is too low after {latest}: {_WEIGHTY[weight]}"
    said = f"{message} ({known[0].message})" if known else message
    help_ = f"write version: {following(latest, weight, before.taken)} ({weight}), or leave it out"
    yield Diagnostic("E406", said, tree.at(_AT), help=help_, related=tuple(known))
