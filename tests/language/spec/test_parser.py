"""Parsing graphs: every fault of a shape in one pass, at its place, and as much of the graph as is sound."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from girih.language.nodes.registry import kinds
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.model import AgentGraph, Merged
from girih.language.spec.parser import parse_graph
from girih.language.spec.reader import read
from girih.language.spec.source import Source
from girih.language.spec.tree import Tree

HEAD = "kind: graph/v1\nname: test\n"
NODES = "nodes:\n  a: { llm: m, prompt: hi, next: $end }\n"


def parse(text: str) -> tuple[AgentGraph, list[Diagnostic]]:
    tree, found = read(Source("a.yaml", text))
    assert tree is not None
    assert [d for d in found if d.severity == "error"] == []
    graph, faults = parse_graph(tree, kinds())
    assert graph is not None
    assert all(fault.code == "E002" and fault.severity == "error" for fault in faults)
    return graph, list(faults)


def marked(text: str, fault: Diagnostic) -> str:
    """The text the caret stands under."""
    line = Source("a", text).line(fault.place.line)
    return line[fault.place.column - 1 : fault.place.column - 1 + fault.place.length]


def test_a_sound_graph() -> None:
    text = """\
kind: graph/v1
name: support-answer
inputs: { question: string, tier: { enum: [free, gold], default: free }, note: string? }
use: { m: { first_of: [model://a, model://b] }, kb: knowledge://handbook, desk: "graph://refund-desk@^2" }
nodes:
  a:
    llm: m
    prompt: { file: p.md, with: { q: "${ inputs.question }" } }
    next:
      - { if: "a.text == 'x'", to: b, max_visits: 3 }
      - else: $end
  b: { set: { x: 1 }, next: a }
outputs: { text: "${ a.text }", either: { from: [a.text, b.x] } }
limits: { steps: 7 }
"""
    graph, faults = parse(text)
    assert faults == []
    assert graph.name == "support-answer"
    assert graph.start == "a"
    assert graph.required == {"question"}
    assert graph.inputs["tier"] == {"enum": ["free", "gold"], "default": "free"}
    assert graph.use == {
        "m": ("model://a", "model://b"),
        "kb": ("knowledge://handbook",),
        "desk": ("graph://refund-desk@^2",),
    }
    assert graph.outputs == {"text": "${ a.text }", "either": Merged.model_validate({"from": ["a.text", "b.x"]})}
    assert graph.head.limits.steps == 7
    first, second = graph.nodes["a"].routes
    assert (first.to, first.condition, first.max_visits) == ("b", "a.text == 'x'", 3)
    assert (first.at, first.condition_at) == (("next", 0, "to"), ("next", 0, "if"))
    assert (second.to, second.otherwise, second.at) == ("$end", True, ("next", 1, "else"))
    assert all(node.sound for node in graph.nodes.values())
    assert graph.nodes["a"].config.prompt.file == "p.md"


@pytest.mark.parametrize(
    ("node", "mark", "message", "help"),
    [
        ("{ llm: m, promt: hi }", "promt", "unknown key 'promt' in llm node 'a'", "did you mean 'prompt'?"),
        ("{ llm: m }", "a", "missing key 'prompt' in llm node 'a'", "add 'prompt:'"),
        ("{ llm: m, prompt: hi, repairs: '2' }", "'2'", "'repairs' must be a whole number, found the text '2'", None),
        ("{ llm: m, prompt: hi, repairs: 9 }", "9", "'repairs' must be at most 5, found the number 9", None),
        ("{ llm: m, prompt: { fil: x } }", "fil", "unknown key 'fil' in 'prompt' of llm node 'a'", "'file'"),
        ("{ llm: m, prompt: {} }", "{}", "needs either a text or 'file'", None),
        ("{ llm: m, prompt: [x] }", "[x]", "'prompt' must be a mapping, found a list", None),
        ("{ llm: m, prompt: x, returns: { y: strng } }", "strng", "unknown type 'strng'", "did you mean 'string'?"),
        ("{ llm: m, prompt: x, returns: { Y: string } }", "Y", "'Y' is not a name", "lower-case"),
        ("{ llm: My-Model, prompt: x }", "My-Model", "'llm' must be a name, found the text 'My-Model'", "lower-case"),
        (
            "{ retrieve: kb, query: x, mode: vectr }",
            "vectr",
            "'mode' must be 'hybrid', 'vector' or 'keyword'",
            "'vector'",
        ),
        ("{ retrieve: kb, query: x, top_k: [1] }", "[1]", "'top_k' must be a whole number or text, found a list", None),
        ("{ parallel: [b] }", "[b]", "'parallel' must be a list of at least 2 entries", None),
        ("{ parallel: [b, 5] }", "5", "item 2 of 'parallel' must be text, found the number 5", None),
        ("{ parallel: b }", "b", "'parallel' must be a list, found the text 'b'", "write [b]"),
        ("{ call: c, with: [x] }", "[x]", "'with' must be a mapping, found a list", None),
        ("{ end: { status: fail } }", "fail", "'status' must be 'ok' or 'failed'", "did you mean 'failed'?"),
        ("{ lm: m, prompt: x }", "lm", "unknown verb 'lm' in node 'a'", "did you mean 'llm'?"),
        ("{ title: x }", "a", "node 'a' has no verb", "verbs: "),
        ("{}", "a", "node 'a' has no verb", "verbs: "),
        ("text", "a", "node 'a' must be a mapping, found the text 'text'", "verb"),
        ("{ llm: m, call: c, prompt: x }", "call", "node 'a' has two verbs, 'llm' and 'call'", "two nodes"),
        ("{ llm: m, prompt: x, next: [] }", "next", "'next' of llm node 'a' leads nowhere", "next: NODE"),
        ("{ llm: m, prompt: x, next: null }", "next", "leads nowhere: found nothing", "next: NODE"),
        ("{ llm: m, prompt: x, next: 5 }", "next", "leads nowhere: found the number 5", None),
        (
            "{ llm: m, prompt: x, next: [{ iff: c, to: b }] }",
            "iff",
            "unknown key 'iff' in 'next'",
            "did you mean 'if'?",
        ),
        ("{ llm: m, prompt: x, next: { condition: c, to: b } }", "condition", "unknown key 'condition'", None),
        ("{ llm: m, prompt: x, next: { if: c } }", "next", "missing key 'to' in 'next' of llm node 'a'", "to: NODE"),
        ("{ llm: m, prompt: x, next: { if: true, to: b } }", "true", "'if' must be a condition, found true", "quote"),
        ("{ llm: m, prompt: x, next: { to: [b] } }", "[b]", "'to' must be the name of a node, found a list", None),
        ("{ llm: m, prompt: x, next: { if: c, to: b, else: d } }", "else", "has 'else' beside 'to'", "of its own"),
        ("{ llm: m, prompt: x, next: [{ else: b }, { to: b }] }", "else", "'else' must be the last rule", "end"),
        (
            "{ llm: m, prompt: x, next: { to: b, max_visits: 0 } }",
            "0",
            "'max_visits' must be a whole number from 1",
            None,
        ),
    ],
)
def test_a_fault_in_a_node(node: str, mark: str, message: str, help: str | None) -> None:
    text = f"{HEAD}nodes:\n  a: {node}\n"
    graph, faults = parse(text)
    (fault,) = faults
    assert message in fault.message
    assert help is None or help in str(fault.help)
    assert marked(text, fault) == mark
    assert not graph.nodes["a"].sound or "next:" in node  # a rule's fault leaves the rest of its node sound


@pytest.mark.parametrize(
    ("text", "mark", "message", "help"),
    [
        (f"kind: graph/v1\n{NODES}", "kind", "missing key 'name' in the graph", "name:"),
        (f"kind: graph/v1\nname: My_Graph\n{NODES}", "My_Graph", "'name' must be a published name", "support-answer"),
        (f"{HEAD}naem: x\n{NODES}", "naem", "unknown key 'naem' in the graph", "nodes"),
        (f"{HEAD}input: {{}}\n{NODES}", "input", "unknown key 'input' in the graph", "did you mean 'inputs'?"),
        (f"{HEAD}inputs: [a]\n{NODES}", "[a]", "'inputs' must be a mapping, found a list", None),
        (f"{HEAD}inputs: {{ a: strng }}\n{NODES}", "strng", "unknown type 'strng'", "'string'"),
        (f"{HEAD}inputs: {{ A-b: string }}\n{NODES}", "A-b", "'A-b' is not a name", "lower-case"),
        (f"{HEAD}limits: {{ steps: 0 }}\n{NODES}", "0", "'steps' must be at least 1", None),
        (f"{HEAD}limits: {{ step: 1 }}\n{NODES}", "step", "unknown key 'step' in 'limits' of the graph", "'steps'"),
        (
            f"{HEAD}trace: {{ redact: [prompt] }}\n{NODES}",
            "prompt",
            "must be 'prompts' or 'outputs'",
            "did you mean 'prompts'?",
        ),
        (f"{HEAD}trace: {{ redcat: [] }}\n{NODES}", "redcat", "unknown key 'redcat' in 'trace'", "'redact'"),
        (f"{HEAD}trace: {{ redact: outputs }}\n{NODES}", "outputs", "'redact' must be a list", "[outputs]"),
        (f"{HEAD}use: {{ m: model:small }}\n{NODES}", "model:small", "is not a reference", "model://small"),
        (f"{HEAD}use: {{ m: modl://x }}\n{NODES}", "modl://x", "unknown scheme 'modl://'", "did you mean 'model://x'?"),
        (f"{HEAD}use: {{ m: model://My }}\n{NODES}", "model://My", "'My' is not a name", None),
        (f"{HEAD}use: {{ m: tool://x@1 }}\n{NODES}", "tool://x@1", "only a graph has versions", None),
        (f"{HEAD}use: {{ m: 5 }}\n{NODES}", "5", "'m' must be a reference, found the number 5", "first_of"),
        (f"{HEAD}use: {{ m: {{ first: [] }} }}\n{NODES}", "first", "unknown key 'first' in 'm'", "'first_of'"),
        (f"{HEAD}use: {{ m: {{ first_of: [tool://x] }} }}\n{NODES}", "tool://x", "only models can stand in", None),
        (f"{HEAD}outputs: {{ t: {{ from: a.text }} }}\n{NODES}", "a.text", "'from' must be a list", "write [a.text]"),
        (f"{HEAD}outputs: {{ t: {{ from: [a], x: 1 }} }}\n{NODES}", "x", "unknown key 'x' in output 't'", "from"),
        (f"{HEAD}chat: {{ input: q, output: t }}\noutputs: {{ t: x }}\n{NODES}", "q", "names no input: 'q'", None),
        (f"{HEAD}nodes: {{}}\n", "nodes", "'nodes' must name at least one node", None),
        (f"{HEAD}", "kind", "missing key 'nodes' in the graph", None),
        (f"{HEAD}nodes:\n  My-Node: {{ end: {{}} }}\n", "My-Node", "'My-Node' is not a name for a node", "lower-case"),
        (f"{HEAD}nodes:\n  inputs: {{ end: {{}} }}\n", "inputs", "'inputs' is a word of the language", "inputs_node"),
    ],
)
def test_a_fault_in_the_graph(text: str, mark: str, message: str, help: str | None) -> None:
    _, faults = parse(text)
    (fault,) = faults
    assert message in fault.message
    assert help is None or help in str(fault.help)
    assert marked(text, fault) == mark


def test_all_faults_in_one_pass_and_the_rest_is_there() -> None:
    text = f"""\
{HEAD}inputs: {{ a: strng, b: string }}
use: {{ m: model:x, n: model://ok }}
limits: {{ steps: 0 }}
nodes:
  a: {{ llm: m, promt: hi, next: b }}
  b: {{ retrieve: kb, query: 5, top_k: x, mode: y }}
  c: {{ nothing: 1 }}
outputs: {{ x: {{ from: [] }}, y: 1 }}
"""
    graph, faults = parse(text)
    assert [fault.place.line for fault in faults] == [3, 4, 5, 7, 8, 8, 9, 10]
    assert list(graph.nodes) == ["a", "b", "c"]
    assert graph.inputs == {"a": {}, "b": {"type": "string"}}
    assert graph.use == {"m": (), "n": ("model://ok",)}
    assert graph.nodes["a"].routes[0].to == "b"
    assert graph.outputs["y"] == 1


@pytest.mark.parametrize("text", ["- a\n", "kind: tool/v1\n", "a: 1\n", ""])
def test_what_is_no_graph(text: str) -> None:
    tree, _ = read(Source("a.yaml", text))
    assert tree is not None
    graph, (fault,) = parse_graph(tree, kinds())
    assert graph is None
    assert "kind: graph/v1" in str(fault.help)


WORDS = [
    "llm",
    "prompt",
    "next",
    "to",
    "if",
    "else",
    "with",
    "retrieve",
    "set",
    "returns",
    "first_of",
    "from",
    "a",
    "B",
]
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([*WORDS, "$end", "model://x", "string", "${ a.b }", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)
PARTS = st.fixed_dictionaries(
    {"kind": st.just("graph/v1")},
    optional=dict.fromkeys(("name", "inputs", "use", "chat", "start", "outputs", "limits", "nodes", "zzz"), ANY),
)


@given(PARTS)
@settings(max_examples=300, deadline=None)
def test_no_document_raises(value: Any) -> None:
    graph, faults = parse_graph(Tree(Source("a.yaml", ""), value), kinds())
    assert graph is not None
    sound = all(node.sound for node in graph.nodes.values())
    assert faults or (sound and graph.nodes)
