"""Limits while a run goes on: steps, wall time, tokens, USD and depth, also in branches that run at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.engine.plans import World, each, fork, node, plan

from girih.engine.context import Outcome, Spent
from girih.language.compiler.plan import Plan, PlanLimits, PlanNode, PlanOnError
from girih.language.nodes.ports import Message, ModelDone, ModelEvent, ModelRequest, TextDelta, Usage


@dataclass
class SlowModels:
    """Each call costs the same, and takes its time; `peak` is how many were under way at once."""

    usage: Usage = field(default_factory=lambda: Usage(6, 4, 0.01))
    calls: int = 0
    running: int = 0
    peak: int = 0
    closed: int = 0

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        self.calls += 1
        self.running += 1
        self.peak = max(self.peak, self.running)
        try:
            yield TextDelta("x")
            await asyncio.sleep(0.005)
            yield ModelDone(self.usage, "m", "p")
        finally:
            self.running -= 1
            self.closed += 1


def limited(graph: Plan, **limits: Any) -> Plan:
    return graph.model_copy(update={"limits": PlanLimits(**limits)})


async def ask_model(ctx: Any, values: Any) -> Any:
    request = ModelRequest(("m",), (Message("user", "hello"),), {"max_tokens": 5})
    async for _ in ctx.ports.models.stream(request):
        pass


def eight(*, calls: int = 2) -> Plan:
    """Eight branches at once, each with some nodes that call a model."""
    nodes: list[PlanNode] = []
    for branch in "abcdefgh":
        names = [f"{branch}{n}" for n in range(calls)]
        nodes += [node(name, *names[i + 1 : i + 2], region=names[0]) for i, name in enumerate(names)]
    return plan(fork("f", [f"{branch}0" for branch in "abcdefgh"], "$end"), *nodes)


def busy() -> World:
    world = World(models=SlowModels())  # type: ignore[arg-type]
    world.probe.act = ask_model
    return world


def kind(outcome: Outcome) -> str:
    assert outcome.error is not None
    return str(outcome.error["kind"])


@pytest.mark.parametrize("limit", [1, 10, 35, 95, 140])
async def test_branches_overspend_tokens_by_one_call_at_most(limit: int) -> None:
    world = busy()
    outcome = await world.run(limited(eight(), tokens=limit))
    assert kind(outcome) == "budget"
    used = outcome.usage["input_tokens"] + outcome.usage["output_tokens"]
    assert limit <= used < limit + 10


@pytest.mark.parametrize("limit", [0.001, 0.035, 0.1, 0.14])
async def test_branches_overspend_money_by_one_call_at_most(limit: float) -> None:
    world = busy()
    outcome = await world.run(limited(eight(), cost_usd=limit))
    assert kind(outcome) == "budget"
    assert limit <= outcome.usage["cost_usd"] < limit + 0.01 + 1e-9


async def test_a_limit_far_away_slows_nothing_down() -> None:
    world = busy()
    assert (await world.run(limited(eight(), tokens=1_000_000))).status == "succeeded"
    assert world.models.peak == 8  # type: ignore[attr-defined]


async def test_branches_take_no_step_too_many() -> None:
    world = World()
    outcome = await world.run(limited(eight(calls=5), steps=20))
    assert kind(outcome) == "budget"
    assert len(world.probe.ran) == 19, "and one for the fork"


async def test_items_count_their_steps_on_their_own() -> None:
    graph = plan(
        each("all", "one", "${ inputs.n }", "$end"),
        node("one", ("one", "visits('one') < inputs.times"), "end", region="one").model_copy(
            update={"reads": ("visits", "inputs")}
        ),
        node("end", region="one"),
    )
    world = World()
    assert (await world.run(limited(graph, steps=4), {"n": [0] * 50, "times": 3})).status == "succeeded"
    assert len(world.probe.ran) == 200
    assert kind(await World().run(limited(graph, steps=4), {"n": [0, 1], "times": 4})) == "budget"


async def test_what_earlier_attempts_used_counts() -> None:
    world = busy()
    world.spent = Spent(Usage(50, 45), 0.0)
    outcome = await world.run(limited(eight(), tokens=100))
    assert kind(outcome) == "budget"
    assert outcome.usage["input_tokens"] + outcome.usage["output_tokens"] == 105


async def test_time_is_up() -> None:
    world = World()
    reached = asyncio.Event()

    async def hang(ctx: Any, values: Any) -> None:
        reached.set()
        await asyncio.sleep(30)

    world.probe.acts["b"] = hang
    graph = limited(plan(node("a", "b"), node("b", "$end")), wall=0.05)
    outcome = await world.run(graph)
    assert outcome.error is not None
    assert (outcome.error["kind"], outcome.error["message"]) == ("budget", "the run took 0.05 s, its limit")
    assert reached.is_set()
    assert world.types("b") == ["node.started", "node.cancelled"]
    late = World(spent=Spent(wall=1.0))
    assert kind(await late.run(graph)) == "budget"


def nested(world: World, inner: Plan, **more: Any) -> PlanNode:
    world.plans[inner.digest] = inner
    call = node("sub", "$end", verb="graph", **{"with": {}})
    return call.model_copy(update={"settings": {"name": "inner", "digest": inner.digest}, **more})


async def test_a_subgraph_counts_for_the_graphs_around_it_and_is_bound_by_its_own_limits() -> None:
    world = busy()
    inner = limited(plan(node("x", "y"), node("y", "$end"), name="inner"), tokens=15)
    assert (await world.run(plan(nested(world, inner)))).status == "succeeded", "x uses 10, so y may begin"
    tight = limited(inner, tokens=10)
    assert kind(await world.run(plan(nested(world, tight)))) == "budget"
    world = busy()
    handled = PlanOnError(on=("budget",), value={})
    outcome = await world.run(plan(nested(world, tight, on_error=handled)))
    assert outcome.status == "succeeded"
    assert outcome.usage == {"input_tokens": 6, "output_tokens": 4, "cost_usd": 0.01}
    world = busy()
    free = limited(inner, tokens=None)
    assert kind(await world.run(limited(plan(nested(world, free)), tokens=10))) == "budget"


async def test_graphs_nest_no_deeper_than_allowed() -> None:
    world = World()
    inner = plan(node("x", "$end"), name="g0")
    for level in range(1, 4):
        inner = plan(nested(world, inner), name=f"g{level}")
    assert (await world.run(limited(inner, depth=3))).status == "succeeded"
    outcome = await World(plans=world.plans).run(limited(inner, depth=2))
    assert kind(outcome) == "budget"


async def test_cancelled_calls_are_really_ended_and_leave_no_task() -> None:
    world = World(models=SlowModels())  # type: ignore[arg-type]
    before = asyncio.all_tasks()

    async def forever(ctx: Any, values: Any) -> None:
        async for _ in ctx.ports.models.stream(ModelRequest(("m",), ())):
            await asyncio.sleep(30)

    async def win(ctx: Any, values: Any) -> None:
        while world.models.running < 2:  # type: ignore[attr-defined]
            await asyncio.sleep(0)

    world.probe.acts = {"a": forever, "b": forever, "c": win}
    graph = plan(fork("f", ["a", "b", "c"], "$end", join="any"), *(node(n, region=n) for n in "abc"))
    assert (await world.run(graph)).status == "succeeded"
    assert (world.models.running, world.models.closed) == (0, 2)  # type: ignore[attr-defined]
    assert asyncio.all_tasks() == before


async def test_a_failed_branch_ends_the_answers_of_the_others() -> None:
    world = World(models=SlowModels())  # type: ignore[arg-type]

    async def abandons(ctx: Any, values: Any) -> None:
        async for _ in ctx.ports.models.stream(ModelRequest(("m",), ())):
            raise TimeoutError

    world.probe.acts["a"] = abandons
    assert kind(await world.run(plan(node("a", "$end")))) == "timeout"
    assert world.models.running == 0  # type: ignore[attr-defined]
