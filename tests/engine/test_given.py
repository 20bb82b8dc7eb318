"""What an app gives the models of a run: for the run's own graph only, and a part of what a cached result is of."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.plans import World, fork, node, plan

from girih.language.compiler.plan import PlanCache
from girih.language.nodes.ports import NOTHING_GIVEN, AppGiven

GIVEN = AppGiven(params={"temperature": 0.1}, instructions="Be short.")


@pytest.fixture
def world() -> World:
    return World(given=GIVEN)


def noting(world: World) -> dict[str, AppGiven]:
    seen: dict[str, AppGiven] = {}

    def act(ctx: Any, values: Any) -> None:
        seen[ctx.node] = ctx.given

    world.probe.act = act
    return seen


async def test_nodes_and_branches_of_the_graph_are_given_it_and_other_graphs_are_not(world: World) -> None:
    seen = noting(world)
    inner = plan(node("x", "$end"), name="inner")
    world.plans[inner.digest] = inner
    call = node("sub", "$end", verb="graph", **{"with": {}}).model_copy(update={"settings": {"digest": inner.digest}})
    branches = [node(name, region=name).model_copy(update={"fork": "f"}) for name in ("b", "c")]
    outcome = await world.run(plan(node("a", "f"), fork("f", ["b", "c"], "sub"), *branches, call))
    assert outcome.status == "succeeded", outcome.error
    assert seen == {"a": GIVEN, "b": GIVEN, "c": GIVEN, "sub/x": NOTHING_GIVEN}


@pytest.mark.parametrize(("accepts", "runs"), [([], 1), (["instructions"], 1), (["params"], 2)])
async def test_a_result_is_cached_for_what_the_node_took(world: World, accepts: list[str], runs: int) -> None:
    cached = node("a", "$end").model_copy(update={"cache": PlanCache(ttl=60), "settings": {"accepts": accepts}})
    for temperature in (0.1, 0.2, 0.2):
        world.given = AppGiven(params={"temperature": temperature}, instructions="Be short.")
        await world.run(plan(cached))
        world.store = type(world.store)()
    assert len(world.probe.ran) == runs


async def test_messages_go_on_with_what_the_thread_holds() -> None:
    said = [{"id": "2", "role": "user", "content": "Now"}]
    world = World(state={"messages": [{"id": "1", "role": "user", "content": "Before"}]}, messages=said)
    chat = plan(node("a", "$end", q="${ inputs.q }"), outputs={"text": "${ a.value }"}).model_copy(
        update={"chat": {"input": "q", "output": "text"}}
    )
    outcome = await world.run(chat, {"q": "Now"})
    assert [one["content"] for one in outcome.state["messages"]] == ["Before", "Now", "a"]
    other = World(messages=said)
    outcome = await other.run(chat, {"q": "Something else"})
    assert [one["content"] for one in outcome.state["messages"]] == ["Now", "Something else", "a"]
