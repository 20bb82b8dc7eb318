"""Graphs made at random: valid ones compile, whatever they look like; broken ones are findings, never failures."""

from __future__ import annotations

import json
import random
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.spec import render
from girih.language.spec.diagnostics import has_errors
from girih.language.spec.source import Source

Graph = dict[str, Any]


class Maker:
    """Makes a graph that is valid by construction: a line of steps, forks, choices and bounded loops."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.nodes: Graph = {}

    def graph(self) -> Graph:
        names = [f"n{i}" for i in range(self.dice.randint(1, 6))]
        known: list[str] = []
        for i, name in enumerate(names):
            self.step(name, names[i + 1] if i + 1 < len(names) else "$end", known, names[: i + 1], depth=0)
        return {
            "kind": "graph/v1",
            "name": "made",
            "inputs": {"q": "string", "n": "integer", "opt": "number?", "e": {"enum": ["a", "b"]}},
            "use": {"m": "model://default"} if any("llm" in node for node in self.nodes.values()) else {},
            "start": "n0",
            "nodes": self.nodes,
            "outputs": {"all": "${ inputs.q }", "last": {"from": [f"{known[-1]}.x", "inputs.q"]}} if known else {},
        }

    def step(self, name: str, after: str | None, known: list[str], before: list[str], depth: int) -> None:
        kind = self.dice.choice(["set", "set", "choice", "llm", "fork", "loop"])
        if kind == "fork" and depth < 2:
            branches = [f"{name}_{i}" for i in range(self.dice.randint(2, 3))]
            made: list[str] = []
            for branch in branches:
                inner = list(known)
                length = self.dice.randint(1, 2)
                line = [branch, *(f"{branch}s{i}" for i in range(1, length))]
                for i, node in enumerate(line):
                    self.step(node, line[i + 1] if i + 1 < length else None, inner, line[: i + 1], depth + 1)
                made += [n for n in inner if n not in known]
            self.nodes[name] = {"parallel": branches} | ({"next": after} if after else {})
            known += made
            return
        body: Graph = {"set": {"x": self.value(known), "n": "${ inputs.n * 2 + 1.5 }"}}
        if kind == "llm":
            body = {"llm": "m", "prompt": f"Say {self.value(known)}", "returns": {"x": "string", "n": "number"}}
        self.nodes[name] = body | self.routes(kind, name, after, before)
        known.append(name)

    def routes(self, kind: str, name: str, after: str | None, before: list[str]) -> Graph:
        if after is None:
            return {}
        if kind == "choice":
            return {"next": [{"if": "inputs.e == 'a'", "to": after}, {"if": f"'b' == inputs.e || {name}.n > 1", "to": after},
                             {"else": after}]}  # fmt: skip
        if kind == "loop":
            back = {"if": f"{name}.n > 0.5", "to": self.dice.choice(before), "max_visits": 2}
            return {"next": [back, {"else": after}]}
        return {"next": after}

    def value(self, known: list[str]) -> str:
        if known and self.dice.random() < 0.7:
            return f"{{x}} ${{ {self.dice.choice(known)}.x }}"
        return self.dice.choice(
            ["${ inputs.q }", "${ string(inputs.?opt.orValue(1.5)) }", "${ has(inputs.opt) ? 'a' : 'b' }"]
        )


def shuffled(value: Any, dice: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        dice.shuffle(keys)
        return {key: shuffled(value[key], dice) for key in keys}
    return [shuffled(item, dice) for item in value] if isinstance(value, list) else value


SEEDS = st.integers(0, 2**32)


@given(SEEDS, SEEDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_valid_graph_compiles_and_its_looks_do_not_count(seed: int, order: int) -> None:
    graph = Maker(seed).graph()
    other = shuffled(graph, random.Random(order))
    forms = {
        "a.yaml": yaml.safe_dump(graph, sort_keys=False),
        "b.json": json.dumps(graph, indent=1),
        "c.yaml": "# a comment\n"
        + yaml.safe_dump(other, sort_keys=False, default_flow_style=True, width=10_000)
        + "# end\n",
        "d.json": json.dumps(other),
    }
    digests = set()
    for name, text in forms.items():
        compilation = compile_workspace(Workspace({name: text}))
        assert not compilation.diagnostics, render.text(compilation.diagnostics, {name: Source(name, text)})
        digests.add(compilation.plans["made"].digest)
    assert len(digests) == 1


JUNK: list[Any] = [None, 5, -1.5, True, "", "x", "$end", "${", "${ a.b }", "${ inputs.q", "n0", [], {}, [[]], {"if": 3}, ["n0", "n0"],
                   {"to": "n1"}, {"file": "x.md"}, {"from": ["n0.x"]}, {"set": {"x": 1}}, "é\u2028", "graph://made"]  # fmt: skip


def mutated(value: Any, dice: random.Random) -> Any:
    """The value with one thing changed, somewhere."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        key = dice.choice(list(value))
        change = dice.choice(["inner", "inner", "inner", "drop", "rename", "add"])
        if change == "drop":
            return {k: v for k, v in value.items() if k != key}
        if change == "rename":
            return {(f"{k}x" if k == key else k): v for k, v in value.items()}
        if change == "add":
            return value | {dice.choice(["next", "parallel", "llm", "with", "zz"]): dice.choice(JUNK)}
        return value | {key: mutated(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.8:
        at = dice.randrange(len(value))
        return [mutated(item, dice) if i == at else item for i, item in enumerate(value)]
    if isinstance(value, str) and value and dice.random() < 0.6:
        at = dice.randrange(len(value))
        return value[:at] + dice.choice(["", "x", "'", "}", "{", "(", ".", "?", "$", " = "]) + value[at + 1 :]
    return dice.choice(JUNK)


@given(SEEDS, SEEDS, st.integers(1, 4))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_broken_graph_is_a_finding_and_never_a_failure(seed: int, change: int, times: int) -> None:
    graph: Any = Maker(seed).graph()
    dice = random.Random(change)
    for _ in range(times):
        graph = mutated(graph, dice)
    text = json.dumps(graph)
    compilation = compile_workspace(Workspace({"a.json": text}))
    for diagnostic in compilation.diagnostics:
        assert diagnostic.place.file == "a.json"
        assert 1 <= diagnostic.place.column <= len(text) + 1
    render.text(compilation.diagnostics, {"a.json": Source("a.json", text)})
    assert not (compilation.plans and has_errors(compilation.diagnostics))
