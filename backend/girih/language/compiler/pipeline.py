"""Workspace → diagnostics and plans: the compiler's table of contents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from girih.language.compiler import shelf
from girih.language.compiler.checks.rules import CHECKS
from girih.language.compiler.collecting import without_collecting
from girih.language.compiler.files import GraphFile, Specs, load
from girih.language.compiler.flow import Kinds
from girih.language.compiler.lower import contract, lower
from girih.language.compiler.named import unresolved
from girih.language.compiler.numbering import Numbers
from girih.language.compiler.own_versions import Own
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
from girih.language.spec.memory import Memory
from girih.language.spec.pointing import with_definitions
from girih.language.spec.tree import Tree


@dataclass(frozen=True)
class Compilation:
    """What compiling a workspace gives.

    `plans` holds every graph that has no errors itself and names none that has, by name; `sources` the file of each
    graph that could be read; `tests` the tests of each graph that has a plan, as they are written; `others` the models,
    tools, pipelines and collections; `trees` every spec as it is written, by its file; `versions` the version that each
    graph and pipeline has once it is published beside what the catalog knows, by kind and name.
    """

    diagnostics: tuple[Diagnostic, ...]
    plans: Mapping[str, Plan] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    others: tuple[OtherSpec, ...] = ()
    tests: Mapping[str, tuple[GraphTest, ...]] = field(default_factory=dict)
    trees: Mapping[str, Tree] = field(default_factory=dict)
    versions: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Analysis:
    """What an editor has to know of a workspace: its findings, its specs, and each graph, by its file, as it was
    checked. `known` is all that `use:` may name."""

    diagnostics: tuple[Diagnostic, ...]
    specs: Specs
    known: Known
    units: Mapping[str, Unit]


@dataclass
class _Course:
    """One compilation on its way: what was found so far."""

    workspace: Workspace
    specs: Specs
    known: Known
    found: list[Diagnostic]
    units: dict[str, Unit] = field(default_factory=dict)

    def proven(self) -> Iterator[tuple[GraphFile, Unit]]:
        """Check each graph; gives those without errors. What is said of one before the next is asked for is known."""
        kinds = installed_kinds()
        for file in _callees_first(self.specs, self.found):
            if (unit := self._checked(file, kinds)) is not None:
                yield file, unit
        for file in self.specs.nameless:
            self._checked(file, kinds)

    def tell(self, contract: GraphContract, version: Own | None = None) -> None:
        """Let the graphs that come after know this one, and which version it is going to be, if that is known."""
        self.known.graphs[contract.name] = contract
        if version is not None:
            self.known.own_versions[contract.name] = version
        self.known.unfinished.discard(("graph", contract.name))

    def findings(self) -> tuple[Diagnostic, ...]:
        """All that was found, each cause once."""
        found = without_ignored(without_consequences(self.found, self.specs.trees), self.specs.trees)
        return in_order(with_definitions(found, self.specs.trees) if found else found)

    def _checked(self, file: GraphFile, kinds: Kinds) -> Unit | None:
        resolved = resolve(file, self.known)
        unit = Unit(file.tree, file.graph, kinds, resolved, self.workspace.files)
        unit.memory = self.specs.memory
        self.units[file.path] = unit
        found = [diagnostic for check in CHECKS for diagnostic in islice(check(unit), MOST_FINDINGS)]
        self.found += found
        return None if not file.is_sound or has_errors(found) or not resolved.is_finished else unit


def _course(workspace: Workspace, catalog: Catalog, memory: Memory | None = None) -> _Course:
    specs = load(workspace, installed_kinds(), memory)
    known = known_from(specs, catalog)
    return _Course(workspace, specs, known, [*specs.diagnostics, *unresolved(specs, known)])


@without_collecting()
def compile_workspace(workspace: Workspace, catalog: Catalog = Catalog()) -> Compilation:  # noqa: B008 - immutable
    """Read, resolve, check and lower every graph; subgraphs before those that use them. Never raises for a spec."""
    course = _course(workspace, catalog)
    plans: dict[str, Plan] = {}
    numbers = Numbers(catalog)
    numbers.take_pipelines(course.specs)
    for file, unit in course.proven():
        plan = plans[unit.graph.name] = lower(unit)
        numbers.take(file, plan)
        course.found += shelf.check(file, plan, catalog)
        course.tell(GraphContract(plan.name, plan.digest, plan.inputs, plan.outputs), numbers.own(plan))
    specs = course.specs
    course.found += numbers.found
    sources = {name: file.path for name, file in specs.graphs.items()}
    tests = {name: _tests(specs.graphs[name]) for name in plans}
    return Compilation(course.findings(), plans, sources, tuple(specs.others), tests, specs.trees, numbers.versions)


@without_collecting()
def analyse_workspace(workspace: Workspace, catalog: Catalog, memory: Memory) -> Analysis:
    """Read, resolve and check every graph, as `compile_workspace` does, and find the same; make no plans.

    `memory` keeps for the next time what does not depend on anything else than what it was made of.
    """
    memory.begin()
    course = _course(workspace, catalog, memory)
    for _, unit in course.proven():
        course.tell(contract(unit))
    return Analysis(course.findings(), course.specs, course.known, course.units)


def _tests(file: GraphFile) -> tuple[GraphTest, ...]:
    written = file.graph.head.tests
    return tuple(test for _, test in parse_tests(written, file.tree, [])) if written else ()


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
