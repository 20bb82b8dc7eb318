"""Pauses: several open at once, answered by id, in branches, items and subgraphs; and nothing finished runs again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.engine.plans import World, each, fork, node, plan
from tests.engine.test_resume import Recording

from girih.engine.context import Outcome
from girih.errors import NodeError, Unavailable
from girih.language.compiler.plan import Plan
from girih.language.nodes.pausing import PauseRequest, Reply


async def ask(ctx: Any, values: Any) -> Any:
    reply = await ctx.pause("q", PauseRequest("ask", f"what about {ctx.node}?"))
    return {"value": reply.value, "status": reply.status}


def questions(outcome: Outcome) -> list[str]:
    assert outcome.status == "interrupted"
    return [pause.node for pause in outcome.pauses]


async def answered(world: World, graph: Plan, outcome: Outcome, *which: str, inputs: Any = None) -> Outcome:
    """Resume in another process with replies to the pauses of these nodes (default: all)."""
    world.replies |= {
        pause.id: Reply("answered", f"re {pause.node}") for pause in outcome.pauses if not which or pause.node in which
    }
    world.probe.ran.clear()
    world.engine = world.fresh_engine()
    return await world.run(graph, inputs, resume=True)


async def test_a_run_waits_and_goes_on_with_the_answer() -> None:
    world = World()
    world.probe.acts["b"] = ask
    graph = plan(node("a", "b"), node("b", "c"), node("c", "$end", x="${ b.value }"), outputs={"x": "${ b.value }"})
    outcome = await world.run(graph)
    assert questions(outcome) == ["b"]
    assert outcome.pauses[0].request.message == "what about b?"
    assert world.types("b") == ["node.started"]
    again = await world.run(graph, resume=True)
    assert again.pauses == outcome.pauses, "the id stays"
    done = await answered(world, graph, outcome)
    assert (done.status, done.outputs) == ("succeeded", {"x": "re b"})
    assert world.probe.ran == ["b", "c"]


async def test_a_pause_in_the_first_node_stores_nothing() -> None:
    world = World(store=Recording())
    world.probe.acts["a"] = ask
    graph = plan(node("a", "$end"), outputs={"x": "${ a.value }"})
    outcome = await world.run(graph)
    assert world.store.log == []
    assert (await answered(world, graph, outcome)).outputs == {"x": "re a"}


def forked(join: str = "all") -> Plan:
    return plan(
        fork("f", ["a", "b", "c"], "$end", join=join),
        node("a", "a2", region="a"),
        node("a2", "a3", region="a"),
        node("a3", region="a"),
        node("b", region="b"),
        node("c", "c2", region="c"),
        node("c2", region="c"),
        outputs={"a": "${ a2.value }", "b": "${ b.value }", "c": "${ c2.value }"},
        required=[],
    )


async def test_branches_go_on_while_others_wait() -> None:
    world = World()
    world.probe.acts = {"a2": ask, "b": ask}
    outcome = await world.run(forked())
    assert sorted(questions(outcome)) == ["a2", "b"]
    assert sorted(world.probe.ran) == ["a", "a2", "b", "c", "c2"]
    half = await answered(world, forked(), outcome, "b")
    assert questions(half) == ["a2"]
    assert sorted(world.probe.ran) == ["a2", "b"]
    done = await answered(world, forked(), half)
    assert done.outputs == {"a": "re a2", "b": "re b", "c": "c2"}
    assert world.probe.ran == ["a2", "a3"]


async def test_a_failure_outweighs_a_question() -> None:
    world = World()

    def fail(ctx: Any, values: Any) -> None:
        raise NodeError("tool_error", "no")

    world.probe.acts = {"a2": ask, "c2": fail}
    outcome = await world.run(forked())
    assert (outcome.status, outcome.pauses) == ("failed", ())


async def test_a_winner_takes_the_question_of_a_loser_away() -> None:
    world = World()

    async def slow(ctx: Any, values: Any) -> None:
        await asyncio.sleep(0.01)

    world.probe.acts = {"a": ask, "b": ask, "c2": slow}
    outcome = await world.run(forked("any"))
    assert outcome.status == "succeeded"
    assert outcome.outputs == {"c": "c2"}


async def test_any_waits_when_the_others_fail() -> None:
    world = World()

    def fail(ctx: Any, values: Any) -> None:
        raise NodeError("tool_error", "no")

    world.probe.acts = {"a": ask, "b": fail, "c": fail}
    outcome = await world.run(forked("any"))
    assert questions(outcome) == ["a"]
    done = await answered(world, forked("any"), outcome)
    assert done.outputs == {"a": "a2"}


async def test_settled_waits_for_all() -> None:
    world = World()

    def fail(ctx: Any, values: Any) -> None:
        raise NodeError("tool_error", "no")

    world.probe.acts = {"a": ask, "b": fail}
    outcome = await world.run(forked("settled"))
    assert questions(outcome) == ["a"]
    done = await answered(world, forked("settled"), outcome)
    assert done.outputs == {"a": "a2", "c": "c2"}


async def test_items_wait_one_by_one() -> None:
    world = World()
    graph = plan(
        each("all", "one", "${ [0, 1, 2, 3] }", "$end", gives="${ two.value }"),
        node("one", "two", region="one", n="${ item }"),
        node("two", region="one"),
        outputs={"x": "${ all.items }"},
    )
    world.probe.acts = {"all[1]/two": ask, "all[3]/one": ask}
    outcome = await world.run(graph)
    assert sorted(questions(outcome)) == ["all[1]/two", "all[3]/one"]
    half = await answered(world, graph, outcome, "all[3]/one")
    assert questions(half) == ["all[1]/two"]
    assert sorted(world.probe.ran) == ["all[1]/two", "all[3]/one", "all[3]/two"]
    done = await answered(world, graph, half)
    assert done.outputs == {"x": ["all[0]/two", "re all[1]/two", "all[2]/two", "all[3]/two"]}
    assert world.probe.ran == ["all[1]/two"]


async def test_in_subgraphs_in_branches_in_loops() -> None:
    world = World()
    inner = plan(
        fork("f", ["x", "y"], "z"),
        node("x", region="x"),
        node("y", region="y"),
        node("z", "$end"),
        name="inner",
        outputs={"said": "${ x.value + y.value }"},
    )
    world.plans[inner.digest] = inner
    call = node("sub", region="sub", verb="graph", **{"with": {}}).model_copy(
        update={"settings": {"name": "inner", "digest": inner.digest}}
    )
    graph = plan(
        fork("top", ["sub", "b"], "again"),
        call,
        node("b", region="b"),
        node("again", ("top", None, 1), "$end"),
        outputs={"x": "${ sub.said }"},
    )
    world.probe.acts = {"sub/x": ask, "sub/y": ask}
    first = await world.run(graph)
    assert sorted(questions(first)) == ["sub/x", "sub/y"]
    second = await answered(world, graph, first)
    assert sorted(questions(second)) == ["sub/x", "sub/y"]
    assert not {pause.id for pause in first.pauses} & {pause.id for pause in second.pauses}
    done = await answered(world, graph, second)
    assert done.outputs == {"x": "re sub/xre sub/y"}
    assert sorted(world.probe.ran) == ["again", "sub/x", "sub/y", "sub/z"]


async def test_what_a_node_has_done_once_is_not_done_again() -> None:
    world = World()
    calls: list[str] = []

    async def act(ctx: Any, values: Any) -> Any:
        async def work() -> str:
            calls.append("work")
            return "done"

        one = await ctx.once("one", work)
        reply = await ctx.pause("q", PauseRequest("ask", "?"))
        return {"value": [one, reply.value, await ctx.once("one", work)]}

    world.probe.acts["a"] = act
    graph = plan(node("a", "$end"), outputs={"x": "${ a.value }"})
    outcome = await world.run(graph)
    done = await answered(world, graph, outcome)
    assert done.outputs == {"x": ["done", "re a", "done"]}
    assert calls == ["work"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_broken_commit_at_any_point_of_a_run_that_waits(after: bool) -> None:
    async def through(world: World) -> Outcome:
        """Run to the end, in a new process after each stop, answering whatever is asked."""
        resume = False
        while True:
            try:
                outcome = await world.run(forked(), resume=resume)
            except Unavailable:
                world.store.fail_at = None
                outcome = None
            if outcome is not None and outcome.status != "interrupted":
                return outcome
            for pause in outcome.pauses[:1] if outcome else ():
                world.replies[pause.id] = Reply("answered", f"re {pause.node}")
            world.engine, resume = world.fresh_engine(), True

    def fresh(point: int | None) -> World:
        world = World(store=Recording(point, after=after))
        world.probe.acts = {"a2": ask, "b": ask}
        return world

    whole = fresh(None)
    expected = await through(whole)
    assert expected.outputs == {"a": "re a2", "b": "re b", "c": "c2"}
    for point in range(len(whole.store.log)):
        world = fresh(point)
        assert await through(world) == expected
