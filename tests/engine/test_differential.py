"""Random valid graphs, compiled by the compiler, run by the engine and by the reference interpreter: the same comes out."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.engine.plans import World
from tests.engine.reference import Failed, Interpreter

from girih.errors import NodeError
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace

TOOL = json.dumps(
    {
        "kind": "tool/v1",
        "name": "count.up",
        "description": "Adds one, or fails.",
        "http": {"endpoint": "count", "method": "GET", "path": "/up"},
        "parameters": {"n": "integer", "fail": "boolean"},
        "returns": {"n": "integer"},
        "idempotent": True,
    }
)
INNER = json.dumps(
    {
        "kind": "graph/v1",
        "name": "inner",
        "inputs": {"n": "integer"},
        "state": {"total": {"type": "integer", "merge": "sum", "default": 0}},
        "nodes": {
            "f": {"parallel": ["x", "y"], "next": "z"},
            "x": {"set": {"n": "${ inputs.n + 1 }"}, "write": {"total": "${ x.n }"}},
            "y": {"set": {"n": "${ inputs.n + 2 }"}, "write": {"total": "${ y.n }"}},
            "z": {"set": {"n": "${ state.total }"}, "next": "$end"},
        },
        "outputs": {"n": "${ z.n }"},
    }
)

LEAVES = st.sampled_from(["set", "call", "stands_in", "leads_on", "when", "write", "graph"])


def blocks(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=3)
    return (
        st.tuples(st.just("if"), some, some)
        | st.tuples(st.just("loop"), st.integers(1, 2), some)
        | st.tuples(st.just("fork"), st.sampled_from(["all", "settled", "any"]), st.lists(some, min_size=2, max_size=3))
        | st.tuples(st.just("each"), st.sampled_from(["fail", "skip", "null"]), st.integers(0, 3), some)
    )


GRAPHS = st.lists(st.recursive(LEAVES, blocks, max_leaves=8), min_size=1, max_size=4)


@dataclass
class Writer:
    """Lays blocks as nodes of a graph file, front to back; `sure` and `maybe` are the values in sight."""

    draw: Any
    nodes: dict[str, Any] = field(default_factory=dict)
    count: int = 0

    def name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def value(self, sure: list[str], maybe: list[str]) -> str:
        kinds = ["1", "inputs.a", "state.total"] + sure + [f"{name}.?n.orValue(2)" for name in maybe]
        return " + ".join(self.draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2)))

    def condition(self, sure: list[str], maybe: list[str]) -> str:
        return f"({self.value(sure, maybe)}) % 2 == {self.draw(st.integers(0, 1))}"

    def sequence(
        self, items: list[Any], entry: str, then: str | None, sure: list[str], maybe: list[str], *, fails: bool
    ) -> tuple[list[str], list[str]]:
        """The values that are in sight after it, surely and maybe."""
        entries = [entry, *(self.name() for _ in items[1:])]
        for block, at, after in zip(items, entries, [*entries[1:], then], strict=True):
            sure, maybe = self.block(block, at, after, sure, maybe, fails=fails)
        return sure, maybe

    def block(
        self, block: Any, at: str, then: str | None, sure: list[str], maybe: list[str], *, fails: bool
    ) -> tuple[list[str], list[str]]:
        if isinstance(block, str):
            return self.leaf(block, at, then, sure, maybe, fails=fails)
        made: tuple[list[str], list[str]] = getattr(self, f"lay_{block[0]}")(block, at, then, sure, maybe, fails=fails)
        return made

    def put(self, name: str, then: str | None, node: dict[str, Any]) -> None:
        self.nodes[name] = node | ({"next": then} if then is not None else {})

    def leaf(self, verb: str, at: str, then: str | None, sure: Any, maybe: Any, *, fails: bool) -> Any:
        value = f"${{ {self.value(sure, maybe)} }}"
        mine = ([*sure, f"{at}.n"], maybe)
        if verb == "graph":
            self.put(at, then, {"graph": "inner", "with": {"n": value}})
        elif verb in ("call", "stands_in", "leads_on"):
            broken = self.draw(st.booleans()) if verb != "call" else fails and self.draw(st.booleans())
            node: dict[str, Any] = {"call": "tool", "with": {"n": value, "fail": broken}}
            if verb == "stands_in":
                node["on_error"] = {"on": ["tool_error"], "value": {"n": 7}}
            if verb == "leads_on" and then is not None:
                node["on_error"] = {"to": then}
                mine = (sure, [*maybe, at])
            elif verb == "leads_on":
                node["with"]["fail"] = False
            self.put(at, then, node)
        else:
            node = {"set": {"n": value}}
            if verb == "when":
                node["when"] = self.condition(sure, maybe)
                mine = (sure, [*maybe, at])
            if verb == "write":
                node["write"] = {"total": f"${{ {at}.n }}", "log": [f"${{ {at}.n }}"]}
            self.put(at, then, node)
        return mine

    def lay_if(self, block: Any, at: str, then: str | None, sure: Any, maybe: Any, *, fails: bool) -> Any:
        left, right = self.name(), self.name()
        self.nodes[at] = {
            "set": {"n": f"${{ {self.value(sure, maybe)} }}"},
            "next": [{"if": self.condition([*sure, f"{at}.n"], maybe), "to": left}, {"else": right}],
        }
        known = [*sure, f"{at}.n"]
        first = self.sequence(block[1], left, then, known, maybe, fails=fails)
        second = self.sequence(block[2], right, then, known, maybe, fails=fails)
        inside = demoted([name for names, _ in (first, second) for name in names[len(known) :]])
        return known, [*maybe, *first[1][len(maybe) :], *second[1][len(maybe) :], *inside]

    def lay_loop(self, block: Any, at: str, then: str | None, sure: Any, maybe: Any, *, fails: bool) -> Any:
        turn, out = self.name(), self.name()
        sure, maybe = self.sequence(block[2], at, turn, sure, maybe, fails=fails)
        again = {"if": self.condition([*sure, f"{turn}.n"], maybe), "to": at, "max_visits": block[1]}
        self.nodes[turn] = {"set": {"n": "${ visits('" + at + "') }"}, "next": [again, {"else": out}]}
        return self.leaf("set", out, then, [*sure, f"{turn}.n"], maybe, fails=fails)

    def lay_fork(self, block: Any, at: str, then: str | None, sure: Any, maybe: Any, *, fails: bool) -> Any:
        _, join, branches = block
        entries = [self.name() for _ in branches]
        winner = self.draw(st.integers(0, len(branches) - 1))
        node: dict[str, Any] = {"parallel": entries, "join": join}
        seen = []
        for index, (entry, items) in enumerate(zip(entries, branches, strict=True)):
            if join == "any" and index != winner:
                self.nodes[entry] = {"call": "tool", "with": {"n": 1, "fail": True}}
                continue
            seen.append(self.sequence(items, entry, None, list(sure), list(maybe), fails=join == "settled"))
        self.put(at, then, node)
        inside = [name for names, _ in seen for name in names[len(sure) :]]
        others = [name for _, names in seen for name in names[len(maybe) :]]
        if join == "all":
            return [*sure, *inside], [*maybe, *others]
        return sure, [*maybe, *others, *demoted(inside)]

    def lay_each(self, block: Any, at: str, then: str | None, sure: Any, maybe: Any, *, fails: bool) -> Any:
        _, handling, length, items = block
        entry, last = self.name(), self.name()
        bound = [name for name in sure if name not in ("item", "index")] + ["item", "index"]
        inner, _ = self.sequence(items, entry, last, bound, list(maybe), fails=handling != "fail")
        self.leaf("set", last, None, inner, [], fails=False)
        node = {"each": entry, "over": list(range(length)), "on_item_error": handling, "result": f"${{ {last}.n }}"}
        self.put(at, then, node)
        return [*sure, f"size({at}.items)", f"{at}.failed"], maybe


def demoted(names: list[str]) -> list[str]:
    """The nodes whose `n` was surely in sight where it is no more."""
    return [name.removesuffix(".n") for name in names if name.endswith(".n")]


def written(draw: Any, graph: list[Any]) -> str:
    writer = Writer(draw)
    first, last = writer.name(), writer.name()
    sure, maybe = writer.sequence(graph, first, last, [], [], fails=False)
    everything = [f"{name}" for name in sure] + [f"{name}.?n.orValue(-1)" for name in maybe]
    writer.nodes[last] = {"set": {"all": [f"${{ {one} }}" for one in everything] or [0]}, "next": "$end"}
    return json.dumps(
        {
            "kind": "graph/v1",
            "name": "g",
            "inputs": {"a": "integer"},
            "start": first,
            "use": {"tool": "tool://count.up", "inner": "graph://inner"},
            "state": {
                "total": {"type": "integer", "merge": "sum", "default": 0},
                "log": {"type": ["integer"], "merge": "append", "default": []},
            },
            "nodes": writer.nodes,
            "outputs": {"all": f"${{ {last}.all }}", "total": "${ state.total }"},
            "limits": {"steps": 100_000},
        }
    )


class Tools:
    async def call(self, contract: Any, arguments: Any, *, timeout: float, idempotency_key: str) -> Any:
        await asyncio.sleep(0)
        return tool(arguments)


def tool(arguments: Any) -> Any:
    if arguments["fail"]:
        raise NodeError("tool_error", "told to")
    return {"n": arguments["n"] + 1}


def told(arguments: Any) -> Any:
    try:
        return tool(arguments)
    except NodeError as error:
        raise Failed(error.kind, error.message) from error


# Without shrinking: a failure shows its whole graph, and shrinking compiles thousands of others.
@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(GRAPHS, st.integers(-2, 2), st.data())
def test_the_engine_does_what_the_plan_means(graph: list[Any], a: int, data: st.DataObject) -> None:
    text = written(data.draw, graph)
    compilation = compile_workspace(Workspace({"g.yaml": text, "inner.yaml": INNER, "tool.yaml": TOOL}))
    errors = [f for f in compilation.diagnostics if f.severity == "error"]
    assert not errors, f"{text}\n{[(f.code, f.message) for f in errors]}"
    plans = {plan.digest: plan for plan in compilation.plans.values()}
    plan = compilation.plans["g"]
    reference = Interpreter(plan, plans, told)
    outputs, state = reference.run({"a": a})
    world = World(plans=plans, tools=Tools())
    with asyncio.Runner() as runner:
        outcome = runner.run(world.run(plan, {"a": a}))
    assert outcome.status == "succeeded", (outcome.error, text)
    assert outcome.outputs == outputs, text
    assert outcome.state == state, text
    finished = [str(event.node) for event in world.events if event.type == "node.finished"]
    assert Counter(finished) == Counter(reference.path), text
    if "parallel" not in text and "each" not in text and "inner" not in str(reference.path):
        assert finished == reference.path
