"""Workspace → diagnostics and plans: the compiler's table of contents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from girih.language.compiler import breaking
from girih.language.compiler.checks.rules import CHECKS
from girih.language.compiler.collecting import without_collecting
from girih.language.compiler.files import GraphFile, Specs, load
from girih.language.compiler.flow import Kinds
from girih.language.compiler.lower import lower
from girih.language.compiler.plan import Plan
from girih.language.compiler.resolve import Known, known_from, references, resolve
from girih.language.compiler.unit import Unit
from girih.language.compiler.workspace import Catalog, OtherSpec, Workspace
from girih.language.nodes.base import GraphContract
from girih.language.nodes.registry import kinds as installed_kinds
from girih.language.spec.consequences import without_consequences
from girih.language.spec.diagnostics import Diagnostic, has_errors, in_order
from girih.language.spec.findings import MOST_FINDINGS
from girih.language.spec.graph_tests import GraphTest, parse_tests
from girih.language.spec.ignoring import without_ignored
from girih.language.spec.pointing import with_definitions


@dataclass(frozen=True)
class Compilation:
    """What compiling a workspace gives.

    `plans` holds every graph that has no errors itself and names none that has, by name; `sources` the file of each
    graph that could be read; `tests` the tests of each graph that has a plan, as they are written; `others` the models,
    tools and collections.
    """

    diagnostics: tuple[Diagnostic, ...]
    plans: Mapping[str, Plan] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    others: tuple[OtherSpec, ...] = ()
    tests: Mapping[str, tuple[GraphTest, ...]] = field(default_factory=dict)


@without_collecting()
def compile_workspace(workspace: Workspace, catalog: Catalog = Catalog()) -> Compilation:  # noqa: B008 - immutable
    """Read, resolve, check and lower every graph; subgraphs before those that use them. Never raises for a spec."""
    kinds = installed_kinds()
    specs = load(workspace, kinds)
    known = known_from(specs, catalog)
    found = list(specs.diagnostics)
    plans: dict[str, Plan] = {}
    for file in _callees_first(specs, found):
        plan, faults = _compile_graph(file, kinds, known, workspace)
        found += faults
        if plan is not None:
            found += breaking.check(file, plan, catalog.published.get(plan.name))
            plans[plan.name] = plan
            known.graphs[plan.name] = GraphContract(plan.name, plan.digest, plan.inputs, plan.outputs)
            known.unfinished.discard(("graph", plan.name))
    for file in specs.nameless:
        found += _compile_graph(file, kinds, known, workspace)[1]
    sources = {name: file.path for name, file in specs.graphs.items()}
    tests = {name: _tests(specs.graphs[name]) for name in plans}
    found = without_ignored(without_consequences(found, specs.trees), specs.trees)
    found = with_definitions(found, specs.trees) if found else found
    return Compilation(in_order(found), plans, sources, tuple(specs.others), tests)


def _tests(file: GraphFile) -> tuple[GraphTest, ...]:
    written = file.graph.head.tests
    return tuple(test for _, test in parse_tests(written, file.tree, [])) if written else ()


def _compile_graph(
    file: GraphFile, kinds: Kinds, known: Known, workspace: Workspace
) -> tuple[Plan | None, list[Diagnostic]]:
    unit = Unit(file.tree, file.graph, kinds, resolve(file, known), workspace.files)
    found = [diagnostic for check in CHECKS for diagnostic in islice(check(unit), MOST_FINDINGS)]
    if not file.is_sound or has_errors(found) or not unit.resolved.is_finished:
        return None, found
    return lower(unit), found


def _callees_first(specs: Specs, found: list[Diagnostic]) -> Iterator[GraphFile]:
    """The graphs in an order in which each comes after those it uses; graphs that use each other are a fault."""
    done: set[str] = set()

    def visit(name: str, callers: tuple[str, ...]) -> Iterator[GraphFile]:
        if name in done:
            return
        file = specs.graphs[name]
        for _, path, uri in references(file):
            if uri.scheme != "graph" or uri.name not in specs.graphs or uri.name == name:
                continue
            if uri.name in callers:
                circle = [*callers[callers.index(uri.name) :], name, uri.name]
                message = f"graphs use each other in a circle: {' → '.join(circle)}"
                found.append(Diagnostic("E401", message, file.tree.at(path), help="take one of these references out"))
                continue
            yield from visit(uri.name, (*callers, name))
        if name not in done:
            done.add(name)
            yield file

    for name in specs.graphs:
        yield from visit(name, ())
