"""Running plans on the real StateGraph: routes, forks, limits, failures, and what raw LangGraph lets through."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.engine.plans import World, fork, node, plan

from girih.errors import DatabaseUnavailable, InvalidInput, LeaseLost, NodeError
from girih.language.compiler.plan import PlanLimits, PlanOnError, PlanRetry
from girih.language.nodes.ports import Hit
from girih.language.spec.policies import ERROR_KINDS


@pytest.fixture
def world() -> World:
    return World()


async def test_a_line_of_nodes_runs_in_order_and_gives_its_outputs(world: World) -> None:
    outcome = await world.run(
        plan(
            node("a", "b"), node("b", "$end", got="${ a.value }!"), outputs={"last": "${ b.value }", "n": "${ 1 + 1 }"}
        )
    )
    assert outcome.status == "succeeded"
    assert outcome.outputs == {"last": "b", "n": 2}
    assert world.probe.ran == ["a", "b"]
    assert world.probe.saw["b"] == {"got": "a!"}
    assert world.types() == ["node.started", "node.finished"] * 2


async def test_a_node_is_shown_only_what_it_reads(world: World) -> None:
    await world.run(
        plan(node("a", "b"), node("b", "c", x="${ inputs.q }"), node("c", "$end", y="${ a.value }")), {"q": 1, "z": 2}
    )
    assert world.probe.saw == {"a": {}, "b": {"x": 1}, "c": {"y": "a"}}


async def test_the_first_route_that_holds_is_taken(world: World) -> None:
    world.probe.acts["a"] = lambda ctx, values: {"n": 2}
    routes = [("x", "a.n == 1"), ("y", "a.n == 2"), ("z", "a.n > 0")]
    await world.run(plan(node("a", *routes), node("x", "$end"), node("y", "$end"), node("z", "$end")))
    assert world.probe.ran == ["a", "y"]


async def test_no_matching_route_fails_the_run(world: World) -> None:
    outcome = await world.run(plan(node("a", ("b", "1 == 2")), node("b", "$end")))
    assert outcome.error == {
        "kind": "invalid_output",
        "message": "no route matches after 'a'",
        "node": "a",
        "help": "add an else:",
    }
    assert world.types() == ["node.started", "node.failed"]


async def test_max_visits_bounds_a_loop_and_then_the_next_rule_is_tried(world: World) -> None:
    outcome = await world.run(plan(node("a", ("a", "true", 3), "b"), node("b", "$end")))
    assert outcome.status == "succeeded"
    assert world.probe.ran == ["a"] * 4 + ["b"]
    assert world.probe.keys[:2] == ["run-1:a#1", "run-1:a#2"]


async def test_max_visits_without_a_way_out_fails_as_budget(world: World) -> None:
    outcome = await world.run(plan(node("a", ("a", None, 2))))
    assert outcome.error is not None
    assert outcome.error["kind"] == "budget"
    assert world.probe.ran == ["a"] * 3


@pytest.mark.parametrize("steps", [1, 2, 7])
async def test_the_limit_counts_node_executions_exactly(world: World, steps: int) -> None:
    outcome = await world.run(plan(node("a", "b"), node("b", "a"), steps=steps))
    assert outcome.error is not None
    assert outcome.error["kind"] == "budget"
    assert len(world.probe.ran) == steps


async def test_a_run_of_exactly_its_limit_succeeds(world: World) -> None:
    nodes = [fork("f", ["a", "b"], "c"), node("a", region="a"), node("b", region="b"), node("c", "$end")]
    assert (await world.run(plan(*nodes, steps=4))).status == "succeeded"
    over = await World().run(plan(*nodes, steps=3))
    assert over.error is not None
    assert over.error["kind"] == "budget"


async def test_branches_of_different_length_join_once(world: World) -> None:
    outcome = await world.run(
        plan(
            fork("f", ["a", "b"], "j"),
            node("a", region="a"),
            node("b", "b2", region="b"),
            node("b2", "b3", region="b"),
            node("b3", region="b"),
            node("j", "$end", seen="${ a.value + b3.value }"),
            outputs={"x": "${ j.value }"},
        )
    )
    assert outcome.status == "succeeded"
    assert sorted(world.probe.ran) == ["a", "b", "b2", "b3", "j"]
    assert world.probe.ran[-1] == "j"
    assert world.probe.saw["j"] == {"seen": "ab3"}


@pytest.mark.parametrize("way", ["left", "right"])
async def test_a_condition_inside_a_branch_cannot_starve_the_join(world: World, way: str) -> None:
    world.probe.acts["a"] = lambda ctx, values: {"way": way}
    await world.run(
        plan(
            fork("f", ["a", "b"], "j"),
            node("a", ("left", "a.way == 'left'"), "right", region="a"),
            node("left", region="a"),
            node("right", region="a"),
            node("b", region="b"),
            node("j", "$end"),
        )
    )
    assert sorted(world.probe.ran) == sorted(["a", way, "b", "j"])


async def test_a_loop_round_a_fork_joins_each_time(world: World) -> None:
    await world.run(
        plan(
            fork("f", ["a", "b"], "j"),
            node("a", "a2", region="a"),
            node("a2", region="a"),
            node("b", region="b"),
            node("j", ("f", None, 2), "$end"),
        )
    )
    assert [world.probe.ran.count(name) for name in ("a", "a2", "b", "j")] == [3, 3, 3, 3]


async def test_nested_forks_and_a_fork_at_the_end_of_a_branch(world: World) -> None:
    await world.run(
        plan(
            fork("f", ["a", "b"], ("j", "b.value == 'b'"), "$fail"),
            node("a", "g", region="a"),
            fork("g", ["c", "d"], region="a"),
            node("c", region="c"),
            node("d", "d2", region="d"),
            node("d2", region="d"),
            node("b", region="b"),
            node("j", "$end"),
        ).model_copy(update={"limits": PlanLimits(steps=50)})
    )
    assert sorted(world.probe.ran) == ["a", "b", "c", "d", "d2", "j"]


async def test_a_fork_routes_by_what_its_branches_wrote(world: World) -> None:
    world.probe.acts["b"] = lambda ctx, values: {"ok": True}
    nodes = [
        fork("f", ["a", "b"], ("yes", "b.ok"), "no").model_copy(update={"reads": ("b",)}),
        node("a", region="a"),
        node("b", region="b"),
        node("yes", "$end"),
        node("no", "$end"),
    ]
    await world.run(plan(*nodes))
    assert world.probe.ran[-1] == "yes"


async def test_parallel_branches_really_run_at_the_same_time(world: World) -> None:
    both = asyncio.Barrier(2)

    async def meet(ctx: Any, values: Any) -> None:
        async with asyncio.timeout(5):
            await both.wait()

    world.probe.acts = {"a": meet, "b": meet}
    nodes = [fork("f", ["a", "b"], "$end"), node("a", region="a"), node("b", region="b")]
    assert (await world.run(plan(*nodes))).status == "succeeded"


async def test_a_failing_branch_ends_the_other(world: World) -> None:
    ended = asyncio.Event()

    async def wait(ctx: Any, values: Any) -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    async def fail(ctx: Any, values: Any) -> None:
        await asyncio.sleep(0.01)
        raise NodeError("tool_error", "no")

    world.probe.acts = {"a": wait, "b": fail}
    outcome = await world.run(plan(fork("f", ["a", "b"], "$end"), node("a", region="a"), node("b", region="b")))
    assert outcome.error == {"kind": "tool_error", "message": "no", "node": "b", "help": None}
    assert ended.is_set()


async def test_fail_target_and_end_nodes(world: World) -> None:
    failed = await world.run(plan(node("a", "$fail")))
    assert failed.error is not None
    assert (failed.error["kind"], failed.error["node"]) == ("refused", "a")
    end = node("stop", verb="end", reason="no account for ${ inputs.who }").model_copy(
        update={"settings": {"status": "failed"}}
    )
    refused = await World().run(plan(node("a", "stop"), end), {"who": "Ada"})
    assert refused.error == {"kind": "refused", "message": "no account for Ada", "node": "stop", "help": None}
    well = await World().run(
        plan(node("a", "stop"), end.model_copy(update={"settings": {"status": "ok"}})), {"who": "x"}
    )
    assert well.status == "succeeded"


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (NodeError("rate_limit", "slow down"), "rate_limit", "slow down"),
        (TimeoutError(), "timeout", "the node did not finish in time"),
        (KeyError("secret sk-123"), "internal", "an internal fault"),
    ],
)
async def test_what_a_node_raises_becomes_a_failure_of_a_kind(
    world: World, error: Exception, kind: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(ctx: Any, values: Any) -> None:
        raise error

    world.probe.acts["a"] = fail
    outcome = await world.run(plan(node("a", "$end")))
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert outcome.error["kind"] == kind
    assert outcome.error["message"].startswith(message)
    assert "sk-123" not in str(outcome.error)
    assert ("fault" in caplog.text) == (kind == "internal")
    assert world.events[-1].data["kind"] == kind


async def test_a_value_that_cannot_be_computed_names_the_node(world: World) -> None:
    outcome = await world.run(plan(node("a", "$end", x="${ b.text }"), node("b", "$end")))
    assert outcome.error is not None
    assert (outcome.error["kind"], outcome.error["node"]) == ("invalid_output", "a")
    assert "'b' did not run" in outcome.error["message"]


@pytest.mark.parametrize("result", [{"n": "text"}, {"n": 1, "extra": 2}, ["n"], "n"])
async def test_a_result_of_the_wrong_shape_is_refused(world: World, result: Any) -> None:
    world.probe.acts["a"] = lambda ctx, values: result
    shape = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
    outcome = await world.run(plan(node("a", "$end").model_copy(update={"returns": shape})))
    assert outcome.error is not None
    assert outcome.error["kind"] == "invalid_output"


def test_a_route_to_nowhere_is_refused_before_anything_runs(world: World) -> None:
    with pytest.raises(ValueError, match="'ghost', which is no node"):
        world.engine._region(plan(node("a", "ghost")), None)


async def test_outputs_take_the_first_value_there_is(world: World) -> None:
    nodes = [node("a", ("b", "inputs.left"), "c"), node("b", "$end"), node("c", "$end")]
    outputs = {"x": ["${ b.value }", "${ c.value }"]}
    assert (await world.run(plan(*nodes, outputs=outputs), {"left": False})).outputs == {"x": "c"}
    optional = plan(*nodes, outputs={"x": "${ b.value }"}, required=[])
    assert (await world.run(optional, {"left": False})).outputs == {}
    required = await world.run(plan(*nodes, outputs={"x": "${ b.value }"}), {"left": False})
    assert required.error is not None
    assert required.error["kind"] == "invalid_output"


async def test_inputs_are_checked_with_defaults_and_every_fault_named(world: World) -> None:
    schema = {
        "type": "object",
        "properties": {
            "q": {"type": "string", "minLength": 3},
            "tier": {"enum": ["free", "gold"], "default": "free"},
            "deep": {"type": "object", "properties": {"n": {"type": "integer", "default": 7}}},
        },
        "required": ["q", "tier"],
        "additionalProperties": False,
    }
    good = await world.run(
        plan(node("a", "$end"), inputs=schema, outputs={"all": "${ inputs }"}), {"q": "why", "deep": {}}
    )
    assert good.outputs == {"all": {"q": "why", "tier": "free", "deep": {"n": 7}}}
    with pytest.raises(InvalidInput) as caught:
        await world.run(plan(node("a", "$end"), inputs=schema), {"q": "", "deep": {"n": "x"}, "other": 1})
    assert sorted(fault["path"] for fault in caught.value.details["faults"]) == ["", "deep.n", "q"]  # type: ignore[attr-defined]
    assert caught.value.help == "the graph takes: q, tier, deep (optional)"


def test_schemas_are_never_fetched() -> None:
    from girih.language.spec.conform import Contract

    with pytest.raises(Exception, match=r"example\.invalid"):
        Contract({"$ref": "http://example.invalid/schema.json"}).misfits({})


async def test_an_llm_node_streams_and_counts(world: World) -> None:
    llm = node("a", "$end", verb="llm", prompt="Say hello to ${ inputs.who }").model_copy(
        update={"settings": LLM, "reads": ("inputs",)}
    )
    outcome = await world.run(plan(llm, outputs={"text": "${ a.text }"}), {"who": "Ada"})
    assert outcome.outputs == {"text": "Hello there "}
    assert outcome.usage == {"input_tokens": 3, "output_tokens": 2, "cost_usd": 0.0}
    assert world.types() == [
        "node.started", "message.delta", "message.delta", "model.finished", "message.completed", "node.finished",
    ]  # fmt: skip
    assert world.models.requests[0].messages[0].content == "Say hello to Ada"
    assert world.events[-1].data["usage"] == {"input_tokens": 3, "output_tokens": 2, "cost_usd": 0.0}


LLM = {"models": ["m"], "prompt": {}, "system": None, "params": {}, "schema": None, "repairs": 2}
SHAPE = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


async def test_structured_output_is_repaired_and_not_streamed(world: World) -> None:
    world.models.answers = ["no json", '{"n": "x"}', '```json\n{"n": 4}\n```']
    llm = node("a", "$end", verb="llm", prompt="count").model_copy(update={"settings": {**LLM, "schema": SHAPE}})
    outcome = await world.run(plan(llm, outputs={"n": "${ a.n }"}))
    assert outcome.outputs == {"n": 4}
    assert outcome.usage == {"input_tokens": 9, "output_tokens": 6, "cost_usd": 0.0}
    assert "message.delta" not in world.types()
    second = world.models.requests[1].messages
    assert [message.role for message in second] == ["user", "assistant", "user"]
    assert "it is not JSON" in second[-1].content
    assert "n: must be a whole number, not the text 'x'" in world.models.requests[2].messages[-1].content


async def test_structured_output_that_never_fits_fails_after_its_repairs(world: World) -> None:
    world.models.answers = ['{"n": NaN}']
    llm = node("a", "$end", verb="llm", prompt="count").model_copy(
        update={"settings": {**LLM, "schema": SHAPE, "repairs": 1}}
    )
    outcome = await world.run(plan(llm))
    assert outcome.error is not None
    assert outcome.error["kind"] == "invalid_output"
    assert len(world.models.requests) == 2
    assert outcome.usage == {"input_tokens": 6, "output_tokens": 4, "cost_usd": 0.0}, "a failed node's calls cost too"


async def test_retrieve_and_cite(world: World) -> None:
    world.retriever.hits = [Hit(f"c{i}", f"d{i}", f"doc{i}", f"text {i}", 1.0, {"page": i}) for i in (1, 2, 3)]
    world.models.answers = ["Yes [2], also [1, 2] and [9]."]
    search = node("search", "a", verb="retrieve", query="${ inputs.q }", top_k=3).model_copy(
        update={"settings": {"collection": "kb", "mode": "hybrid", "min_score": None}, "reads": ("inputs",)}
    )
    llm = node("a", "$end", verb="llm", prompt={"docs": "${ search.hits }"}, cite="${ search.hits }").model_copy(
        update={
            "settings": {
                **LLM,
                "prompt": {"template": "{% for d in docs %}[{{ loop.index }}] {{ d.text }}\n{% endfor %}"},
            }
        }
    )
    outcome = await world.run(plan(search, llm, outputs={"c": "${ a.citations }"}), {"q": "?"})
    assert outcome.outputs is not None
    assert [c["number"] for c in outcome.outputs["c"]] == [2, 1]
    assert outcome.outputs["c"][0] == {
        "number": 2, "document_id": "d2", "document": "doc2", "text": "text 2", "place": {"page": 2},
    }  # fmt: skip
    assert world.models.requests[0].messages[0].content == "[1] text 1\n[2] text 2\n[3] text 3\n"
    assert "retrieval.finished" in world.types("search")


async def test_losing_the_lease_is_no_failure_of_the_run(world: World) -> None:
    class Lost:
        async def put(self, *args: Any) -> None:
            raise LeaseLost("taken over")

        async def put_writes(self, *args: Any) -> None:
            raise LeaseLost("taken over")

    world.store = Lost()
    with pytest.raises(LeaseLost):
        await world.run(plan(node("a", "b"), node("b", "$end")))
    assert world.probe.ran == ["a"]


@pytest.mark.parametrize("inside", ["", "branch", "retry", "handled"])
async def test_our_database_being_away_within_a_node_is_no_failure_of_the_run(world: World, inside: str) -> None:
    def away(ctx: Any, values: Any) -> None:
        raise DatabaseUnavailable("the database does not answer")

    world.probe.acts["b"] = away
    b = node("b", "$end", region="b" if inside == "branch" else None)
    if inside == "retry":
        b = b.model_copy(update={"retry": PlanRetry(max=3, on=ERROR_KINDS, wait=0.0, longest=0.0)})
    elif inside == "handled":
        b = b.model_copy(update={"on_error": PlanOnError(on=ERROR_KINDS, value={"x": 1})})
    first = fork("a", ["b"], "$end") if inside == "branch" else node("a", "b")
    with pytest.raises(DatabaseUnavailable):
        await world.run(plan(first, b))
    assert world.probe.ran.count("b") == 1
    assert not {"node.failed", "node.retried"} & set(world.types("b"))


async def test_cancelling_the_task_cancels_the_node(world: World) -> None:
    cancelled = asyncio.Event()

    async def wait(ctx: Any, values: Any) -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    world.probe.acts["a"] = wait
    task = asyncio.create_task(world.run(plan(node("a", "$end"))))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled.is_set()


async def test_graphs_are_compiled_once_and_the_cache_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("girih.engine.engine.CACHED_REGIONS", 2)
    first = plan(node("a", "$end"), name="p0")
    compiled = world.engine._region(first, None)
    assert world.engine._region(first.model_copy(), None) is compiled
    for number in range(1, 4):
        world.engine._region(plan(node("a", "$end"), name=f"p{number}"), None)
    assert len(world.engine._regions) == 2


async def test_many_runs_at_once_do_not_mix(world: World) -> None:
    def one(i: int) -> World:
        made = World(probe=world.probe)
        made.engine = world.engine
        return made

    graph = plan(node("a", "b", x="${ inputs.i }"), node("b", "$end"), outputs={"i": "${ inputs.i }"})
    outcomes = await asyncio.gather(*(one(i).run(graph, {"i": i}) for i in range(50)))
    assert [outcome.outputs for outcome in outcomes] == [{"i": i} for i in range(50)]
