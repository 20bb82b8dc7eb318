"""Tests as a gate: those of every graph that would get a new version are run before anything is published."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import SpecInvalid, SpecRefused
from girih.language.compiler.cases import Files, expanded
from girih.language.compiler.cassettes import cassette_of
from girih.language.compiler.pipeline import Compilation
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Workspace
from girih.language.spec.diagnostics import Diagnostic, has_errors
from girih.language.spec.graph_tests import GraphTest
from girih.language.spec.tree import JsonObject, Path
from girih.services.agents import repository
from girih.services.agents.trial_reports import ReportOut, Trial, Tried, findings_of, report_of
from girih.services.registry.service import RegistryService

PARALLEL = 4
"""Tests of one apply that run at once."""

Published = Callable[[OrgScope, str], Awaitable[Plan]]


class Bench(Protocol):
    """Where tests are run: with doubles, so that nothing is kept and nobody outside of this process is asked."""

    async def run(self, trial: Trial) -> Tried:
        """Run one test. Never raises for what the graph or the test says."""
        ...


class Trials(Protocol):
    """Opens benches. `seconds` is what the tests of one apply may take in all."""

    seconds: float
    version: str

    def opened(
        self, models: Mapping[str, JsonObject], plans: Callable[[str], Awaitable[Plan]]
    ) -> AbstractAsyncContextManager[Bench]:
        """A bench; `models` are `model/v1` documents by name, `plans` gives the graphs that others run, by digest."""
        ...


@dataclass(frozen=True)
class Proof:
    """What tests said of the graphs that would get new versions, by the digests of their plans."""

    reports: Mapping[str, ReportOut] = field(default_factory=dict)
    findings: Mapping[str, tuple[Diagnostic, ...]] = field(default_factory=dict)
    forced: bool = False
    ran: bool = False
    """Whether tests are run at all."""

    def require(self, compilation: Compilation, known: Mapping[str, str], *, dry_run: bool) -> list[Diagnostic]:
        """What fails, to be told in a dry run or where it is forced; else raises `SpecInvalid` with it.

        `known` has the digest of each graph's latest version, as the publishing transaction sees it. Raises `Conflict`
        where it would publish something else than was tested.
        """
        failing: list[Diagnostic] = []
        for name, plan in compilation.plans.items():
            if known.get(name) == plan.digest:
                continue
            if compilation.tests.get(name) and plan.digest not in self.reports and not dry_run and self.ran:
                raise SpecRefused(
                    f"somebody has published while the tests of `{name}` ran; nothing was published",
                    [("graph/v1", name, ("tests",))],
                    help="plan it again, and look at what changes now",
                )
            failing += self.findings.get(plan.digest, ())
        if failing and not (dry_run or self.forced):
            count = "1 expectation" if len(failing) == 1 else f"{len(failing)} expectations"
            raise SpecInvalid(
                f"tests failed ({count}); nothing was published",
                [one.as_dict() for one in failing],
                help="correct the graphs or their tests, or publish all the same with force_tests",
            )
        return [replace(one, severity="warning", help=None) for one in failing] if self.forced else failing


class Gate:
    """Runs the tests of what changes. Without `trials` there is no gate: nothing is run and nothing is reported."""

    def __init__(self, uow: UnitOfWork, registry: RegistryService, trials: Trials | None, published: Published) -> None:
        self._uow = uow
        self._registry = registry
        self._trials = trials
        self._published = published

    @property
    def version(self) -> str | None:
        """The version of girih that runs the tests; `None` where none are run."""
        return self._trials.version if self._trials is not None else None

    async def prove(
        self, scope: OrgScope, workspace: Workspace, compilation: Compilation, *, forced: bool = False
    ) -> Proof:
        """Run the tests of each graph whose meaning is another than its latest version's. Opens no transaction then."""
        if self._trials is None or has_errors(compilation.diagnostics):
            return Proof(forced=forced, ran=self._trials is not None)
        async with self._uow(scope) as work:
            known = await repository.digests(work, scope)
            models = await self._registry.documents(work, "model/v1")
        changed = {name: plan for name, plan in compilation.plans.items() if known.get(name) != plan.digest}
        trials = [trial for name in sorted(changed) for trial in _trials_of(workspace, compilation, name)]
        models |= {one.name: one.document for one in compilation.others if one.kind == "model/v1"}
        tried = await self._run(scope, trials, models, compilation.plans) if trials else []
        return _proof(compilation, changed, trials, tried, self._trials.version, forced=forced)

    async def _run(
        self, scope: OrgScope, trials: list[Trial], models: Mapping[str, JsonObject], plans: Mapping[str, Plan]
    ) -> list[Tried]:
        by_digest = {plan.digest: plan for plan in plans.values()}

        async def plan(digest: str) -> Plan:
            return by_digest[digest] if digest in by_digest else await self._published(scope, digest)

        if self._trials is None:
            return []
        async with self._trials.opened(models, plan) as bench:
            return await _in_time(bench, trials, self._trials.seconds)


async def _in_time(bench: Bench, trials: list[Trial], seconds: float) -> list[Tried]:
    """Run the tests, some at once; what has not ended after so many seconds in all is over."""
    free, began = asyncio.Semaphore(PARALLEL), time.monotonic()
    over = f"the tests of one apply may take {seconds:g} s in all, and this one had not ended by then"

    async def run(trial: Trial) -> Tried:
        own = began
        try:
            async with asyncio.timeout(max(0.0, began + seconds - time.monotonic())):
                async with free:
                    own = time.monotonic()
                    return await bench.run(trial)
        except TimeoutError:
            return Tried((over,), time.monotonic() - own, is_over=True)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(trial)) for trial in trials]
    return [task.result() for task in tasks]


def _trials_of(workspace: Workspace, compilation: Compilation, name: str) -> Iterator[Trial]:
    plan, source = compilation.plans[name], compilation.sources[name]
    tree = compilation.trees[source]
    places = {str(one.get("name")): i for i, one in enumerate(tree.get(("tests",)) or ()) if isinstance(one, dict)}
    files = Files(source, workspace.files)
    for written in compilation.tests.get(name, ()):
        at: Path = ("tests", places[written.name]) if written.name in places else ("tests",)
        for number, test in enumerate(expanded(written, plan.inputs.get("properties") or {}, files)):
            yield Trial(plan, test, _case(written, at, number), cassette_of(workspace, source, name, test.name))


def _case(written: GraphTest, at: Path, number: int) -> Path:
    return (*at, "cases", number) if isinstance(written.cases, list) else at


def _proof(
    compilation: Compilation,
    changed: Mapping[str, Plan],
    trials: list[Trial],
    tried: list[Tried],
    version: str,
    *,
    forced: bool,
) -> Proof:
    reports: dict[str, ReportOut] = {}
    findings: dict[str, tuple[Diagnostic, ...]] = {}
    now = datetime.now(UTC)
    for name, plan in changed.items():
        mine = [(trial, one) for trial, one in zip(trials, tried, strict=True) if trial.plan is plan]
        reports[plan.digest] = report_of([trial for trial, _ in mine], [one for _, one in mine], now, version)
        tree = compilation.trees[compilation.sources[name]]
        findings[plan.digest] = tuple(found for trial, one in mine for found in findings_of(tree, trial, one))
    return Proof(reports, findings, forced, ran=True)
