"""Breakpoints: where a run stops, in branches, items, loops and subgraphs, and that nothing runs twice for it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tests.engine.plans import World, each, fork, node, plan
from tests.engine.test_resume import with_subgraph

from girih.engine.breakpoints import Breakpoints
from girih.engine.context import Outcome
from girih.language.compiler.plan import Plan
from girih.language.nodes.pausing import PauseRequest, Reply

LINE = plan(node("a", "b"), node("b", "c"), node("c", "$end"), outputs={"all": "${ a.value + b.value + c.value }"})
LOOP = plan(
    node("a", "b"),
    node("b", ("a", "visits.b < 3", 5), "$end"),
    outputs={"last": "${ b.value }"},
)
FORK = plan(
    fork("f", ["a", "b"], "z"),
    node("a", region="a"),
    node("b", "b2", region="b"),
    node("b2", region="b"),
    node("z", "$end", x="${ a.value + b2.value }"),
    outputs={"all": "${ a.value + b.value + b2.value + z.value }"},
)


def stopping(before: str = "", after: str = "") -> World:
    return World(breakpoints=Breakpoints(frozenset(before.split()), frozenset(after.split())))


def stops(outcome: Outcome) -> list[str]:
    """Where the run waits, as `before a`."""
    assert all(one.request.kind == "breakpoint" for one in outcome.pauses)
    return sorted(f"{one.request.details['when']} {one.node}" for one in outcome.pauses)


async def walk(world: World, graph: Plan, inputs: Any = None) -> tuple[list[list[str]], Outcome]:
    """Let the run go on from every stop, each time in another process; gives the stops and the end."""
    outcome, found = await world.run(graph, inputs), []
    while outcome.status == "interrupted":
        found.append(stops(outcome))
        assert len(found) < 40
        again = await world.run(graph, inputs, resume=True)
        assert again.pauses == outcome.pauses, "it stays there until it is let go on"
        world.replies |= {one.id: Reply("answered", None) for one in outcome.pauses}
        world.engine = world.fresh_engine()
        outcome = await world.run(graph, inputs, resume=True)
    return found, outcome


async def test_a_run_stops_before_and_after_a_node() -> None:
    world = stopping(before="b", after="b")
    found, outcome = await walk(world, LINE)
    assert found == [["before b"], ["after b"]]
    assert outcome.outputs == {"all": "abc"}
    assert world.probe.ran == ["a", "b", "c"]
    assert world.types("b") == ["node.started", "node.finished"]


async def test_every_node_and_the_last_one_too() -> None:
    world = stopping(before="*", after="*")
    found, outcome = await walk(world, LINE)
    assert [stop for (stop,) in found] == [f"{when} {name}" for name in "abc" for when in ("before", "after")]
    assert (outcome.status, world.probe.ran) == ("succeeded", ["a", "b", "c"])


async def test_each_visit_of_a_loop_stops() -> None:
    world = stopping(before="b", after="a")
    found, outcome = await walk(world, LOOP)
    assert found == [["after a"], ["before b"]] * 3
    assert (outcome.status, world.probe.ran) == ("succeeded", ["a", "b"] * 3)


async def test_branches_stop_on_their_own_and_nothing_runs_again() -> None:
    world = stopping(before="b2", after="a b")
    found, outcome = await walk(world, FORK)
    assert found[0] == ["after a", "after b"]
    assert found[1:] == [["before b2"]]
    assert outcome.outputs == {"all": "abb2z"}
    assert Counter(world.probe.ran) == Counter(["a", "b", "b2", "z"])


@pytest.mark.parametrize("chain", [False, True])
async def test_each_item_stops(chain: bool) -> None:
    tail = (node("one", "two", region="one"), node("two", region="one")) if chain else (node("one", region="one"),)
    graph = plan(
        each("all", "one", "${ inputs.n }", "$end", gives="${ one.value }"),
        *tail,
        inputs={"type": "object"},
        outputs={"items": "${ all.items }"},
    )
    world = stopping(after="one", before="two")
    found, outcome = await walk(world, graph, {"n": [1, 2, 3]})
    assert found[0] == [f"after all[{n}]/one" for n in range(3)]
    assert outcome.outputs == {"items": [f"all[{n}]/one" for n in range(3)]}
    assert len(found) == 1 + chain
    assert max(Counter(world.probe.ran).values()) == 1


async def test_nodes_of_another_graph_are_not_meant() -> None:
    world = stopping()
    graph = with_subgraph(world)
    world.breakpoints = Breakpoints(frozenset("*"), frozenset("*"))
    found, outcome = await walk(world, graph, {"q": 4})
    own = {one.name for one in graph.nodes}
    assert {stop.split()[1] for stopped in found for stop in stopped} == own
    assert outcome.status == "succeeded"


async def test_a_node_that_is_skipped_is_no_stop_and_one_that_asks_stops_around_the_question() -> None:
    graph = plan(node("a", "b").model_copy(update={"when": "false"}), node("b", "$end"), outputs={"b": "${ b.value }"})
    world = stopping(before="a b", after="a b")

    async def ask(ctx: Any, values: Any) -> Any:
        return {"value": (await ctx.pause("q", PauseRequest("ask", "?"))).value}

    world.probe.acts["b"] = ask
    outcome = await world.run(graph)
    assert stops(outcome) == ["before b"]
    kinds = []
    while outcome.status == "interrupted":
        kinds.append([one.request.kind for one in outcome.pauses])
        world.replies |= {one.id: Reply("answered", "x") for one in outcome.pauses}
        outcome = await world.run(graph, resume=True)
    assert kinds == [["breakpoint"], ["ask"], ["breakpoint"]]
    assert outcome.outputs == {"b": "x"}
