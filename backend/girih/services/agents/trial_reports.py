"""What came of the tests of a graph that was about to be published: kept with the version, and said at its lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from girih.language.compiler.plan import Plan
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.graph_tests import GraphTest
from girih.language.spec.tree import JsonObject, Path, Tree

FAILED = "failed_test"
"""The code of findings that a test makes."""

LONGEST = 600
"""Characters of what is kept of one test."""

ANYWAY = "correct the graph or the test; --force-tests publishes it all the same, and the report says so"

Outcome = Literal["passed", "failed", "unavailable", "timed_out"]
"""`unavailable`: it reached for something that no test has here; `timed_out`: the time for all tests was over."""

_EXPECTED = re.compile(r"expect(?:\.\w+)+")


class TestOut(BaseModel):
    """One test: how it ended, how long it took, and what was not as expected."""

    __test__ = False
    model_config = ConfigDict(frozen=True)

    name: str
    outcome: Outcome
    ms: int
    message: str | None = None


class ReportOut(BaseModel):
    """What the tests of a graph said when it was published: `none` is a graph that has no tests."""

    model_config = ConfigDict(frozen=True)

    outcome: Literal["passed", "failed", "none"]
    counts: dict[str, int]
    ms: int
    at: datetime
    girih: str
    tests: list[TestOut]


@dataclass(frozen=True)
class Trial:
    """One test of a graph that would get a new version, where it is written, and the answers of models on tape."""

    plan: Plan
    test: GraphTest
    at: Path
    cassette: str | None


@dataclass(frozen=True)
class Tried:
    """What came of a trial. `lacks`: it failed since it reached for something that a test does not have here."""

    misses: tuple[str, ...]
    seconds: float
    lacks: bool = False
    is_over: bool = False
    """Whether the time for all tests was over before this one had ended."""

    @property
    def outcome(self) -> Outcome:
        """In one word."""
        if self.is_over:
            return "timed_out"
        if not self.misses:
            return "passed"
        return "unavailable" if self.lacks else "failed"


def report_of(trials: Sequence[Trial], tried: Sequence[Tried], at: datetime, version: str) -> ReportOut:
    """The report of one graph; `version` is girih's."""
    tests = [
        TestOut(
            name=trial.test.name,
            outcome=one.outcome,
            ms=round(one.seconds * 1000),
            message="; ".join(one.misses)[:LONGEST] or None,
        )
        for trial, one in zip(trials, tried, strict=True)
    ]
    counts = Counter(test.outcome for test in tests)
    outcome = "none" if not tests else "passed" if counts["passed"] == len(tests) else "failed"
    total = sum(test.ms for test in tests)
    return ReportOut(outcome=outcome, counts=dict(counts), ms=total, at=at, girih=version, tests=tests)


def findings_of(tree: Tree, trial: Trial, tried: Tried) -> list[Diagnostic]:
    """Each miss of a test at the expectation it is about."""
    return [
        Diagnostic(
            FAILED,
            f"test '{trial.test.name}' of '{trial.plan.name}': {miss[:LONGEST]}",
            tree.key_at(_place(tree, trial.at, miss)),
            ANYWAY,
        )
        for miss in tried.misses
    ]


def as_kept(report: ReportOut) -> JsonObject:
    """As it is stored, and hashed."""
    return report.model_dump(mode="json", exclude_none=True)


def _place(tree: Tree, at: Path, miss: str) -> Path:
    """The expectation that a miss names, as far as the text has it; else the test's name."""
    said = _EXPECTED.match(miss)
    path: Path = (*at, *said[0].split(".")) if said else at
    while len(path) > len(at) and tree.get(path) is None:
        path = path[:-1]
    return path if len(path) > len(at) else _named(tree, at)


def _named(tree: Tree, at: Path) -> Path:
    for key in ("expect", "name"):
        if tree.get((*at, key)) is not None:
            return (*at, key)
    return at


def report_from(kept: JsonObject | None) -> ReportOut | None:
    """A report as it was stored."""
    return ReportOut.model_validate(kept) if kept is not None else None
