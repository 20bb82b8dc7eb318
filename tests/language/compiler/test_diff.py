"""The verdict on a new version: what a caller may rely on."""

from __future__ import annotations

import pytest

from girih.language.compiler.diff import verdict
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Workspace

BASE = {
    "inputs": "{ a: string, b: integer?, c: { enum: [x, y] } }",
    "set": "{ said: hi, n: 1 }",
    "outputs": '{ said: "${ node.said }", n: "${ node.n }" }',
}


def plan(**changes: str) -> Plan:
    parts = BASE | changes
    text = f"kind: graph/v1\nname: a\ninputs: {parts['inputs']}\nnodes: {{ node: {{ set: {parts['set']}, next: $end }} }}\n"
    compilation = compile_workspace(Workspace({"a.yaml": text + f"outputs: {parts['outputs']}\n"}))
    assert compilation.diagnostics == ()
    return compilation.plans["a"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "patch"),
        ({"set": "{ said: other, n: 2 }"}, "patch"),
        ({"inputs": "{ a: string, b: integer?, c: { enum: [x, y] }, d: string? }"}, "minor"),
        ({"inputs": "{ a: string, b: integer?, c: { enum: [x, y, z] } }"}, "minor"),
        ({"inputs": "{ a: string?, b: integer?, c: { enum: [x, y] } }"}, "minor"),
        ({"inputs": "{ a: string, b: number?, c: { enum: [x, y] } }"}, "minor"),
        ({"outputs": '{ said: "${ node.said }", n: "${ node.n }", more: "${ node.n }" }'}, "minor"),
        ({"inputs": "{ a: string, b: integer?, c: { enum: [x, y] }, d: string }"}, "major"),
        ({"inputs": "{ a: string, b: integer, c: { enum: [x, y] } }"}, "major"),
        ({"inputs": "{ a: string, c: { enum: [x, y] } }"}, "major"),
        ({"inputs": "{ a: string, b: integer?, c: { enum: [x] } }"}, "major"),
        ({"inputs": "{ a: integer, b: integer?, c: { enum: [x, y] } }"}, "major"),
        ({"inputs": "{ a: { type: string, minLength: 3 }, b: integer?, c: { enum: [x, y] } }"}, "major"),
        ({"outputs": '{ said: "${ node.said }" }'}, "major"),
        ({"outputs": '{ said: "${ node.n }", n: "${ node.n }" }'}, "major"),
        ({"outputs": '{ said: "${ node.said }", n: "${ node.n + 0.5 }" }'}, "major"),
    ],
)
def test_verdict(changes: dict[str, str], expected: str) -> None:
    assert verdict(plan(), plan(**changes)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{ type: string, maxLength: 9 }", "{ type: string, maxLength: 5 }", "major"),
        ("{ type: string, maxLength: 5 }", "{ type: string, maxLength: 9 }", "minor"),
        ("{ type: string, minLength: 5 }", "{ type: string, minLength: 2 }", "minor"),
        ("{ type: string, minLength: 2 }", "{ type: string, minLength: 5 }", "major"),
        ("{ type: integer, minimum: 2 }", "{ type: integer, minimum: 5 }", "major"),
        ("{ type: integer, exclusiveMaximum: 2 }", "{ type: integer, exclusiveMaximum: 5 }", "minor"),
        ("{ type: integer, exclusiveMinimum: 2 }", "{ type: integer, exclusiveMinimum: 5 }", "major"),
        ("{ type: string, pattern: a }", "{ type: string, pattern: b }", "major"),
        ("{ type: string, pattern: a }", "string", "minor"),
        ("any", "string", "major"),
        ("string", "any", "minor"),
        ("[string]", "[integer]", "major"),
        (
            "{ type: array, items: { type: string, maxLength: 9 } }",
            "{ type: array, items: { type: string, maxLength: 5 } }",
            "major",
        ),
        (
            "{ type: object, properties: { a: string } }",
            "{ type: object, properties: { a: string }, required: [a] }",
            "major",
        ),
        (
            "{ type: object, properties: { a: string } }",
            "{ type: object, properties: { a: string, b: string } }",
            "minor",
        ),
    ],
)
def test_bounds_of_an_input(old: str, new: str, expected: str) -> None:
    assert verdict(plan(inputs=f"{{ a: {old} }}"), plan(inputs=f"{{ a: {new} }}")) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[params]", "[params, format]", "minor"),
        ("[params, format]", "[params]", "major"),
        ("[format, params]", "[params, format]", "patch"),
    ],
)
def test_what_apps_may_give_is_a_part_of_the_contract(old: str, new: str, expected: str) -> None:
    def accepting(parts: str) -> Plan:
        head = "kind: graph/v1\nname: a\nuse: { m: model://default }\n"
        node = f"nodes: {{ a: {{ llm: m, prompt: hi, accepts: {parts}, next: $end }} }}\n"
        return compile_workspace(Workspace({"a.yaml": head + node})).plans["a"]

    assert verdict(accepting(old), accepting(new)) == expected
