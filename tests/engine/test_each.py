"""`each` on the engine: order, concurrency, failures of items, pauses, records, and what a resume repeats."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from tests.engine.plans import World, each, node, plan
from tests.engine.test_resume import Recording

from girih.errors import NodeError, Unavailable
from girih.language.compiler.plan import Plan


def squares(**settings: Any) -> Plan:
    """A graph that runs a branch of one node for each number."""
    return plan(
        each("all", "one", "${ inputs.numbers }", "$end", gives="${ one.n }", **settings),
        node("one", region="one", n="${ item }"),
        inputs={"type": "object"},
        outputs={"squares": "${ all.items }", "failed": "${ all.failed }"},
    )


def squaring(world: World) -> None:
    async def act(ctx: Any, values: Any) -> Any:
        await asyncio.sleep(0)
        return {"n": values["n"] ** 2}

    world.probe.act = act


def numbers(count: int) -> dict[str, Any]:
    return {"numbers": list(range(count))}


async def test_results_keep_the_order_whatever_ends_first() -> None:
    world = World()

    async def act(ctx: Any, values: Any) -> Any:
        await asyncio.sleep(0.001 * (5 - values["n"]))
        return {"n": values["n"] ** 2}

    world.probe.act = act
    outcome = await world.run(squares(), numbers(6))
    assert outcome.outputs == {"squares": [0, 1, 4, 9, 16, 25], "failed": 0}
    assert "all[3]/one" in world.probe.ran


@pytest.mark.parametrize("count", [0, 1])
async def test_short_lists(count: int) -> None:
    world = World()
    squaring(world)
    assert (await world.run(squares(), numbers(count))).outputs == {
        "squares": [0][:count],
        "failed": 0,
    }


async def test_no_more_than_allowed_run_at_once_and_records_come_together() -> None:
    world = World(store=Recording())
    running, peak = 0, 0

    async def act(ctx: Any, values: Any) -> Any:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        for _ in range(3):
            await asyncio.sleep(0)
        running -= 1
        return {"n": values["n"]}

    world.probe.act = act
    outcome = await world.run(squares(max_concurrency=7), numbers(500))
    assert outcome.outputs == {"squares": list(range(500)), "failed": 0}
    assert peak == 7
    calls = Counter(line.split()[0] for line in world.store.log)
    assert calls["put"] == 1
    assert calls["discard"] == 0
    assert calls["record"] <= 500 / 3


async def test_an_item_of_several_nodes_is_forgotten_once_it_is_recorded() -> None:
    world = World(store=Recording())
    graph = plan(
        each("all", "one", "${ inputs.numbers }", "$end", gives="${ two.n }"),
        node("one", "two", region="one", n="${ item }"),
        node("two", region="one", n="${ one.n + index }"),
        outputs={"n": "${ all.items }"},
    )
    world.probe.act = lambda ctx, values: {"n": values["n"]}
    outcome = await world.run(graph, numbers(20))
    assert outcome.outputs == {"n": [2 * n for n in range(20)]}
    assert not [ns for ns, _ in world.store._checkpoints if ns]
    assert sum(line.startswith("discard") for line in world.store.log) == 20


async def test_fail_cancels_the_other_items() -> None:
    world = World()
    ended: list[int] = []

    async def act(ctx: Any, values: Any) -> Any:
        if values["n"] == 2:
            raise NodeError("tool_error", "two")
        try:
            await asyncio.sleep(30)
        finally:
            ended.append(values["n"])

    world.probe.act = act
    outcome = await world.run(squares(max_concurrency=4), numbers(50))
    assert outcome.error == {"kind": "tool_error", "message": "two", "node": "all[2]/one", "help": None}
    assert sorted(ended) == [0, 1], "and no item has begun after the one that failed"
    assert world.types("all[0]/one") == ["node.started", "node.cancelled"]


@pytest.mark.parametrize(("handling", "items"), [("skip", [0, 4]), ("null", [0, None, 4])])
async def test_a_failed_item_is_left_out_or_null(handling: str, items: list[Any]) -> None:
    world = World()

    def act(ctx: Any, values: Any) -> Any:
        if values["n"] == 1:
            raise NodeError("tool_error", "one")
        return {"n": values["n"] ** 2}

    world.probe.act = act
    outcome = await world.run(squares(on_item_error=handling), numbers(3))
    assert outcome.outputs == {"squares": items, "failed": 1}


async def test_concat_joins_lists() -> None:
    world = World()
    world.probe.act = lambda ctx, values: {"n": [values["n"]] * values["n"]}
    outcome = await world.run(squares(merge="concat"), numbers(4))
    assert outcome.outputs == {"squares": [1, 2, 2, 3, 3, 3], "failed": 0}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_broken_commit_at_any_point_repeats_no_recorded_item(after: bool) -> None:
    def fresh(point: int | None) -> World:
        world = World(store=Recording(point, after=after))
        squaring(world)
        return world

    whole = fresh(None)
    expected = await whole.run(squares(), numbers(40))
    for point in range(len(whole.store.log)):
        world = fresh(point)
        with pytest.raises(Unavailable):
            await world.run(squares(), numbers(40))
        world.store.fail_at = None
        recorded = sum(len(known) for known in world.store._records.values())
        world.probe.ran.clear()
        world.engine = world.fresh_engine()
        assert await world.run(squares(), numbers(40), resume=True) == expected
        assert len(world.probe.ran) == 40 - recorded or (after and not world.probe.ran)


async def test_each_in_a_loop_and_nested() -> None:
    world = World()
    world.probe.act = lambda ctx, values: {"n": values.get("n", 0)}
    graph = plan(
        each("outer", "inner", "${ [10, 20] }", ("outer", None, 1), "$end", gives="${ inner.items }", merge="concat"),
        each("inner", "one", "${ [1, 2] }", gives="${ one.n + item }", region="inner", as_="small"),
        node("one", region="one", n="${ small }"),
        outputs={"n": "${ outer.items }"},
    )
    outcome = await world.run(graph)
    assert outcome.outputs == {"n": [11, 12, 21, 22]}
    assert Counter(world.probe.ran)["outer[1]/inner[0]/one"] == 2
    assert len(set(world.probe.keys)) == len(world.probe.keys)
