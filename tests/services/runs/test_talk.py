"""What agents say beside their calls, and what the calls come to, folded into messages from a run's events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from girih.engine.events import NewEvent, RunEvent
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Catalog
from girih.language.nodes.conversation import answer_id
from girih.services.agents.files import to_workspace
from girih.services.runs.talk import Talk, talking, woven

GRAPH = """
kind: graph/v1
name: talk
inputs: {{ question: string }}
{chat}
use: {{ model: model://demo, find: tool://find }}
nodes:
  answer: {{ agent: model, prompt: "${{ inputs.question }}", tools: [find], next: $end }}
outputs: {{ text: "${{ answer.text }}" }}
"""
FIND = """
kind: tool/v1
name: find
description: Finds.
http: { endpoint: e, method: GET, path: "/{x}" }
parameters: { x: string }
returns: { y: integer }
"""
CALLS = [{"id": "a", "name": "find", "arguments": {"x": "1"}}, {"id": "b", "name": "find", "arguments": {"x": "2"}}]


def plan(chat: str = "chat: { input: question, output: text }") -> Plan:
    files = {"talk.yaml": GRAPH.format(chat=chat), "find.yaml": FIND}
    return compile_workspace(to_workspace(files), Catalog()).plans["talk"]


def event(kind: str, node: str | None = "answer", **data: Any) -> RunEvent:
    return RunEvent("r", 1, 1, NewEvent(kind, data, datetime(2031, 5, 1, tzinfo=UTC), node))


def spoken(**more: Any) -> RunEvent:
    return event("message.completed", text="Let me see.", id="m", calls=CALLS, **more)


def test_answers_stand_behind_their_message_in_the_order_of_its_calls() -> None:
    talk = Talk(plan(), "r")
    talk.take(spoken())
    talk.take(event("tool.finished", call_id="b", tool="find", error="not found"))
    (added,) = talk.take(event("tool.finished", call_id="a", tool="find", result={"y": 1}))
    assert added["id"] == answer_id("m", "a")
    assert [(one["role"], one.get("call_id"), one.get("failed", False)) for one in talk.messages] == [
        ("assistant", None, False),
        ("tool", "a", False),
        ("tool", "b", True),
    ]
    assert talk.messages[1]["content"] == '{"y": 1}'
    assert talk.messages[2]["content"] == "Error: not found"


def test_what_is_told_twice_is_one_message() -> None:
    talk = Talk(plan(), "r")
    assert len(talk.take(spoken())) == 1
    assert talk.take(spoken()) == []
    done = event("tool.finished", call_id="a", tool="find", result={"y": 1})
    assert len(talk.take(done)) == 1
    assert talk.take(done) == []


@pytest.mark.parametrize("changed", [{}, {"changed": True, "arguments": {"x": "3"}}])
def test_the_end_of_an_agent_tells_the_same_as_its_pieces(changed: dict[str, Any]) -> None:
    live, late = Talk(plan(), "r"), Talk(plan(), "r")
    live.take(spoken())
    live.take(event("tool.finished", call_id="a", tool="find", result={"y": 1}, **changed))
    before = '(called with changed arguments: {"x": "3"})\n' if changed else ""
    messages = [
        {"id": "m", "role": "assistant", "content": "Let me see.", "calls": CALLS},
        {"id": answer_id("m", "a"), "role": "tool", "content": f'{before}{{"y": 1}}', "call_id": "a"},
        {"id": "x", "role": "assistant", "content": "{}"},
        {"id": "y", "role": "user", "content": "That does not fit."},
    ]
    end = event("node.finished", verb="agent", output={"text": "One.", "messages": messages})
    assert live.take(end) == []
    late.take(end)
    assert late.messages == live.messages


@pytest.mark.parametrize(
    "unheard",
    [
        event("message.completed", text="One."),
        event("message.completed", node="inner/answer", text="", id="m", calls=CALLS),
        event("message.completed", node=None, text="", id="m", calls=CALLS),
        event("tool.finished", call_id="nobody", tool="find", result={}),
        event("node.finished", verb="agent", output=None),
    ],
)
def test_anything_else_tells_nothing(unheard: RunEvent) -> None:
    talk = Talk(plan(), "r")
    assert (talk.take(unheard), talk.messages) == ([], [])


def test_only_chats_are_told_of() -> None:
    assert talking(plan()) == {"answer"}
    assert talking(plan(chat="")) == frozenset()


def test_each_message_is_woven_in_once_before_its_answer() -> None:
    question, answer = {"id": "q", "role": "user"}, {"id": "z", "role": "assistant"}
    call = {"id": "m", "role": "assistant"}
    state = {"messages": [question, answer], "seen": 1}
    assert woven(state, {"z": [call]}) == {"messages": [question, call, answer], "seen": 1}
    assert woven({"messages": [call, question, answer]}, {"z": [call]})["messages"] == [call, question, answer]
    assert woven({"messages": [question]}, {"z": [call]}, [call])["messages"] == [question, call]
    assert woven({"seen": 1}, {"z": [call]}, [call]) == {"seen": 1}
