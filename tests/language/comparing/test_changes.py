"""Two versions of a graph, compared piece by piece: what differs is said where an author wrote it, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from pathlib import Path

import pytest

from girih.language.comparing.changes import Comparison, compare
from girih.language.comparing.shown import headline, lines, markdown
from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan, PlanNode
from girih.language.compiler.workspace import Workspace

EXAMPLES = Path(__file__).parents[3] / "agent_specs"

TEXT = """\
kind: graph/v1
name: desk
title: Desk
inputs:
  question: string
use:
  m: model://demo
state:
  seen: { type: array, merge: append, default: [] }
limits: { steps: 20 }
nodes:
  answer:
    llm: m
    prompt: |
      You are at the desk.
      Be brief.
      Question: ${ inputs.question }
    retry: { max: 2 }
    next:
      - { if: "size(answer.text) > 10", to: short }
      - else: $end
  short:
    set: { text: "${ answer.text }" }
    next: $end
outputs:
  text: { from: [short.text, answer.text] }
"""


def plan(text: str = TEXT, changes: Mapping[str, str] | None = None) -> Plan:
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    made = compile_workspace(Workspace({"desk.yaml": text}))
    assert "desk" in made.plans, made.diagnostics
    return made.plans["desk"]


def against(changes: Mapping[str, str]) -> Comparison:
    return compare(plan(), plan(changes=changes))


@pytest.mark.parametrize(
    ("changes", "action", "at", "verdict"),
    [
        ({"question: string": "question: string\n  tier: string?"}, "added", "inputs.tier", "minor"),
        ({"question: string": "question: string\n  tier: string"}, "added", "inputs.tier", "major"),
        ({"question: string": "question: { type: string, minLength: 3 }"}, "changed", "inputs.question", "major"),
        ({"Be brief.": "Be kind."}, "changed", "nodes.answer.prompt", "patch"),
        ({"retry: { max: 2 }": "retry: { max: 3 }"}, "changed", "nodes.answer.retry", "patch"),
        ({"    retry: { max: 2 }\n": ""}, "removed", "nodes.answer.retry", "patch"),
        ({"> 10": "> 20"}, "changed", "nodes.answer.next", "patch"),
        ({"title: Desk": "title: Counter"}, "changed", "title", "patch"),
        ({"steps: 20": "steps: 30"}, "changed", "limits.steps", "patch"),
        ({"default: []": "default: [1]"}, "changed", "state.seen", "patch"),
        ({"[short.text, answer.text]": "[answer.text, short.text]"}, "changed", "outputs.text", "patch"),
    ],
)
def test_one_change_is_one_piece_at_its_place(changes: dict[str, str], action: str, at: str, verdict: str) -> None:
    found = against(changes)
    assert [(one.action, one.at) for one in found.changes] == [(action, at)]
    assert found.verdict == verdict
    assert found.changes[0].breaks is (verdict == "major")
    assert bool(found.breaking) is (verdict == "major")


def test_another_layout_makes_no_difference() -> None:
    laid_out = TEXT.replace("limits: { steps: 20 }\n", "").replace(
        "title: Desk", "limits:\n  steps: 20 # few\ntitle: Desk"
    )
    found = compare(plan(), plan(laid_out))
    assert (found.changes, found.verdict, found.breaking) == ((), None, ())
    assert headline(found) == "the same"
    assert list(lines(found)) == []
    assert markdown(found) == ""


def test_a_node_that_is_new_or_gone_is_one_change() -> None:
    more = {"    next: $end\noutputs": "    next: last\n  last:\n    set: { done: true }\n    next: $end\noutputs"}
    found = against(more)
    assert [(one.action, one.at) for one in found.changes] == [
        ("added", "nodes.last"),
        ("changed", "nodes.short.next"),
    ]
    back = compare(plan(changes=more), plan())
    assert [(one.action, one.at) for one in back.changes] == [
        ("changed", "nodes.short.next"),
        ("removed", "nodes.last"),
    ]


def test_what_callers_rely_on_is_marked_and_said() -> None:
    gone = {"  text: { from: [short.text, answer.text] }": "  answer: { from: [short.text, answer.text] }"}
    found = against(gone)
    marks = {one.at: one.breaks for one in found.changes if one.part == "contract"}
    assert marks == {"outputs.answer": False, "outputs.text": True}
    assert found.breaking == ("output 'text' is gone",)
    assert "  - outputs.text: text, required  (callers may break)" in list(lines(found))
    assert markdown(found).startswith("- **output 'text' is gone**\n")


def test_texts_of_several_lines_show_the_lines_that_differ() -> None:
    said = list(lines(against({"Be brief.": "Be kind."})))
    assert said[:2] == ["nodes", "  ~ nodes.answer.prompt"]
    assert [line.strip() for line in said[2:]] == [
        "You are at the desk.",
        "- Be brief.",
        "+ Be kind.",
        "Question: ${ inputs.question }",
    ]


def test_prompts_in_files_show_the_lines_that_differ() -> None:
    def desk(prompt: str, path: str = "ask.md", given: str = 'question: "${ inputs.question }"') -> Plan:
        text = TEXT[: TEXT.index("    prompt:")] + f"    prompt: {{ file: {path}, with: {{ {given} }} }}\n"
        text += TEXT[TEXT.index("    retry:") :]
        return compile_workspace(Workspace({"desk.yaml": text, path: prompt})).plans["desk"]

    old = desk("You are at the desk.\nBe brief.\n{{ question }}\n")
    found = compare(old, desk("You are at the desk.\nBe kind.\n{{ question }}\n"))
    assert list(lines(found)) == [
        "nodes",
        "  ~ nodes.answer.prompt",
        "        You are at the desk.",
        "      - Be brief.",
        "      + Be kind.",
        "        {{ question }}",
    ]
    renamed = compare(old, desk("You are at the desk.\nBe brief.\n{{ question }}\n", "asked.md"))
    assert [change.at for change in renamed.changes] == ["nodes.answer.prompt.file"]
    other = desk("You are at the desk.\nBe brief.\n{{ question }}\n", given='question: "So: ${ inputs.question }"')
    assert [change.at for change in compare(old, other).changes] == ["nodes.answer.prompt.with"]


def test_whatever_is_set_on_a_node_is_compared() -> None:
    for example in compile_workspace(read_folder(EXAMPLES)).plans.values():
        written = example.model_dump(mode="json")
        for number, node in enumerate(written["nodes"]):
            for part, name in [(one, name) for one in ("settings", "values") for name in node[one]]:
                nodes = [*written["nodes"]]
                nodes[number] = {**node, part: {**node[part], name: "something else"}}
                changed = Plan.model_validate({**written, "nodes": nodes})
                assert compare(example, changed).changes, (example.name, node["name"], part, name)


def test_a_text_with_fences_stays_inside_of_the_block() -> None:
    told = markdown(against({"Be brief.": "```\n      # not a title\n      ```"}))
    assert told.count("````") == 2


def test_a_model_that_means_another_one_is_told() -> None:
    model = "kind: model/v1\nname: fast\nprovider: demo\n"
    files = {"desk.yaml": TEXT.replace("model://demo", "model://fast"), "fast.yaml": model}
    one = compile_workspace(Workspace(files)).plans["desk"]
    other = compile_workspace(Workspace(files | {"fast.yaml": model + "params: { temperature: 0.5 }\n"})).plans["desk"]
    (change,) = compare(one, other).changes
    assert (change.part, change.at, change.action) == ("references", "use.m", "changed")


def test_examples_differ_exactly_where_their_digests_do() -> None:
    plans = compile_workspace(read_folder(EXAMPLES)).plans.values()
    for one, other in permutations(plans, 2):
        found = compare(one, other)
        assert (found.verdict is None) is (one.digest == other.digest)
        back = compare(other, one)
        assert {(c.at, repr(c.before), repr(c.after)) for c in found.changes} == {
            (c.at, repr(c.after), repr(c.before)) for c in back.changes
        }
        assert list(lines(found))


def test_nothing_of_a_plan_is_left_out() -> None:
    """A new field is compared, or said here to follow from others."""
    compared_in_plans = {"inputs", "outputs", "chat", "start", "nodes", "results", "state", "limits", "redact", "lock"}
    assert set(Plan.model_fields) == compared_in_plans | {"title", "description", "language", "name"}
    follows = {"shape", "reads", "returns", "fork", "region"}
    compared_in_nodes = {
        "title",
        "verb",
        "settings",
        "values",
        "routes",
        "when",
        "retry",
        "timeout",
        "on_error",
        "cache",
    }
    assert set(PlanNode.model_fields) == compared_in_nodes | follows | {
        "name",
        "writes",
        "conditions",
        "exits",
        "branches",
    }
