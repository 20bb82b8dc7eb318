"""Tests of graphs, run: mocks, answers, expectations, coverage, and one node alone."""

from __future__ import annotations

from typing import Any

import pytest

from girih.engine.trials.alone import alone
from girih.engine.trials.coverage import Seen, coverage_of
from girih.engine.trials.trial import Report, Surroundings, run_trial
from girih.errors import InvalidInput
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Workspace
from girih.language.nodes.ports import ModelDone, TextDelta, Usage
from girih.language.nodes.registry import kinds
from girih.language.spec.graph_tests import GraphTest
from girih.providers.fakes.absent import NoSandbox, NoScanner
from girih.providers.fakes.cache import InProcessCache
from girih.providers.fakes.events import RecordedEvents
from girih.providers.fakes.memory import InProcessMemory
from girih.wiring.trials import NoKnowledge

GRAPH = """\
kind: graph/v1
name: desk
inputs: { question: string, n: { type: integer, default: 2 } }
use: { m: model://default, kb: knowledge://shop }
state: { notes: { type: [string], merge: append } }
nodes:
  sort:
    llm: m
    prompt: "${ inputs.question }"
    returns: { intent: { enum: [faq, refund, list] } }
    retry: 1
    on_error: { to: sorry }
    next: [{ if: "sort.intent == 'refund'", to: which }, { if: "sort.intent == 'list'", to: all }, { else: gather }]
  which:
    ask: { message: Which order?, returns: { reply: string }, timeout: 1h, on_timeout: $fail }
    write: { notes: ["${ which.reply }"] }
    next: { to: sort, max_visits: 3 }
  gather: { parallel: [one, two], next: $end }
  one: { retrieve: kb, query: "${ inputs.question }" }
  two: { llm: m, prompt: "${ inputs.question }", next: three }
  three: { set: { z: "${ two.text }!" } }
  all: { each: mark, over: "${ [1, 2, 3] }", next: nap }
  mark: { set: { n: "${ item }" } }
  nap: { wait: 10d, next: $end }
  sorry: { end: { status: failed, reason: Sorry } }
outputs: { text: "${ three.?z.orValue(state.notes.size() > 0 ? state.notes[0] : 'none') }" }
limits: { steps: 30 }
"""
SHOP = "kind: collection/v1\nname: shop\n"


def plan_of(text: str = GRAPH) -> Plan:
    made = compile_workspace(Workspace({"desk.yaml": text, "shop.yaml": SHOP}))
    assert made.plans, made.diagnostics
    return made.plans["desk"]


class Speaking:
    """A model that says the same to everybody."""

    async def stream(self, request: Any) -> Any:
        yield TextDelta("hello")
        yield ModelDone(Usage(3, 1, 0.5), "m", "p")


def around() -> Surroundings:
    async def plans(digest: str) -> Plan:
        raise AssertionError(digest)

    return Surroundings(
        models=Speaking(),
        retriever=NoKnowledge(),
        tools=None,  # type: ignore[arg-type]
        memory=InProcessMemory(),
        sandbox=NoSandbox(),
        scanner=NoScanner(),
        events=RecordedEvents(),
        cache=InProcessCache(),
        plans=plans,
    )


async def tried(plan: Plan | None = None, **written: Any) -> Report:
    test = GraphTest.model_validate({"name": "t", "given": {"question": "q"}, **written})
    return await run_trial(kinds(), plan or plan_of(), test, around())


async def test_mocks_stand_in_and_the_rest_runs() -> None:
    report = await tried(
        mock={"sort": {"intent": "faq"}, "one": {"hits": []}},
        expect={
            "path": ["sort", "two", "three", "one", "gather"],
            "output": "text == 'hello!'",
            "outputs": {"text": "hello!"},
            "events": ["node.started", "message.completed", "node.finished"],
            "cost_usd": 0.5,
            "steps": {"min": 5, "max": 5},
        },
    )
    assert report.misses == ()
    assert report.outputs == {"text": "hello!"}


async def test_every_miss_is_a_sentence() -> None:
    report = await tried(
        mock={"sort": {"intent": "faq"}, "one": {"hits": []}},
        expect={
            "path": ["sort", "gather"],
            "output": "text == 'x'",
            "outputs": {"text": "y"},
            "events": ["tool.started"],
            "cost_usd": 0.1,
            "steps": {"min": 9},
        },
    )
    assert [miss.split(";")[0] for miss in report.misses] == [
        "expect.path: the path was [sort, one, two, three, gather], expected [sort, gather]",
        'expect.outputs.text is "hello!", expected "y"',
        "expect.output: `text == 'x'` does not hold",
        "expect.events: 'tool.started' did not come, or not in this order",
        "expect.cost_usd: it is 0.5, at most 0.1 is expected",
        "expect.steps: it is 5, at least 9 is expected",
    ]


async def test_a_list_gives_one_result_for_each_visit_and_answers_one_for_each_question() -> None:
    report = await tried(
        mock={"sort": [{"intent": "refund"}, {"intent": "refund"}, {"intent": "list"}]},
        answers={"which": [{"reply": "12"}, {"reply": "13"}]},
        expect={
            "path": ["sort", "which", "sort", "which", "sort", "mark", "mark", "mark", "all", "nap"],
            "outputs": {"text": "12"},
        },
    )
    assert report.misses == ()


async def test_without_an_answer_the_run_waits() -> None:
    mock = {"sort": {"intent": "refund"}}
    report = await tried(mock=mock, expect={"waits_for": ["which"]})
    assert report.passed
    assert report.waits_for == ("which",)
    assert (await tried(mock=mock, expect={"path": ["sort"]})).misses == (
        "the run waits at 'which': give it an answer under answers:, or expect waits_for",
    )
    assert (await tried(mock={"sort": {"$error": "timeout"}}, expect={"waits_for": ["which"]})).misses == (
        "expect.waits_for: the run failed at 'sorry' (refused): Sorry, expected that it waits for [which]",
    )


@pytest.mark.parametrize(
    ("mock", "expect", "misses"),
    [
        ({"sort": {"$error": "timeout"}}, {"error": {"kind": "refused", "node": "sorry", "message": "Sorry"}}, ()),
        ({"sort": {"intent": "refund"}, "which": {"$error": "timeout"}}, {"error": "refused"}, ()),
        ({"sort": {"intent": "faq"}}, {"error": {"node": "one"}}, ()),
        (
            {"sort": {"intent": "faq"}, "one": {"hits": []}},
            {"error": "timeout"},
            ("expect.error: the run ended well, expected a failure",),
        ),
        (
            {"sort": {"$error": "timeout"}},
            {"error": {"kind": "timeout", "node": "sort", "message": "x"}},
            (
                "expect.error.kind: the run failed with kind 'refused', expected 'timeout'",
                "expect.error.node: the run failed with node 'sorry', expected 'sort'",
                'expect.error.message: the failure says "Sorry", expected "x" in it',
            ),
        ),
    ],
)
async def test_failures(mock: Any, expect: Any, misses: tuple[str, ...]) -> None:
    assert (await tried(mock=mock, expect=expect)).misses == misses


async def test_a_failure_nobody_expected_is_told_with_its_way_out() -> None:
    report = await tried(mock={"sort": {"intent": "faq"}}, expect={"steps": 9})
    assert report.misses[0] == (
        "the run failed at 'one' (unavailable): a test reaches no documents, and this node searches 'shop'; "
        "give it a result: mock: { one: { hits: … } }"
    )


async def test_inputs_that_do_not_fit_are_told() -> None:
    report = await run_trial(kinds(), plan_of(), GraphTest.model_validate({"name": "t"}), around())
    assert report.misses[0].startswith("the inputs do not fit: ")


async def test_what_tests_have_taken_adds_up() -> None:
    plan, seen = plan_of(), Seen()
    first = await tried(plan, mock={"sort": {"intent": "faq"}, "one": {"hits": []}})
    found = coverage_of(plan, first.seen)
    assert (found.nodes, found.nodes_seen) == (10, 5)
    assert ("gather/join", "$end") not in found.missing_ways
    assert ("sort", "which") in found.missing_ways
    for mock in (
        {"sort": [{"intent": "refund"}, {"intent": "list"}]},
        {"sort": {"$error": "timeout"}},
        {"sort": {"intent": "refund"}, "which": {"$error": "timeout"}},
    ):
        seen |= (await tried(plan, mock=mock, answers={} if "which" in mock else {"which": {"reply": "1"}})).seen
    found = coverage_of(plan, seen | first.seen)
    assert (found.missing_nodes, found.missing_ways) == ((), ())
    assert found.ways == found.ways_seen


async def test_a_node_runs_alone_with_what_it_is_given() -> None:
    ready = alone(plan_of(), "three", {"two": {"text": "hi"}}, kinds())
    report = await tried(ready)
    assert [event.data["output"] for event in report.events if event.type == "node.finished"][-1] == {"z": "hi!"}
    fork = await tried(alone(plan_of(), "all", {}, kinds()))
    assert fork.path == ("mark", "mark", "mark", "all")


@pytest.mark.parametrize(
    ("node", "results", "says"),
    [("thre", {}, "has no node 'thre'"), ("three", {}, "reads the result of 'two'"), ("two", {"x": {}}, "no node 'x'")],
)
def test_what_cannot_run_alone(node: str, results: Any, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        alone(plan_of(), node, results, kinds())


async def test_a_hit_needs_only_what_tells_something() -> None:
    report = await tried(
        mock={
            "sort": {"intent": "faq"},
            "one": [{"hits": [{"document": "a.md", "text": "A."}, {"document": "b.md", "text": "B.", "score": 0.5}]}],
        },
        expect={"error": "timeout"},
    )
    [found] = [e.data["output"]["hits"] for e in report.events if e.type == "node.finished" and e.node == "one"]
    assert [hit["chunk_id"] for hit in found] == ["chunk-1", "chunk-2"]
    assert [hit["score"] for hit in found] == [1.0, 0.5]
