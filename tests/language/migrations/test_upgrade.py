"""From one version of the language to the next: each step in order, comments kept, nothing else changed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.migrations.upgrade import MigrationError, upgraded
from girih.language.spec.reader import read
from girih.language.spec.source import Source
from girih.language.spec.versions import Step, newest, rename, version_fault

DRAFT = """\
# The desk.
kind: graph/v0   # a draft
name: desk
inputs: { question: string }
use: { m: model://default }
steps:
  # Answers at once.
  answer:
    model: m      # any will do
    prompt: |
      Answer this:
        ${ inputs.question }
    goto: finish   # and then?

  finish: { set: { text: "${ answer.text }", no: no, old: 012, empty: , more: 'x' }, goto: $end }
outputs: { text: "${ finish.text }" }
"""
CURRENT = """\
# The desk.
kind: graph/v1   # a draft
name: desk
inputs: { question: string }
use: { m: model://default }
nodes:
  # Answers at once.
  answer:
    llm: m        # any will do
    prompt: |
      Answer this:
        ${ inputs.question }
    next: finish   # and then?

  finish: { set: { text: "${ answer.text }", no: no, old: 012, empty: null, more: 'x' }, next: $end }
outputs: { text: "${ finish.text }" }
"""


def _nodes(document: Any) -> None:
    rename(document, "steps", "nodes")
    for node in document["nodes"].values():
        rename(node, "model", "llm")


def _next(document: Any) -> None:
    for node in document["nodes"].values():
        rename(node, "goto", "next")


STEPS = (
    Step("graph/v0a", "graph/v1", "goto is next", _next),
    Step("graph/v0", "graph/v0a", "steps are nodes", _nodes),
)


def test_each_step_is_taken_and_the_result_compiles() -> None:
    result = upgraded(Source("desk.yaml", DRAFT), STEPS)
    assert result.text == CURRENT
    assert [step.title for step in result.taken] == ["steps are nodes", "goto is next"]
    made = compile_workspace(Workspace({"desk.yaml": result.text}))
    assert {finding.code for finding in made.diagnostics} == {"W003"}, "`no` and `012` are as odd as they were"
    assert "desk" in made.plans
    assert upgraded(Source("desk.yaml", result.text), STEPS).taken == ()


def test_the_newest_stays_to_the_last_character() -> None:
    text = CURRENT.replace("nodes:\n", "nodes:\n\n\n").replace("\n", "\r\n")
    assert upgraded(Source("desk.yaml", text), STEPS).text == text


def test_what_is_not_sound_is_left_with_what_is_wrong() -> None:
    result = upgraded(Source("desk.yaml", DRAFT.replace("name: desk", "name: [desk")), STEPS)
    assert [fault.code for fault in result.faults][:1] == ["E001"]
    assert result.taken == ()


def test_what_does_not_fit_a_step_is_refused_in_words() -> None:
    with pytest.raises(MigrationError, match="the step 'steps are nodes' does not fit what 'desk.yaml' says"):
        upgraded(Source("desk.yaml", DRAFT.replace("steps:", "stepz:")), STEPS)


def test_steps_that_lead_in_a_circle_end() -> None:
    circle = (Step("a/v1", "a/v2", "on", lambda _: None), Step("a/v2", "a/v1", "back", lambda _: None))
    assert newest("a/v1", circle) == "a/v2"
    assert len(upgraded(Source("a.yaml", "kind: a/v1\n"), circle).taken) == 2


@pytest.mark.parametrize(
    ("kind", "message", "help"),
    [
        ("graph/v2", "is of a later version of the language than this girih reads, which is graph/v1", "upgrade girih"),
        ("graph/v0", "is of an older version of the language than this girih reads", "girih migrate"),
        ("tool/v0", "is of a version that is not read any more", "write kind: tool/v1"),
        ("model/v99", "is of a later version", "or write kind: model/v1"),
    ],
)
def test_another_version_is_refused_with_a_sentence(kind: str, message: str, help: str) -> None:
    fault = version_fault(kind, ("graph/v1", "tool/v1", "model/v1"), STEPS)
    assert fault is not None
    assert message in fault[0]
    assert help in fault[1]


@pytest.mark.parametrize("kind", ["graph/v1", "grph/v2", "graph", "graph/v", "graph/v12345", "", "graph/v2 "])
def test_anything_else_is_no_matter_of_versions(kind: str) -> None:
    assert version_fault(kind, ("graph/v1",)) is None


@pytest.mark.parametrize(
    ("written", "code"), [("language: 1", None), ("language: 2", "E002"), ("language: 0", "E002"), ("", None)]
)
def test_the_language_may_be_named(written: str, code: str | None) -> None:
    text = f"kind: graph/v1\nname: a\n{written}\nnodes:\n  a: {{ set: {{ x: y }}, next: $end }}\n"
    found = compile_workspace(Workspace({"a.yaml": text})).diagnostics
    assert [finding.code for finding in found] == ([code] if code else [])


SCALARS = st.sampled_from(["1.10", "012", "no", "~", "'x: y'", '"a\\nb"', "${ x }", "0x1F", "1e3", "2001-01-01", "[]"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdefg"), SCALARS, st.sampled_from(["", "  # why"])), max_size=6))
def test_what_no_step_touches_keeps_its_value_and_its_comment(lines: list[tuple[str, str, str]]) -> None:
    body = "".join(f"{name}{number}: {value}{comment}\n" for number, (name, value, comment) in enumerate(lines))
    text = f"kind: x/v1\n{body}"
    result = upgraded(Source("a.yaml", text), (Step("x/v1", "x/v2", "on", lambda _: None),))
    assert result.text == text.replace("x/v1", "x/v2")
    before, after = read(Source("a.yaml", text))[0], read(Source("a.yaml", result.text))[0]
    assert before is not None
    assert after is not None
    assert {**before.value, "kind": 0} == {**after.value, "kind": 0}
