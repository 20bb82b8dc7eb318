"""The tests of a workspace, found and run: what `girih test` shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from girih.engine.trials.coverage import Coverage, Seen, coverage_of
from girih.engine.trials.trial import Report, run_trial
from girih.errors import InvalidInput
from girih.language.compiler.cases import Files, expanded
from girih.language.compiler.cassettes import cassette_name
from girih.language.compiler.pipeline import Compilation, compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Workspace
from girih.language.nodes.registry import kinds
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.graph_tests import GraphTest
from girih.providers.models.cassettes import Cassette, CassetteError
from girih.wiring.trials import TrialWorld, open_trials

Models = Literal["tape", "record", "live"]
"""Where the answers of models come from: from a cassette where there is one, from the model onto one, or the model."""


@dataclass
class Tested:
    """The tests of one graph, and how much of it they have taken."""

    graph: str
    file: str
    plan: Plan
    reports: list[Report] = field(default_factory=list)

    @property
    def coverage(self) -> Coverage:
        """What all of its tests together have taken."""
        seen = Seen()
        for report in self.reports:
            seen |= report.seen
        return coverage_of(self.plan, seen)


@dataclass(frozen=True)
class Bench:
    """A workspace whose tests are to be run: its folder, its texts, and what compiling gave."""

    folder: Path
    files: Workspace
    made: Compilation
    only: str | None = None
    """The one file whose graphs are tested."""

    @classmethod
    def of(cls, folder: Path, files: Workspace, only: str | None = None) -> Bench:
        """Compile a workspace."""
        return cls(folder, files, compile_workspace(files), only)

    @property
    def wrong(self) -> list[Diagnostic]:
        """The errors that keep tests from being run."""
        return [
            found
            for found in self.made.diagnostics
            if found.severity == "error" and self.only in (None, found.place.file)
        ]

    def graphs(self) -> Iterator[tuple[str, Plan, list[GraphTest]]]:
        """Each graph that is tested, with its tests, cases expanded."""
        for name, plan in sorted(self.made.plans.items()):
            source = self.made.sources[name]
            if self.only in (None, source):
                properties = plan.inputs.get("properties") or {}
                files = Files(source, self.files.files)
                yield name, plan, [t for test in self.made.tests[name] for t in expanded(test, properties, files)]

    def models(self) -> Mapping[str, dict[str, object]]:
        """The workspace's `model/v1` documents."""
        return {other.name: other.document for other in self.made.others if other.kind == "model/v1"}


async def run_tests(bench: Bench, wanted: Sequence[str], models: Models) -> list[Tested]:
    """Run all tests whose name holds one of the wanted texts, graph by graph."""
    done = []
    async with open_trials(bench.models(), bench.made.plans) as world:
        for name, plan, tests in bench.graphs():
            tested = Tested(name, bench.made.sources[name], plan)
            for test in tests:
                if not wanted or any(text.casefold() in test.name.casefold() for text in wanted):
                    tested.reports.append(await _run(bench, world, name, plan, test, models))
            if tested.reports:
                done.append(tested)
    return done


async def _run(bench: Bench, world: TrialWorld, graph: str, plan: Plan, test: GraphTest, models: Models) -> Report:
    path = cassette_path(bench.folder / bench.made.sources[graph], graph, test.name)
    if models == "record":
        cassette = Cassette()
        report = await run_trial(kinds(), plan, test, world.around(record=cassette))
        if cassette.calls:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(cassette.text(), "utf-8")
        return report
    if models == "tape" and path.is_file():
        return await run_trial(kinds(), plan, test, world.around(play=read_cassette(path)))
    return await run_trial(kinds(), plan, test, world.around())


def cassette_path(source: Path, graph: str, test: str) -> Path:
    """Where the cassette of a test lies: beside the graph's file, in `cassettes/GRAPH/`."""
    return source.parent / cassette_name(graph, test)


def read_cassette(path: Path) -> Cassette:
    """The cassette of a file. Raises `InvalidInput` for one that cannot be read."""
    try:
        return Cassette.read(path.read_text("utf-8"))
    except (CassetteError, UnicodeDecodeError) as fault:
        raise InvalidInput(
            f"the cassette {path} cannot be used: {fault}", help="delete it, or record it again with --record"
        ) from None
