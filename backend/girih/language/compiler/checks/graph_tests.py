"""E501, E502: a graph's own tests speak of this graph: its inputs, nodes, results, outputs, and paths it can take."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from girih.language.compiler.cases import CasesError, Files, expanded
from girih.language.compiler.checks.test_paths import impossible
from girih.language.compiler.checks.test_shapes import holds
from girih.language.compiler.lower import output_type
from girih.language.compiler.unit import Unit, finding
from girih.language.expressions.check import check_expression
from girih.language.expressions.kinds import field
from girih.language.expressions.names import FixedNames
from girih.language.spec.conform import contract
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.graph_tests import Expectation, GraphTest, parse_tests
from girih.language.spec.policies import ERROR_KINDS
from girih.language.spec.suggest import hint
from girih.language.spec.tree import JsonSchema, JsonValue, Path
from girih.language.spec.words import found

ASKING = frozenset({"ask", "agent"})
"""The verbs at which a run may come to wait for a person."""
MOST_OF_A_CASE = 3
"""Findings that are shown of one case."""
FAILS = "$error"
"""The key of a mock that lets its node fail with that kind of error."""


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Check every test that could be read, and say what is wrong with the others."""
    faults: list[Diagnostic] = []
    tests = parse_tests(unit.graph.head.tests, unit.tree, faults)
    yield from faults
    names: dict[str, int] = {}
    for i, test in tests:
        path: Path = ("tests", i)
        if names.setdefault(test.name, i) != i:
            message = f"two tests are called '{test.name}'"
            yield finding(unit, "E501", message, (*path, "name"), "give each a name of its own")
        yield from _one(unit, test, path) if test.cases is None else _cases(unit, test, path)


def _one(unit: Unit, test: GraphTest, path: Path) -> Iterator[Diagnostic]:
    yield from _given(unit, test, path)
    for node in test.mock:
        yield from _mock(unit, test, node, path)
    for node in test.answers:
        yield from _answer(unit, test, node, path)
    yield from _state(unit, test, path)
    yield from _expected(unit, test.expect, path)
    if not test.expect.model_fields_set and not _says_something(unit, path):
        message = f"test '{test.name}' expects nothing: it can never fail"
        yield finding(unit, "E502", message, (*path, "name"), "add expect: with path, output, outputs or error")


def _cases(unit: Unit, test: GraphTest, path: Path) -> Iterator[Diagnostic]:
    """What is wrong with the cases of a test; a case in a file is named, for it has no place in this one."""
    at: Path = (*path, "cases")
    try:
        cases = expanded(test, unit.graph.inputs, Files(unit.tree.source.name, unit.files))
    except CasesError as fault:
        yield finding(unit, "E501", f"test '{test.name}': {fault}", at)
        return
    for number, case in enumerate(cases):
        here: Path = at if isinstance(test.cases, str) else (*at, number)
        yield from islice(_one(unit, case, here), MOST_OF_A_CASE)


def _given(unit: Unit, test: GraphTest, path: Path) -> Iterator[Diagnostic]:
    inputs = unit.graph.inputs
    for name, value in test.given.items():
        if name not in inputs:
            message = f"test '{test.name}' gives '{name}', which is no input"
            yield finding(unit, "E501", message, (*path, "given", name, "[key]"), hint(name, inputs, "inputs"))
        else:
            yield from _fits(unit, value, inputs[name], (*path, "given", name), f"input '{name}'")
    missing = [name for name in inputs if name in unit.graph.required and name not in test.given]
    if missing and not any(name not in inputs for name in test.given):
        at = (*path, "given", "[key]") if test.given else (*path, "name")
        message = f"test '{test.name}' does not give '{missing[0]}', which is required"
        yield finding(unit, "E501", message, at, f"add {missing[0]}: … under given:")


def _mock(unit: Unit, test: GraphTest, node: str, path: Path) -> Iterator[Diagnostic]:
    at: Path = (*path, "mock", node)
    if node not in unit.graph.nodes:
        message = f"test '{test.name}' has a mock for '{node}', which is no node"
        yield finding(unit, "E501", message, (*at, "[key]"), hint(node, unit.graph.nodes, "nodes"))
        return
    if not unit.graph.nodes[node].sound:
        return
    if unit.flow.shape(node) != "step":
        message = f"'{node}' only leads to other nodes and can have no mock"
        yield finding(unit, "E501", message, (*at, "[key]"), "write a mock for the nodes it leads to")
        return
    written = test.mock[node]
    schema = unit.fixed_type(node) or {}
    several = written if isinstance(written, list) else [written]
    for i, value in enumerate(several):
        here = (*at, i) if isinstance(written, list) else at
        if isinstance(value, dict) and (set(value) == {FAILS} or _is_failure(value, schema)):
            yield from _failure(unit, node, value, here)
            continue
        # What a node fills in by itself, like the usage of a model, need not be made up.
        loose = {key: item for key, item in schema.items() if key != "required"}
        made = unit.kinds[unit.graph.nodes[node].verb].completed(value) if isinstance(value, dict) else value
        yield from _fits(unit, made, loose, here, f"the mock of '{node}'")


def _answer(unit: Unit, test: GraphTest, node: str, path: Path) -> Iterator[Diagnostic]:
    at: Path = (*path, "answers", node)
    asking = [name for name, known in unit.graph.nodes.items() if known.verb in ASKING]
    if node not in asking:
        what = "asks nobody" if node in unit.graph.nodes else "is no node"
        message = f"test '{test.name}' has an answer for '{node}', which {what}"
        yield finding(unit, "E501", message, (*at, "[key]"), hint(node, asking, "nodes that ask"))
    elif node in test.mock:
        message = f"'{node}' has a mock, so nobody is asked"
        yield finding(unit, "E501", message, (*at, "[key]"), "take the mock or the answer out")
    elif unit.graph.nodes[node].verb == "ask" and unit.graph.nodes[node].sound:
        written, schema = test.answers[node], unit.fixed_type(node) or {}
        for value in written if isinstance(written, list) else [written]:
            yield from _fits(unit, value, schema, at, f"the answer to '{node}'")


def _says_something(unit: Unit, path: Path) -> bool:
    """Whether something is expected that could not be read, which has been said already."""
    return bool(unit.tree.get((*path[:2], "expect")))


def _is_failure(mock: dict[str, JsonValue], schema: JsonSchema) -> bool:
    """Whether a mock that is written otherwise is meant to let its node fail."""
    return set(mock) == {"error"} and field(schema, "error") is None


def _failure(unit: Unit, node: str, mock: dict[str, JsonValue], path: Path) -> Iterator[Diagnostic]:
    ((key, kind),) = mock.items()
    if key != FAILS:
        message = f"the mock of '{node}' has the key '{key}', which '{node}' does not return"
        yield finding(
            unit, "E501", message, (*path, key, "[key]"), f"to let '{node}' fail, write {{ {FAILS}: timeout }}"
        )
    elif kind not in ERROR_KINDS:
        message = f"the mock of '{node}' fails as {found(kind)}, which is no kind of error"
        yield finding(unit, "E501", message, (*path, key), hint(str(kind), ERROR_KINDS, "kinds"))


def _state(unit: Unit, test: GraphTest, path: Path) -> Iterator[Diagnostic]:
    for name, value in test.state.items():
        if name not in unit.graph.state:
            message = f"test '{test.name}' begins with state.{name}, which the graph does not have"
            way_out = hint(name, unit.graph.state, "state")
            yield finding(unit, "E501", message, (*path, "state", name, "[key]"), way_out)
        else:
            schema = unit.graph.state[name].schema
            yield from _fits(unit, value, schema, (*path, "state", name), f"state.{name}")


def _expected(unit: Unit, expect: Expectation, path: Path) -> Iterator[Diagnostic]:
    at: Path = (*path, "expect")
    if expect.path is not None:
        yield from _path(unit, expect, at)
    yield from _outputs(unit, expect, at)
    named: list[tuple[str, Path]] = [(name, ("waits_for", i)) for i, name in enumerate(expect.waits_for or ())]
    if expect.error is not None and expect.error.node is not None:
        named.append((expect.error.node, ("error", "node")))
    for node, where in named:
        if node not in unit.graph.nodes:
            message = f"expect.{where[0]} names '{node}', which is no node"
            yield finding(unit, "E501", message, (*at, *where), hint(node, unit.graph.nodes, "nodes"))


def _outputs(unit: Unit, expect: Expectation, at: Path) -> Iterator[Diagnostic]:
    types = {name: output_type(unit, output) for name, output in unit.graph.outputs.items()}
    if expect.output is not None:
        for fault in check_expression(expect.output, FixedNames(types, unit.memory), condition=True).findings:
            place = unit.tree.inside((*at, "output"), fault.offset, fault.length)
            yield Diagnostic("E501", f"expect.output: {fault.message}", place, help=fault.help)
    for name, value in (expect.outputs or {}).items():
        if name not in types:
            message = f"expect.outputs names '{name}', which is no output"
            yield finding(unit, "E501", message, (*at, "outputs", name, "[key]"), hint(name, types, "outputs"))
        else:
            yield from _fits(unit, value, types[name], (*at, "outputs", name), f"output '{name}'")


def _path(unit: Unit, expect: Expectation, at: Path) -> Iterator[Diagnostic]:
    listed = expect.path or ()
    unknown = [(i, name) for i, name in enumerate(listed) if name not in unit.graph.nodes]
    for i, name in unknown:
        message = f"expect.path names '{name}', which is no node"
        yield finding(unit, "E501", message, (*at, "path", i), hint(name, unit.graph.nodes, "nodes"))
    if unknown or not unit.is_flow_known:
        return
    fault = impossible(unit.flow, listed, fails=expect.error is not None)
    if fault is not None:
        message = f"expect.path [{', '.join(listed)}] is not a path in this graph: {fault.message}"
        yield finding(unit, "E501", message, (*at, "path", fault.index), fault.help)


def _fits(unit: Unit, value: JsonValue, schema: JsonSchema, path: Path, what: str) -> Iterator[Diagnostic]:
    for misfit in contract(schema).misfits(value):
        fields = holds(schema, misfit.steps)
        where = f"'{misfit.path}'" if misfit.path else "it"
        help_ = f"{where} may hold {fields}" if fields else None
        yield finding(unit, "E501", f"{what} does not fit: {misfit}", (*path, *misfit.steps), help_)
        return
