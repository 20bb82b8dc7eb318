"""The `tests:` of a graph as typed data: what goes in, what stands in for nodes, and what must come of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from girih.errors import RunErrorKind
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.findings import Subject, shaped
from girih.language.spec.model import Name, Strict
from girih.language.spec.policies import as_tuple
from girih.language.spec.tree import JsonValue, Tree
from girih.language.spec.words import found


def _as_error(value: Any) -> Any:
    """`error: timeout` is short for its kind."""
    return {"kind": value} if isinstance(value, str) else value


def _as_most(value: Any) -> Any:
    """A number is the most there may be."""
    return {"max": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


class ExpectedError(Strict):
    """How the run must fail: the failure's kind, the node it came from, a text its message holds."""

    kind: RunErrorKind | None = None
    node: Name | None = None
    message: str | None = None


class Bounds(Strict):
    """The least and the most that something may be."""

    min: Annotated[float, Field(ge=0)] | None = None
    max: Annotated[float, Field(ge=0)] | None = None


Bounded = Annotated[Bounds, BeforeValidator(_as_most, json_schema_input_type=float | Bounds)]


class Expectation(Strict):
    """What must come of a run.

    `path` lists the nodes that finish, in order, those in branches in any order. `output` is a CEL condition over the
    outputs (their names), `outputs` are exact values of some of them, `error` says how it must fail, `waits_for` which
    nodes it must come to wait at, `events` lists types of events that must come in this order, others between them.
    `cost_usd` and `steps` bound what it takes.
    """

    path: Annotated[tuple[Name, ...], Field(min_length=1), BeforeValidator(as_tuple)] | None = None
    output: str | None = None
    outputs: dict[Name, Any] | None = None
    error: Annotated[
        ExpectedError | None, BeforeValidator(_as_error, json_schema_input_type=RunErrorKind | ExpectedError)
    ] = None
    waits_for: Annotated[tuple[Name, ...], Field(min_length=1), BeforeValidator(as_tuple)] | None = None
    events: Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(as_tuple)] | None = None
    cost_usd: Bounded | None = None
    steps: Bounded | None = None


class GraphTest(Strict):
    """One test. `given` are the inputs; `mock` holds a result for each node that is not to run, or its `$error`.

    A list under `mock` gives one result for each visit of the node, the last one for all that follow. `answers` are
    what people say where the run waits, by node: to a question, or to an agent that asks for leave; a list answers one
    after the other. `cases` makes a test of each entry of a list, or of each row of a file (.yaml, .json, .jsonl,
    .csv): what a case says under `given`, `mock`, `state`, `answers` and `expect` goes over what the test says.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    given: dict[str, Any] = Field(default_factory=dict)
    mock: dict[str, Any] = Field(default_factory=dict)
    state: dict[str, Any] = Field(default_factory=dict)
    answers: dict[str, Any] = Field(default_factory=dict)
    cases: Annotated[str, Field(min_length=1)] | Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None
    expect: Expectation = Expectation()


def parse_tests(written: JsonValue, tree: Tree, faults: list[Diagnostic]) -> tuple[tuple[int, GraphTest], ...]:
    """The tests that could be read, each with its position under `tests:`."""
    tests: list[tuple[int, GraphTest]] = []
    for i, item in enumerate(written if isinstance(written, list) else ()):
        path = ("tests", i)
        if not isinstance(item, dict):
            message = f"a test must be a mapping, found {found(item)}"
            faults.append(Diagnostic("E002", message, tree.at(path), help="write { name: …, given: …, expect: … }"))
            continue
        name = item.get("name")
        subject = Subject(tree, path, GraphTest, f"test '{name}'" if isinstance(name, str) else f"test {i + 1}")
        test = shaped(GraphTest, item, subject, faults)
        if test is not None:
            tests.append((i, test))
    return tuple(tests)
