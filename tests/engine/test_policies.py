"""What every node may carry: when, retry, timeout, on_error, cache, write; and the names expressions speak."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.engine.plans import World, each, fork, node, plan

from girih.engine.attempts import backoff
from girih.engine.failures import NodeFailedError
from girih.errors import NodeError
from girih.language.compiler.plan import (
    Plan,
    PlanCache,
    PlanNode,
    PlanOnError,
    PlanRetry,
    PlanState,
    PlanTimeout,
)
from girih.language.nodes.base import Leaving
from girih.language.spec.policies import ERROR_KINDS

INTEGER = {"type": "integer"}
LIST = {"type": "array"}


@pytest.fixture
def world() -> World:
    return World()


def with_(made: PlanNode, reads: str = "", **more: Any) -> PlanNode:
    return made.model_copy(update={"reads": tuple(sorted({*made.reads, *reads.split()})), **more})


def on_error(**more: Any) -> PlanOnError:
    return PlanOnError(**({"on": ERROR_KINDS} | more))


def failing(*errors: Exception, then: Any = None) -> Any:
    """Raises one error after another, then gives a result."""
    left = list(errors)

    def act(ctx: Any, values: Any) -> Any:
        if left:
            raise left.pop(0)
        return then

    return act


# --- when


async def test_a_node_whose_when_does_not_hold_is_passed_over(world: World) -> None:
    a = with_(node("a", "b"), "inputs", when="inputs.go")
    graph = plan(a, node("b", "$end"), outputs={"a": "${ a.value }"}, required=[])
    assert (await world.run(graph, {"go": False})).outputs == {}
    assert world.types("a") == ["node.skipped"]
    assert (await World().run(graph, {"go": True})).outputs == {"a": "a"}


async def test_skipping_for_ever_meets_the_limit_of_steps(world: World) -> None:
    graph = plan(with_(node("a", "b"), when="false"), with_(node("b", "a"), when="false"), steps=10)
    outcome = await world.run(graph)
    assert outcome.error is not None
    assert outcome.error["kind"] == "budget"


async def test_a_when_without_a_value_fails(world: World) -> None:
    a = with_(node("a", "$end"), "b", when="b.x")
    outcome = await world.run(plan(a, node("b", "$end"), outputs={"a": "${ a.value }"}))
    assert outcome.error is not None
    assert outcome.error["kind"] == "invalid_output"


# --- retry and timeout

QUICK = PlanRetry(max=2, on=("rate_limit", "timeout", "unavailable"), wait=0.001, longest=0.002)


async def test_a_failure_that_can_pass_is_tried_again(world: World) -> None:
    world.probe.acts["a"] = failing(NodeError("rate_limit", "one"), NodeError("unavailable", "two"))
    outcome = await world.run(plan(with_(node("a", "$end"), retry=QUICK)))
    assert outcome.status == "succeeded"
    assert world.types() == ["node.started", "node.retried", "node.retried", "node.finished"]
    told = [event.data for event in world.events if event.type == "node.retried"]
    assert [(data["attempt"], data["kind"], data["message"]) for data in told] == [
        (1, "rate_limit", "one"),
        (2, "unavailable", "two"),
    ]
    assert all(0 <= data["wait_s"] <= 0.002 for data in told)
    assert len(set(world.probe.keys)) == 1, "an attempt has the key of the one before"


@pytest.mark.parametrize(
    "error",
    [
        NodeError("tool_error", "not among on"),
        NodeError("unavailable", "a refused certificate", can_pass=False),
        KeyError("internal"),
    ],
)
async def test_what_cannot_pass_is_not_tried_again(world: World, error: Exception) -> None:
    world.probe.acts["a"] = failing(error)
    assert (await world.run(plan(with_(node("a", "$end"), retry=QUICK)))).status == "failed"
    assert len(world.probe.ran) == 1


async def test_tries_end(world: World) -> None:
    world.probe.acts["a"] = failing(*[NodeError("timeout", str(n)) for n in range(9)])
    outcome = await world.run(plan(with_(node("a", "$end"), retry=QUICK)))
    assert outcome.error is not None
    assert outcome.error["message"] == "2"


def test_waits_double_with_full_jitter_and_keep_to_what_is_asked() -> None:
    retry = PlanRetry(max=10, on=("rate_limit",), wait=1.0, longest=10.0)

    def waits(number: int, **details: object) -> list[float]:
        failure = NodeFailedError("rate_limit", "", node="a", **details)
        return [backoff(retry, number, failure) for _ in range(200)]

    assert 0.5 < max(waits(1)) <= 1
    assert 2 < max(waits(3)) <= 4
    assert 5 < max(waits(9)) <= 10
    assert min(waits(3)) < 1
    assert set(waits(1, retry_after=7.0)) == {7.0}
    assert set(waits(1, retry_after=700.0)) == {10.0}


async def hang(ctx: Any, values: Any) -> Any:
    await asyncio.sleep(30)


async def test_each_attempt_and_all_of_them_have_a_time(world: World) -> None:
    world.probe.acts["a"] = hang
    a = with_(node("a", "$end"), retry=QUICK, timeout=PlanTimeout(attempt=0.01))
    outcome = await world.run(plan(a))
    assert outcome.error is not None
    assert (outcome.error["kind"], outcome.error["message"]) == ("timeout", "one attempt took more than 0.01 s")
    assert len(world.probe.ran) == 3
    total = World(probe=world.probe)
    a = with_(node("a", "$end"), retry=QUICK, timeout=PlanTimeout(total=0.01))
    outcome = await total.run(plan(a))
    assert outcome.error is not None
    assert outcome.error["message"] == "all attempts together took more than 0.01 s"


async def test_a_retried_fork_repeats_only_what_failed(world: World) -> None:
    world.probe.acts["b"] = failing(NodeError("unavailable", "once"))
    f = with_(fork("f", ["a", "b"], "$end"), retry=QUICK)
    graph = plan(f, node("a", region="a"), node("b", region="b"), outputs={"x": "${ a.value + b.value }"})
    outcome = await world.run(graph)
    assert outcome.outputs == {"x": "ab"}
    assert sorted(world.probe.ran) == ["a", "b", "b"]


# --- on_error


async def test_a_value_stands_in_for_a_failed_node(world: World) -> None:
    world.probe.acts["a"] = failing(NodeError("tool_error", "broken"))
    a = with_(node("a", "b"), "errors inputs", on_error=on_error(value={"value": "${ errors.a.kind + inputs.q }"}))
    graph = plan(a, node("b", "$end", x="${ errors.a.message }"), outputs={"x": "${ a.value }"})
    outcome = await world.run(graph, {"q": "!"})
    assert outcome.outputs == {"x": "tool_error!"}
    assert world.probe.saw["b"] == {"x": "broken"}
    assert world.types("a") == ["node.started", "node.failed", "node.finished"]
    assert world.events[1].data["handled"] == "value"


async def test_a_failure_leads_elsewhere(world: World) -> None:
    world.probe.acts["a"] = failing(NodeError("timeout", "slow"))
    a = with_(node("a", "$end"), on_error=on_error(to="b", on=("timeout",)))
    graph = plan(a, node("b", "$end", x="${ errors.a.kind }"), outputs={"x": "${ a.value }"}, required=[])
    outcome = await world.run(graph)
    assert (outcome.status, outcome.outputs) == ("succeeded", {})
    assert world.probe.saw["b"] == {"x": "timeout"}
    other = World()
    other.probe.acts["a"] = failing(NodeError("refused", "no"))
    assert (await other.run(graph)).status == "failed"


async def test_a_handled_failure_is_forgotten_when_the_node_succeeds(world: World) -> None:
    world.probe.acts["a"] = failing(NodeError("timeout", "slow"))
    a = with_(node("a", "b"), on_error=on_error(to="b"))
    b = with_(node("b", ("a", "visits('a') < 2"), "$end", failed="${ has(errors.a) }"), "visits")
    assert (await world.run(plan(a, b))).status == "succeeded"
    assert world.probe.saw["b"] == {"failed": False}
    assert world.probe.ran == ["a", "b", "a", "b"]


async def test_a_value_of_the_wrong_shape_is_no_result(world: World) -> None:
    world.probe.acts["a"] = failing(NodeError("timeout", "slow"))
    a = with_(node("a", "$end"), on_error=on_error(value={"n": "text"}))
    a = a.model_copy(update={"returns": {"type": "object", "properties": {"n": INTEGER}}})
    outcome = await world.run(plan(a))
    assert outcome.error is not None
    assert outcome.error["kind"] == "invalid_output"


async def test_fail_is_a_target_of_a_failure(world: World) -> None:
    world.probe.acts["a"] = failing(NodeError("timeout", "slow"))
    outcome = await world.run(plan(with_(node("a", "$end"), on_error=on_error(to="$fail"))))
    assert outcome.error is not None
    assert outcome.error["kind"] == "refused"


# --- cache


async def test_the_same_values_give_the_cached_result(world: World) -> None:
    a = with_(node("a", "$end", q="${ inputs.q }"), cache=PlanCache(ttl=60))
    graph = plan(a, outputs={"x": "${ a.value }"})
    for q in (1, 2, 1):
        world.events.clear()
        assert (await world.run(graph, {"q": q})).outputs == {"x": "a"}
    assert world.probe.ran == ["a", "a"]
    assert world.events[-1].data["cached"] is True


async def test_a_key_replaces_the_values_and_failures_are_not_cached(world: World) -> None:
    world.probe.acts["a"] = failing(NodeError("timeout", "first"))
    a = with_(node("a", "$end", q="${ inputs.q }"), cache=PlanCache(ttl=60, key=("${ inputs.k }",)))
    for q in (1, 2, 3):
        await world.run(plan(a), {"q": q, "k": 1})
    assert world.probe.ran == ["a", "a"]


async def test_a_cache_that_is_away_costs_nothing_but_the_result(world: World, caplog: Any) -> None:
    class Away:
        async def get(self, key: str) -> Any:
            raise NodeError("unavailable", "away")

        async def put(self, key: str, result: Any, ttl: float) -> None:
            raise NodeError("unavailable", "away")

    world.cache = Away()  # type: ignore[assignment]
    assert (await world.run(plan(with_(node("a", "$end"), cache=PlanCache(ttl=60))))).status == "succeeded"
    assert "away" in caplog.text


# --- shared state


def state(graph: Plan, **values: PlanState) -> Plan:
    return graph.model_copy(update={"state": values})


SUM = PlanState(type=INTEGER, merge="sum", default=0)
NOTES = PlanState(type=LIST, merge="append", default=[])


@pytest.mark.parametrize(
    ("merge", "default", "writes", "result"),
    [
        ("last", 0, [1, 2], 2),
        ("append", [], [1, [2, 3]], [1, 2, 3]),
        ("sum", 5, [1, 2], 8),
        ("min", 5, [7, 2], 2),
        ("max", None, [1, 7], 7),
        ("union", [1], [[1, 2], True], [1, 2, True]),
    ],
)
async def test_writes_come_together_by_the_rule(
    world: World, merge: Any, default: Any, writes: list[Any], result: Any
) -> None:
    nodes = [with_(node(f"n{i}", f"n{i + 1}"), writes={"x": value}) for i, value in enumerate(writes)]
    graph = plan(*nodes, node("n2", "$end", x="${ state.x }"), outputs={"x": "${ state.x }"})
    outcome = await world.run(state(graph, x=PlanState(type={}, merge=merge, default=default)))
    assert outcome.outputs == {"x": result}
    assert outcome.state == {"x": result}
    assert world.probe.saw["n2"] == {"x": result}


async def test_a_write_sees_the_own_result_and_routes_see_the_write(world: World) -> None:
    world.probe.acts["a"] = lambda ctx, values: {"n": 2}
    a = with_(node("a", ("a", "state.x < 6"), "$end"), "a state", writes={"x": "${ a.n }", "notes": "${ string(a.n) }"})
    outcome = await world.run(state(plan(a, outputs={"x": "${ state.x }"}), x=SUM, notes=NOTES))
    assert outcome.state == {"x": 6, "notes": ["2", "2", "2"]}
    assert world.types("a")[:3] == ["node.started", "node.finished", "state.updated"]


async def test_a_value_without_a_default_is_not_there_before_its_first_write(world: World) -> None:
    graph = plan(node("a", "$end"), outputs={"x": "${ state.?x.orValue(7) }"})
    outcome = await world.run(state(graph, x=PlanState(type=INTEGER, merge="max", default=None)))
    assert outcome.outputs == {"x": 7}


async def test_branches_write_in_the_order_they_are_written(world: World) -> None:
    async def late(ctx: Any, values: Any) -> None:
        await asyncio.sleep(0.01)

    world.probe.acts["a"] = late
    graph = plan(
        fork("f", ["a", "b"], "c"),
        with_(node("a", "a2", region="a"), writes={"notes": "a"}),
        node("a2", region="a", seen="${ state.notes }"),
        with_(node("b", region="b"), writes={"notes": "b"}),
        node("c", "$end", seen="${ state.notes }"),
        outputs={"x": "${ state.notes }"},
    )
    before = with_(node("start", "f"), writes={"notes": "0"})
    outcome = await world.run(state(plan(before, *graph.nodes, outputs={"x": "${ state.notes }"}), notes=NOTES))
    assert outcome.outputs == {"x": ["0", "a", "b"]}
    assert world.probe.saw["a2"] == {"seen": ["0", "a"]}
    assert world.probe.saw["c"] == {"seen": ["0", "a", "b"]}


async def test_what_lost_has_written_nothing(world: World) -> None:
    reached = asyncio.Event()

    async def lose(ctx: Any, values: Any) -> None:
        reached.set()
        await asyncio.sleep(30)

    async def win(ctx: Any, values: Any) -> None:
        await reached.wait()

    world.probe.acts = {"a2": lose, "b": win}
    graph = plan(
        fork("f", ["a", "b"], "$end", join="any"),
        with_(node("a", "a2", region="a"), writes={"notes": "a"}),
        node("a2", region="a"),
        with_(node("b", region="b"), writes={"notes": "b"}),
        outputs={"x": "${ state.notes }", "winner": "${ f.winner }"},
    )
    outcome = await world.run(state(graph, notes=NOTES))
    assert outcome.outputs == {"x": ["b"], "winner": "b"}
    assert world.types("a2") == ["node.started", "node.cancelled"]


async def test_a_chat_keeps_its_messages_by_id(world: World) -> None:
    graph = plan(node("a", "$end", m="${ state.messages }"), outputs={"text": "${ a.value }"}).model_copy(
        update={"chat": {"input": "q", "output": "text"}}
    )
    first = await world.run(graph, {"q": "hello"})
    messages = first.state["messages"]
    assert [(m["role"], m["content"]) for m in messages] == [("user", "hello"), ("assistant", "a")]
    assert world.probe.saw["a"] == {"m": messages[:1]}
    world.state = {"messages": messages}
    world.store = World().store
    again = await world.run(graph, {"q": "hello"})
    assert again.state["messages"] == messages, "the same run says the same thing once"


# --- names and exits


async def test_the_names_of_a_run(world: World) -> None:
    seen = {
        "id": "${ run.id }",
        "at": "${ run.started_at }",
        "attempt": "${ run.attempt }",
        "user": "${ run.?user.orValue('-') }",
    }
    await world.run(plan(node("a", "$end", **seen)))
    at = datetime(1970, 1, 1, tzinfo=UTC).isoformat()
    assert world.probe.saw["a"] == {"id": "run-1", "at": at, "attempt": 1, "user": "-"}


async def test_visits_count_what_has_ended_also_in_branches(world: World) -> None:
    b = with_(node("b", ("a", "visits('b') < 3"), "$end", a="${ visits('a') }"), "visits")
    graph = plan(
        node("a", "f"),
        fork("f", ["x", "y"], "b"),
        node("x", region="x", a="${ visits('a') * 10 + visits('x') }"),
        node("y", region="y"),
        b,
    )
    graph = graph.model_copy(update={"nodes": tuple(with_(n, "visits") for n in graph.nodes)})
    assert (await world.run(graph)).status == "succeeded"
    assert world.probe.saw == {"a": {}, "x": {"a": 32}, "y": {}, "b": {"a": 3}}


async def test_a_node_leaves_by_an_exit_with_or_without_a_result(world: World) -> None:
    world.probe.acts["a"] = lambda ctx, values: Leaving("late", {"value": "in time?"} if values["keep"] else None)
    a = with_(node("a", "$fail", keep="${ inputs.keep }"), exits={"late": "b"})
    graph = plan(a, node("b", "$end"), outputs={"x": "${ a.value }"}, required=[])
    assert (await world.run(graph, {"keep": True})).outputs == {"x": "in time?"}
    assert (await World(probe=world.probe).run(graph, {"keep": False})).outputs == {}
    assert world.events[1].data["exit"] == "late"


async def test_binds_are_seen_in_conditions_and_forks_below(world: World) -> None:
    world.probe.act = lambda ctx, values: {"n": values.get("n", 0)}
    graph = plan(
        each("all", "f", "${ [1, 2] }", "$end", gives="${ x.n + y.n }", as_="n"),
        fork("f", ["x", "y"], region="f"),
        node("x", ("x2", "n == 1"), "x3", region="x", n="${ n * 10 }"),
        node("x2", region="x"),
        node("x3", region="x"),
        node("y", region="y", n="${ index }"),
        outputs={"n": "${ all.items }"},
    )
    assert (await world.run(graph)).outputs == {"n": [10, 21]}
    assert "all[0]/x2" in world.probe.ran
    assert "all[1]/x3" in world.probe.ran
