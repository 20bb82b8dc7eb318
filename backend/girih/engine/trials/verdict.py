"""What a test expects, held against what came of its run: each miss is a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from girih.engine.context import Outcome
from girih.engine.events import NewEvent
from girih.language.compiler.plan import Plan
from girih.language.expressions.cel import Condition, ExpressionError
from girih.language.spec.graph_tests import Bounds, ExpectedError, GraphTest
from girih.language.spec.tree import JsonObject, JsonValue

LONGEST = 300
"""Characters of a value that a sentence shows."""


def misses_of(
    plan: Plan, test: GraphTest, outcome: Outcome, path: Sequence[str], events: Iterable[NewEvent], steps: int
) -> Iterator[str]:
    """Every way in which a run is not what the test expects, under the name of the expectation."""
    expect = test.expect
    yield from _end(plan, test, outcome)
    if expect.path is not None and not _is_path(plan, expect.path, path):
        yield f"expect.path: the path was [{', '.join(path)}], expected [{', '.join(expect.path)}]"
    outputs = outcome.outputs if outcome.outputs is not None else {}
    for name, value in (expect.outputs or {}).items():
        if name not in outputs or not _same(outputs[name], value):
            found = shown(outputs[name]) if name in outputs else "not there"
            yield f"expect.outputs.{name} is {found}, expected {shown(value)}"
    if expect.output is not None and outcome.outputs is not None:
        yield from _condition(expect.output, outputs)
    if expect.events is not None:
        yield from _events(expect.events, [event.type for event in events])
    yield from _bounded("cost_usd", float(outcome.usage.get("cost_usd", 0.0)), expect.cost_usd)
    yield from _bounded("steps", steps, expect.steps)


def shown(value: JsonValue) -> str:
    """A value in a sentence."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _end(plan: Plan, test: GraphTest, outcome: Outcome) -> Iterator[str]:
    """Whether the run ended as it should: well, with a failure, or by waiting."""
    expect = test.expect
    nodes = [pause.node for pause in outcome.pauses]
    if expect.waits_for is not None:
        if sorted(set(nodes)) != sorted(set(expect.waits_for)):
            found = f"waits for [{', '.join(nodes)}]" if nodes else _ended(outcome)
            yield f"expect.waits_for: the run {found}, expected that it waits for [{', '.join(expect.waits_for)}]"
    elif nodes:
        yield f"the run waits at '{nodes[0]}': give it an answer under answers:, or expect waits_for"
    elif expect.error is not None:
        yield from _failure(expect.error, outcome)
    elif outcome.error is not None:
        yield f"the run {_ended(outcome)}{_way_out(plan, test, outcome.error)}"


def _failure(expected: ExpectedError, outcome: Outcome) -> Iterator[str]:
    error = outcome.error
    if error is None:
        yield f"expect.error: the run {_ended(outcome)}, expected a failure"
        return
    for name, wanted in (("kind", expected.kind), ("node", expected.node)):
        if wanted is not None and error[name] != wanted:
            yield f"expect.error.{name}: the run failed with {name} '{error[name]}', expected '{wanted}'"
    if expected.message is not None and expected.message not in error["message"]:
        yield f'expect.error.message: the failure says "{error["message"]}", expected "{expected.message}" in it'


def _ended(outcome: Outcome) -> str:
    if outcome.error is None:
        return "ended well"
    where = f" at '{outcome.error['node']}'" if outcome.error.get("node") else ""
    return f"failed{where} ({outcome.error['kind']}): {outcome.error['message']}"


def _way_out(plan: Plan, test: GraphTest, error: JsonObject) -> str:
    """How to give a result to a node that reached for something that a test does not have."""
    node = next((node for node in plan.nodes if node.name == error.get("node")), None)
    if node is None or node.name in test.mock or error["kind"] != "unavailable":
        return ""
    needed = node.returns.get("required") or node.returns.get("properties") or ()
    return f"; give it a result: mock: {{ {node.name}: {{ {', '.join(f'{name}: …' for name in needed)} }} }}"


def _is_path(plan: Plan, wanted: Sequence[str], path: Sequence[str]) -> bool:
    """Whether these nodes finished in this order; branches that run side by side each in an order of their own."""
    if sorted(wanted) != sorted(path):
        return False
    regions = {node.name: node.region for node in plan.nodes}
    for region in {regions.get(name) for name in wanted}:
        if [n for n in wanted if regions.get(n) == region] != [n for n in path if regions.get(n) == region]:
            return False
    return True


def _condition(text: str, outputs: JsonObject) -> Iterator[str]:
    try:
        if not Condition(text).holds(outputs):
            yield f"expect.output: `{text}` does not hold; the outputs are {shown(outputs)}"
    except ExpressionError as fault:
        yield f"expect.output: `{text}` cannot be decided: {fault}; the outputs are {shown(outputs)}"


def _events(wanted: Sequence[str], found: Sequence[str]) -> Iterator[str]:
    left = iter(found)
    for name in wanted:
        if name not in left:
            there = ", ".join(dict.fromkeys(found))
            yield f"expect.events: '{name}' did not come, or not in this order; there were: {there}"
            return


def _bounded(name: str, value: float, bounds: Bounds | None) -> Iterator[str]:
    if bounds is None:
        return
    if bounds.max is not None and value > bounds.max:
        yield f"expect.{name}: it is {value:g}, at most {bounds.max:g} is expected"
    if bounds.min is not None and value < bounds.min:
        yield f"expect.{name}: it is {value:g}, at least {bounds.min:g} is expected"


def _same(found: JsonValue, wanted: JsonValue) -> bool:
    """Equal as JSON: true is not 1, and 1.0 is 1."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(_same(found[key], wanted[key]) for key in wanted)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(_same, found, wanted))
    return bool(found == wanted)
