"""What survives a kill: finished nodes do not run again, subgraphs go on inside, and how few commits that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from tests.engine.plans import World, each, fork, node, plan

from girih.engine.memory_store import MemoryCheckpointStore
from girih.errors import NodeError, Unavailable
from girih.language.compiler.plan import Plan


class Recording(MemoryCheckpointStore):
    """The store's double that keeps a log and can break before or after any commit."""

    def __init__(self, fail_at: int | None = None, *, after: bool = False) -> None:
        super().__init__()
        self.log: list[str] = []
        self.fail_at = fail_at
        self.after = after

    async def put(self, ns: str, *rest: Any) -> None:
        await self._commit(f"put {ns}", super().put(ns, *rest))

    async def put_writes(self, ns: str, *rest: Any) -> None:
        await self._commit(f"writes {ns}", super().put_writes(ns, *rest))

    async def record(self, ns: str, *rest: Any) -> None:
        await self._commit(f"record {ns}", super().record(ns, *rest))

    async def discard(self, ns: str) -> None:
        await self._commit(f"discard {ns}", super().discard(ns))

    async def _commit(self, what: str, commit: Any) -> None:
        broken = self.fail_at is not None and len(self.log) == self.fail_at
        self.log.append(what)
        try:
            if broken and not self.after:
                raise Unavailable("the database went away")
            await asyncio.sleep(0)
            await commit
        finally:
            commit.close()
        if broken:
            raise Unavailable("the database went away")


async def killed(world: World, graph: Plan, at: str, inputs: Any = None) -> None:
    """Run until node `at` runs, then cancel as a kill would; afterwards let the node pass."""
    reached = asyncio.Event()

    async def hang(ctx: Any, values: Any) -> None:
        reached.set()
        await asyncio.sleep(60)

    world.probe.acts[at] = hang
    task = asyncio.create_task(world.run(graph, inputs))
    await asyncio.wait_for(reached.wait(), 5)
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del world.probe.acts[at]
    world.probe.ran.clear()
    world.engine = world.fresh_engine()  # as another process would


async def test_a_finished_node_is_not_run_again() -> None:
    world = World()
    graph = plan(node("a", "b"), node("b", "c", x="${ a.value }"), node("c", "$end"), outputs={"x": "${ c.value }"})
    await killed(world, graph, "b")
    outcome = await world.run(graph, resume=True)
    assert outcome.outputs == {"x": "c"}
    assert world.probe.ran == ["b", "c"]
    assert world.probe.keys == ["run-1:a#1", "run-1:b#1", "run-1:b#1", "run-1:c#1"], "the key of a repeated node stays"


async def test_a_run_killed_in_its_first_node_starts_over() -> None:
    world = World()
    graph = plan(node("a", "$end", q="${ inputs.q }"), outputs={"x": "${ a.value }"})
    await killed(world, graph, "a", {"q": 5})
    assert (await world.run(graph, {"q": 5}, resume=True)).outputs == {"x": "a"}
    assert world.probe.ran == ["a"]


async def test_a_finished_branch_is_not_run_again() -> None:
    world = World()
    graph = plan(
        fork("f", ["a", "b"], "j"),
        node("a", "a2", region="a"),
        node("a2", region="a"),
        node("b", region="b"),
        node("j", "$end", seen="${ a2.value + b.value }"),
    )
    await killed(world, graph, "b")
    await world.run(graph, resume=True)
    assert sorted(world.probe.ran) == ["b", "j"]
    assert world.probe.saw["j"] == {"seen": "a2b"}


async def test_resuming_a_finished_run_runs_nothing_and_gives_the_outputs() -> None:
    world = World()
    graph = plan(node("a", "$end"), outputs={"x": "${ a.value }", "q": "${ inputs.q }"})
    first = await world.run(graph, {"q": 1})
    world.probe.ran.clear()
    assert await world.run(graph, {"q": 1}, resume=True) == first
    assert world.probe.ran == []


async def test_resume_without_any_checkpoint_starts() -> None:
    world = World()
    assert (await world.run(plan(node("a", "$end"), outputs={"x": "${ a.value }"}), resume=True)).outputs == {"x": "a"}


async def test_loops_go_on_counting_after_a_resume() -> None:
    world = World()
    graph = plan(node("a", "b"), node("b", ("a", None, 2), "$end"), steps=6)
    await killed(world, graph, "b")
    assert (await world.run(graph, resume=True)).status == "succeeded"
    assert world.probe.ran == ["b", "a", "b", "a", "b"]
    tight = World()
    graph = plan(node("a", "b"), node("b", ("a", None, 2), "$end"), steps=5)
    await killed(tight, graph, "b")
    outcome = await tight.run(graph, resume=True)
    assert outcome.error is not None
    assert outcome.error["kind"] == "budget"


async def test_usage_is_counted_over_a_resume() -> None:
    world = World()
    settings = {"models": ["m"], "prompt": {}, "system": None, "params": {}, "schema": None, "repairs": 0}
    llm = node("a", "b", verb="llm", prompt="hi").model_copy(update={"settings": settings})
    graph = plan(llm, node("b", "$end"))
    await killed(world, graph, "b")
    assert (await world.run(graph, resume=True)).usage == {"input_tokens": 3, "output_tokens": 2, "cost_usd": 0.0}


def with_subgraph(world: World, *, loops: int = 0) -> Plan:
    inner = plan(
        node("look", "tell", q="${ inputs.q }"),
        node("tell", "$end"),
        name="inner",
        inputs={"type": "object", "properties": {"q": {"type": "integer"}}, "required": ["q"]},
        outputs={"said": "${ look.value + string(inputs.q) }"},
    )
    world.plans[inner.digest] = inner
    call = node("sub", "c", verb="graph", **{"with": {"q": "${ inputs.q }"}}).model_copy(
        update={"settings": {"name": "inner", "digest": inner.digest}}
    )
    again = [("sub", None, loops)] if loops else []
    return plan(node("a", "sub"), call, node("c", *again, "$end"), outputs={"said": "${ sub.said }"})


async def test_a_subgraph_runs_under_its_nodes_path() -> None:
    world = World()
    outcome = await world.run(with_subgraph(world), {"q": 4})
    assert outcome.outputs == {"said": "sub/look4"}
    assert world.probe.ran == ["a", "sub/look", "sub/tell", "c"]
    assert [event.node for event in world.events if event.type == "node.finished"] == [
        "a", "sub/look", "sub/tell", "sub", "c",
    ]  # fmt: skip


async def test_a_resume_goes_on_inside_a_subgraph() -> None:
    world = World()
    graph = with_subgraph(world)
    await killed(world, graph, "sub/tell", {"q": 4})
    assert (await world.run(graph, {"q": 4}, resume=True)).outputs == {"said": "sub/look4"}
    assert world.probe.ran == ["sub/tell", "c"]


async def test_a_subgraph_in_a_loop_starts_afresh_each_time() -> None:
    world = World()
    await world.run(with_subgraph(world, loops=2), {"q": 1})
    assert world.probe.ran.count("sub/look") == 3
    assert len(set(world.probe.keys)) == len(world.probe.keys)


async def test_a_failure_in_a_subgraph_names_the_inner_node() -> None:
    world = World()
    graph = with_subgraph(world)

    def fail(ctx: Any, values: Any) -> None:
        raise TimeoutError

    world.probe.acts["sub/tell"] = fail
    outcome = await world.run(graph, {"q": 1})
    assert outcome.error is not None
    assert (outcome.error["kind"], outcome.error["node"]) == ("timeout", "sub/tell")
    assert [event.node for event in world.events if event.type == "node.failed"] == ["sub/tell", "sub"]


async def test_wrong_inputs_for_a_subgraph_fail_the_node() -> None:
    world = World()
    outcome = await world.run(with_subgraph(world), {"q": "four"})
    assert outcome.error is not None
    assert (outcome.error["kind"], outcome.error["node"]) == ("invalid_output", "sub")


def everything(world: World) -> Plan:
    inner = with_subgraph(world).node("sub")
    return plan(
        node("a", "f"),
        fork("f", ["b", "sub"], "d"),
        node("b", "b2", region="b"),
        node("b2", region="b"),
        inner.model_copy(update={"routes": (), "region": "sub"}),
        node("d", ("a", None, 1), "$end", x="${ b2.value + sub.said }"),
        outputs={"x": "${ d.value }"},
    )


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_broken_commit_at_any_point_loses_nothing(after: bool) -> None:
    whole = World(store=Recording())
    expected = await whole.run(everything(whole), {"q": 1})
    assert expected.status == "succeeded"
    for point in range(len(whole.store.log)):
        world = World(store=Recording(point, after=after))
        graph = everything(world)
        with pytest.raises(Unavailable):
            await world.run(graph, {"q": 1})
        before = list(world.probe.ran)
        world.store.fail_at = None
        world.engine = world.fresh_engine()
        assert await world.run(graph, {"q": 1}, resume=True) == expected
        again = len(world.probe.ran) - len(whole.probe.ran)
        assert 0 <= again <= 3, f"{point}: {before} then {world.probe.ran}"


async def commits(graph: Plan, world: World) -> Sequence[str]:
    world.store = Recording()
    await world.run(graph)
    return world.store.log


async def test_a_linear_run_commits_once_per_node() -> None:
    world = World()
    assert await commits(plan(node("a", "$end")), world) == ["put "]
    assert await commits(plan(node("a", "b"), node("b", "c"), node("c", "$end")), world) == ["put "] * 3


async def test_the_result_of_a_fast_branch_is_kept_while_a_slow_one_runs() -> None:
    world = World()

    async def slow(ctx: Any, values: Any) -> None:
        await asyncio.sleep(0.05)

    world.probe.acts["b"] = slow
    nodes = [fork("f", ["a", "b"], "$end"), node("a", region="a"), node("b", region="b")]
    assert await commits(plan(*nodes), world) == ["record f#1.a[]/", "record f#1.b[]/", "put "]


def nested(world: World, join: str) -> Plan:
    """Forks in forks, items of several nodes, and a subgraph; of `any`, one branch can win."""
    inner = with_subgraph(world).node("sub")
    return plan(
        fork("f", ["g", "sub", "lose"], "d", join=join),
        fork("g", ["b", "all"], "after", region="g"),
        node("after", region="g"),
        node("b", "b2", region="b"),
        node("b2", region="b"),
        each("all", "one", "${ [1, 2, 3] }", gives="${ two.value }", region="all"),
        node("one", "two", region="one", x="${ item }"),
        node("two", region="one"),
        inner.model_copy(update={"routes": (), "region": "sub"}),
        node("lose", region="lose"),
        node("d", "$end"),
        outputs={"all": "${ all.items }", "b": "${ b2.value }", "sub": "${ sub.said }"},
        required=[],
    )


@pytest.mark.parametrize("join", ["all", "settled"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_broken_commit_in_what_nests_loses_nothing(after: bool, join: str) -> None:
    def fails(ctx: Any, values: Any) -> None:
        raise NodeError("tool_error", "no")

    def fresh(point: int | None) -> World:
        world = World(store=Recording(point, after=after))
        if join == "settled":
            world.probe.acts["lose"] = fails
        return world

    whole = fresh(None)
    expected = await whole.run(nested(whole, join), {"q": 1})
    assert expected.outputs == {"all": [f"all[{n}]/two" for n in range(3)], "b": "b2", "sub": "sub/look1"}
    for point in range(len(whole.store.log)):
        world = fresh(point)
        with pytest.raises(Unavailable):
            await world.run(nested(world, join), {"q": 1})
        world.store.fail_at = None
        world.engine = world.fresh_engine()
        assert await world.run(nested(world, join), {"q": 1}, resume=True) == expected, point
