"""Workspaces as a whole: what compiles, what is published, what is never asked for."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Catalog, Workspace
from girih.language.nodes.base import GraphContract, ToolContract, object_of
from girih.language.spec.diagnostics import has_errors

SUB = """\
kind: graph/v1
name: sub
inputs: { text: string }
nodes: { a: { set: { said: "${ inputs.text }" }, next: $end } }
outputs: { said: "${ a.said }" }
"""
CALLER = """\
kind: graph/v1
name: caller
use: { sub: graph://sub }
nodes: { a: { graph: sub, with: { text: hi }, next: $end } }
outputs: { said: "${ a.said }" }
"""


def codes(files: dict[str, str], catalog: Catalog | None = None) -> list[str]:
    return [d.code for d in compile_workspace(Workspace(files), catalog or Catalog()).diagnostics]


def test_an_empty_workspace() -> None:
    assert compile_workspace(Workspace({})).diagnostics == ()


def test_subgraphs_are_compiled_first_and_locked() -> None:
    compilation = compile_workspace(Workspace({"a.yaml": CALLER, "z.yaml": SUB}))
    assert compilation.diagnostics == ()
    assert list(compilation.plans) == ["sub", "caller"]
    caller, sub = compilation.plans["caller"], compilation.plans["sub"]
    assert caller.node("a").settings == {"name": "sub", "digest": sub.digest}
    assert [(e.alias, e.scheme, e.name, e.digest) for e in caller.lock] == [("sub", "graph", "sub", sub.digest)]
    assert caller.outputs["properties"] == {"said": {"type": "string"}}
    assert compilation.sources == {"caller": "a.yaml", "sub": "z.yaml"}


def test_a_change_of_a_subgraph_changes_its_callers_digest() -> None:
    first = compile_workspace(Workspace({"a.yaml": CALLER, "b.yaml": SUB})).plans
    second = compile_workspace(Workspace({"a.yaml": CALLER, "b.yaml": SUB.replace('said: "${', 'said: "x ${')})).plans
    assert first["caller"].digest != second["caller"].digest


def test_a_fault_in_a_subgraph_is_told_once_and_publishes_neither() -> None:
    compilation = compile_workspace(Workspace({"a.yaml": CALLER, "b.yaml": SUB.replace("inputs.text", "inputs.txt")}))
    assert [(d.code, d.place.file) for d in compilation.diagnostics] == [("E201", "b.yaml")]
    assert compilation.plans == {}
    assert set(compilation.sources) == {"caller", "sub"}


def test_the_workspaces_own_graph_comes_before_the_catalogs() -> None:
    published = GraphContract("sub", "sha256:old", object_of({}), object_of({"other": {}}))
    catalog = Catalog(graphs={"sub": published, "sub@1.0.0": published})
    plans = compile_workspace(Workspace({"a.yaml": CALLER, "b.yaml": SUB}), catalog).plans
    assert plans["caller"].lock[0].digest == plans["sub"].digest
    assert codes({"a.yaml": CALLER.replace("graph://sub", "graph://sub@1.0.0"), "b.yaml": SUB}, catalog) == [
        "E402",
        "E201",
    ]
    assert codes({"a.yaml": CALLER.replace("graph://sub", "graph://sub@2.0.0")}, catalog) == ["E401"]


def test_the_catalog_is_what_a_server_knows() -> None:
    tool = ToolContract(
        "t", "sha256:t", object_of({"x": {"type": "integer"}}), object_of({"y": {"type": "string"}}), {"name": "t"}
    )
    catalog = Catalog(knowledge=frozenset({"kb"}), tools={"t": tool})
    text = """\
kind: graph/v1
name: a
use: { t: tool://t, kb: knowledge://kb, m: { first_of: [model://default, model://demo] } }
nodes:
  a: { call: t, with: { x: 1 }, next: b }
  b: { retrieve: kb, query: "${ a.y }", next: c }
  c: { llm: m, prompt: hi, next: $end }
"""
    compilation = compile_workspace(Workspace({"a.yaml": text}), catalog)
    assert compilation.diagnostics == ()
    plan = compilation.plans["a"]
    assert plan.node("a").settings["tool"] == {"name": "t"}
    assert plan.node("b").settings["collection"] == "kb"
    assert plan.node("c").settings["models"] == ["default", "demo"]
    assert [(e.alias, e.name, e.digest) for e in plan.lock] == [
        ("kb", "kb", None), ("m", "default", None), ("m", "demo", None), ("t", "t", "sha256:t"),
    ]  # fmt: skip
    assert codes({"a.yaml": text}) == ["E401", "E401"]


def test_the_plan_of_a_fork() -> None:
    text = """\
kind: graph/v1
name: fork
inputs: { q: string }
nodes:
  gather: { parallel: [left, right], next: { to: gather, max_visits: 1 } }
  left: { set: { x: "${ inputs.q }" }, next: inner }
  inner: { parallel: [deep, deeper] }
  deep: { set: { x: "${ left.x }" } }
  deeper: { set: { x: 1 } }
  right: { set: { x: 1 } }
  late: { set: { x: "${ deep.x } ${ right.x }" }, next: [{ if: "size(late.x) > 1 && deeper.x == 1", to: $fail }, { else: $end }] }
limits: { steps: 7 }
""".replace("next: { to: gather, max_visits: 1 }", "next: late")
    compilation = compile_workspace(Workspace({"a.yaml": text}))
    assert compilation.diagnostics == ()
    plan = compilation.plans["fork"]
    assert {n.name: (n.shape, n.region, tuple(b.entry for b in n.branches)) for n in plan.nodes} == {
        "gather": ("fork", None, ("left", "right")), "left": ("step", "left", ()), "inner": ("fork", "left", ("deep", "deeper")),
        "deep": ("step", "deep", ()), "deeper": ("step", "deeper", ()), "right": ("step", "right", ()),
        "late": ("step", None, ()),
    }  # fmt: skip
    late = plan.node("late")
    assert late.reads == ("deep", "deeper", "late", "right")
    assert [(r.to, r.condition) for r in late.routes] == [
        ("$fail", "size(late.x) > 1 && deeper.x == 1"),
        ("$end", None),
    ]
    assert (plan.start, plan.limits.steps) == ("gather", 7)


def test_json_is_the_same_graph() -> None:
    json = (
        '{"outputs": {"said": "${ a.said }"}, "inputs": {"text": "string"}, "name": "sub", "kind": "graph/v1",'
        ' "nodes": {"a": {"next": "$end", "set": {"said": "${ inputs.text }"}}}}'
    )
    assert compile_workspace(Workspace({"a.json": json})).plans == compile_workspace(Workspace({"a.yaml": SUB})).plans


@pytest.mark.parametrize(
    "files",
    [
        {"a.yaml": SUB, "b.yaml": SUB}, {"a.yaml": "kind: tool/v1\nname: x\n"}, {"a.yaml": "kind: nothing/v1\n"},
        {"a.yaml": "kind: graph/v1\n"}, {"a.yaml": "kind: graph/v1\nname: a\nnodes: []\n"}, {"a.yaml": "kind: [\n"},
        {"a.json": '{"kind": 5}'}, {"a.yaml": "kind: graph/v1\nname: a\nstart: b\nnodes: { a: 5, b: { llm: } }\n"},
    ],
)  # fmt: skip
def test_broken_specs_are_findings(files: dict[str, str]) -> None:
    compilation = compile_workspace(Workspace(files))
    assert has_errors(compilation.diagnostics)


def test_other_files_are_left_alone() -> None:
    assert codes({"a.yaml": "no: spec\n", "b.json": "[1]", "c.yml": "- x\n\t- y\n", "d.md": "kind: graph/v1\n"}) == []


def test_a_node_that_could_not_be_read_gives_no_further_findings() -> None:
    text = """\
kind: graph/v1
name: a
use: { m: model://default }
nodes:
  first: { llm: m, next: gather }
  gather: { par: [left, right], next: last }
  left: { set: { x: "${ first.text }" } }
  right: { set: { x: "${ left.x } ${ gather.y }" } }
  last: { set: { x: "${ left.x }" }, next: $end }
outputs: { text: "${ first.text }" }
"""
    found = compile_workspace(Workspace({"a.yaml": text})).diagnostics
    assert {d.code for d in found} == {"E002"}


def test_a_misspelt_node_is_read_as_it_was_meant() -> None:
    text = """\
kind: graph/v1
name: a
use: { m: model://default }
nods:
  first: { llm: m, promt: "${ inputs.q }", retruns: { sure: number }, nxet: gather }
  gather: { paralel: [left, right], next: last }
  left: { set: { x: "${ first.shure }" } }
  right: { set: { x: "${ left.x }" } }
  last: { set: { x: "${ left.x }" }, next: $ende }
"""
    found = compile_workspace(Workspace({"a.yaml": text})).diagnostics
    assert [(d.code, d.place.line) for d in found] == [
        *[("E002", 4), ("E002", 5), ("E201", 5), ("E002", 5), ("E002", 5), ("E002", 6)],
        *[("E201", 7), ("E203", 8), ("E101", 9)],
    ]


def test_a_guess_that_would_not_fit_is_only_a_suggestion() -> None:
    text = "kind: graph/v1\nname: a\nuse: { m: model://default }\nnodes:\n  a: { llm: m, promt: [1], next: $end }\n"
    (fault,) = compile_workspace(Workspace({"a.yaml": text})).diagnostics
    assert (fault.code, fault.help) == ("E002", fault.help)
    assert str(fault.help).startswith("did you mean 'prompt'?")


def test_graphs_without_a_name_of_their_own_are_checked_to_the_end() -> None:
    nameless = "kind: graph/v1\nname: {}\nnodes:\n  a: {{ set: {{ x: 1 }}, next: b }}\n"
    files = {"1.yaml": nameless.format("Ä"), "2.yaml": nameless.format("Ö"), "3.yaml": nameless.format("c")}
    found = compile_workspace(Workspace(files | {"4.yaml": nameless.format("c")})).diagnostics
    assert [(d.code, d.place.file) for d in found] == [
        *[("E002", "1.yaml"), ("E101", "1.yaml"), ("E002", "2.yaml"), ("E101", "2.yaml")],
        *[("E101", "3.yaml"), ("E002", "4.yaml"), ("E101", "4.yaml")],
    ]


def test_a_byte_order_mark_is_no_fault() -> None:
    text = "\ufeffkind: graph/v1\r\nname: a\r\nnodes:\r\n  a: { set: { x: 1 }, next: $end }\r\n"
    compilation = compile_workspace(Workspace({"a.yaml": text, "b.json": "\ufeff[]"}))
    assert compilation.diagnostics == ()
    assert set(compilation.plans) == {"a"}


def test_validation_loads_no_server() -> None:
    loaded: Any = set(sys.modules)
    for module in ("sqlalchemy", "fastapi", "langgraph", "celery", "asyncpg"):
        if module not in loaded:
            compile_workspace(Workspace({"a.yaml": SUB}))
            assert module not in sys.modules


def test_all_that_a_node_carries_comes_to_its_plan() -> None:
    text = """\
kind: graph/v1
name: all
inputs: { q: string, docs: [string] }
state: { notes: { type: [string], merge: append }, best: number }
nodes:
  first:
    when: "inputs.q != ''"
    set: { x: 1 }
    retry: { max: 3, on: [timeout] }
    timeout: 5s
    on_error: { on: [timeout], value: { x: 2 } }
    cache: { ttl: 1h, key: "${ run.id }" }
    write: { notes: ["${ string(first.x) }"], best: 1 }
    next: all
  all: { each: one, over: "${ inputs.docs }", as: doc, result: "${ one.y }", next: ask }
  one: { set: { y: "${ doc } ${ index } ${ state.notes } ${ first.?x.orValue(0) }" } }
  ask: { ask: { message: "?", timeout: 1h, on_timeout: late }, on_error: { to: late }, next: $end }
  late: { set: { x: "${ errors.?ask }" }, next: $end }
limits: { steps: 9, depth: 2, cost_usd: 0.5, wall: 1m, tokens: 10 }
""".replace("${ errors.?ask }", "${ has(errors.ask) }")
    compilation = compile_workspace(Workspace({"a.yaml": text}))
    assert compilation.diagnostics == ()
    plan = compilation.plans["all"]
    first = plan.node("first").model_dump(exclude_none=True)
    assert first["when"] == "inputs.q != ''"
    assert first["retry"] == {"max": 3, "on": ("timeout",), "wait": 0.5, "longest": 30.0}
    assert first["timeout"] == {"attempt": 5.0}
    assert first["on_error"] == {"on": ("timeout",), "value": {"x": 2}}
    assert first["cache"] == {"ttl": 3600.0, "key": ("${ run.id }",)}
    assert first["writes"] == {"notes": ["${ string(first.x) }"], "best": 1}
    assert first["reads"] == ("first", "inputs", "run")
    fork = plan.node("all")
    assert [b.model_dump() for b in fork.branches] == [
        {"entry": "one", "binds": ("doc", "index"), "gives": ("${ one.y }",), "reads": ("one",)}
    ]
    assert fork.reads == ("first", "inputs", "state"), "what its branches read from outside, too"
    assert plan.node("ask").exits == {"timeout": "late"}
    assert plan.node("ask").on_error is not None
    assert plan.node("late").reads == ("errors",)
    assert {name: (value.merge, value.default) for name, value in plan.state.items()} == {
        "notes": ("append", []),
        "best": ("last", None),
    }
    assert plan.limits.model_dump() == {"steps": 9, "depth": 2, "cost_usd": 0.5, "wall": 60.0, "tokens": 10}
