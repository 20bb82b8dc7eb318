"""What a raw LangGraph graph lets through: each is refused with a diagnostic here, or runs right."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.engine.plans import World

from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace

HEAD = "kind: graph/v1\nname: g\ninputs: { go: boolean }\n"


def compiled(nodes: str, outputs: str = "") -> tuple[Any, list[str]]:
    """The plan (`None` with errors) and the codes of all findings."""
    text = f"{HEAD}nodes:\n{nodes}{outputs}"
    compilation = compile_workspace(Workspace({"g.yaml": text}))
    return compilation.plans.get("g"), [diagnostic.code for diagnostic in compilation.diagnostics]


async def ran(plan: Any, inputs: Any) -> tuple[Any, list[str]]:
    world = World()
    outcome = await world.run(plan, inputs)
    return outcome, [str(event.node) for event in world.events if event.type == "node.finished"]


async def test_a_join_waits_for_nothing_that_a_condition_skipped() -> None:
    nodes = """
  a: { parallel: [left, right], next: c }
  left:
    set: { n: 1 }
    next: [{ if: "inputs.go", to: more }, { else: other }]
  more: { set: { n: 2 } }
  other: { set: { n: 3 } }
  right: { set: { n: 4 } }
  c: { set: { n: "${ left.n + right.n }" }, next: $end }
"""
    plan, codes = compiled(nodes, 'outputs: { n: "${ c.n }" }\n')
    assert codes == []
    for go in (True, False):
        outcome, path = await ran(plan, {"go": go})
        assert outcome.outputs == {"n": 5}
        assert path[-1] == "c"
        assert ("more" in path, "other" in path) == (go, not go)


async def test_branches_of_different_length_join_once() -> None:
    nodes = """
  a: { parallel: [long, short], next: c }
  long: { set: { n: 1 }, next: long2 }
  long2: { set: { n: 2 }, next: long3 }
  long3: { set: { n: 3 } }
  short: { set: { n: 4 } }
  c: { set: { n: "${ long3.n + short.n }" }, next: $end }
"""
    plan, codes = compiled(nodes, 'outputs: { n: "${ c.n }" }\n')
    assert codes == []
    outcome, path = await ran(plan, {"go": True})
    assert outcome.outputs == {"n": 7}
    assert sorted(path) == ["a", "c", "long", "long2", "long3", "short"]


def test_two_writers_without_a_rule_are_refused_and_no_run_meets_them() -> None:
    nodes = """
  a: { parallel: [left, right], next: $end }
  left: { set: { n: 1 }, write: { x: "${ left.n }" } }
  right: { set: { n: 2 }, write: { x: "${ right.n }" } }
"""
    plan, codes = compiled(nodes, "state: { x: integer }\n")
    assert plan is None
    assert "E204" in codes


async def test_two_writers_with_a_rule_come_together_in_the_order_of_the_file() -> None:
    nodes = """
  a: { parallel: [left, right], next: $end }
  left: { set: { n: 1 }, write: { x: ["${ left.n }"] } }
  right: { set: { n: 2 }, write: { x: ["${ right.n }"] } }
"""
    plan, codes = compiled(nodes, 'state: { x: { type: [integer], merge: append } }\noutputs: { x: "${ state.x }" }\n')
    assert codes == []
    outcome, _ = await ran(plan, {"go": True})
    assert outcome.outputs == {"x": [1, 2]}


def test_an_unknown_key_of_the_state_is_refused() -> None:
    plan, codes = compiled(
        '  a: { set: { n: 1 }, write: { nots: "${ a.n }" }, next: $end }\n', "state: { notes: integer }\n"
    )
    assert plan is None
    assert codes


async def test_a_node_that_returns_more_than_it_says_fails() -> None:
    plan, codes = compiled("  a: { set: { n: 1 }, next: $end }\n")
    assert codes == []
    probe = plan.nodes[0].model_copy(update={"verb": "probe", "values": {}})
    outcome, _ = await ran(plan.model_copy(update={"nodes": (probe,)}), {"go": True})
    assert outcome.status == "failed"
    assert outcome.error["kind"] == "invalid_output"


def test_a_way_to_an_unknown_node_is_refused() -> None:
    plan, codes = compiled('  a:\n    set: { n: 1 }\n    next: [{ if: "inputs.go", to: ghost }, { else: $end }]\n')
    assert plan is None
    assert codes == ["E101"]


def test_a_node_that_nothing_reaches_is_refused() -> None:
    plan, codes = compiled("  a: { set: { n: 1 }, next: $end }\n  b: { set: { n: 1 }, next: $end }\n")
    assert plan is None
    assert codes == ["E102"]


def test_a_value_of_the_wrong_type_is_refused_before_it_runs() -> None:
    nodes = """
  a: { set: { n: text }, next: b }
  b: { each: c, over: "${ a.n }", next: $end }
  c: { set: { n: 1 } }
"""
    plan, codes = compiled(nodes)
    assert plan is None
    assert codes == ["E202"]


async def test_a_graph_that_ends_nowhere_is_no_success() -> None:
    plan, codes = compiled('  a:\n    set: { n: 1 }\n    next: [{ if: "inputs.go", to: $end }]\n')
    if plan is None:
        assert codes
        return
    outcome, _ = await ran(plan, {"go": False})
    assert outcome.status == "failed"


async def test_slow_and_fast_branches_in_a_loop_join_as_often_as_the_loop_turns() -> None:
    nodes = """
  a: { parallel: [left, right], next: c }
  left: { set: { n: 1 } }
  right: { set: { n: 1 }, next: right2 }
  right2: { set: { n: 1 } }
  c:
    set: { n: "${ visits('c') }" }
    next: [{ if: "visits('c') < 3", to: a, max_visits: 9 }, { else: $end }]
"""
    plan, codes = compiled(nodes, 'outputs: { n: "${ c.n }" }\n')
    assert [code for code in codes if code.startswith("E")] == []
    outcome, path = await ran(plan, {"go": True})
    await asyncio.sleep(0)
    assert outcome.outputs == {"n": 2}
    assert path.count("c") == path.count("a") == path.count("right2") == 3
