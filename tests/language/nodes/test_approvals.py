"""What a tool wants of people, and what the nodes that call it may make of that."""

from __future__ import annotations

from typing import Any

import pytest

from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace

TOOL = """\
kind: tool/v1
name: pay
description: Pays.
http: {{ endpoint: bank, method: POST }}
parameters: {{ amount: number }}
returns: {{ id: string }}
idempotent: true
timeout: 5s
retry: 3
{approval}
"""
GRAPH = """\
kind: graph/v1
name: desk
use: {{ pay: tool://pay, model: model://default }}
nodes:
  one:
    agent: model
    prompt: Pay.
    tools: [{tool}]
    next: two
  two: {{ call: pay, with: {{ amount: 1 }}, next: $end {more} }}
"""


def made(approval: str = "", tool: str = "pay", more: str = "") -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """The nodes of the plan, `one` and `two`, and what was found."""
    files = {"pay.yaml": TOOL.format(approval=approval), "desk.yaml": GRAPH.format(tool=tool, more=more)}
    found = compile_workspace(Workspace(files))
    nodes = {node.name: node for plan in found.plans.values() for node in plan.nodes}
    told = [f"{one.place.line}:{one.place.column} {one.code} {one.message}" for one in found.diagnostics]
    if not nodes:
        return {}, {}, told
    one = {"settings": nodes["one"].settings["tools"][0], "conditions": nodes["one"].conditions}
    return one, {"settings": nodes["two"].settings, "conditions": nodes["two"].conditions}, told


def test_without_a_word_nobody_is_asked() -> None:
    agent, call, told = made()
    assert told == []
    assert agent["settings"]["approval"] == "never"
    assert "also" not in agent["settings"]
    assert set(call["settings"]) == {"tool", "timeout"}


def test_what_the_tool_wants_holds_for_all_who_call_it() -> None:
    agent, call, told = made("approval: args.amount > 10.0")
    assert told == []
    for node, slot in ((agent, "tools.0.approval"), (call, "approval")):
        assert (node["settings"]["approval"], node["settings"]["also"]) == ("never", f"{slot}.tool")
        assert node["conditions"][f"{slot}.tool"] == "args.amount > 10.0"
    agent, call, _ = made("approval: always")
    assert (agent["settings"]["approval"], call["settings"]["approval"]) == ("always", "always")


def test_a_node_may_ask_more() -> None:
    agent, call, told = made(
        "approval: args.amount > 10.0", '{ use: pay, approval: "args.amount > 5.0" }', ", approval: always"
    )
    assert told == []
    assert (agent["settings"]["approval"], agent["settings"]["also"]) == ("tools.0.approval", "tools.0.approval.tool")
    assert call["settings"]["approval"] == "always"
    assert "also" not in call["settings"]


@pytest.mark.parametrize(
    ("approval", "tool", "more", "said"),
    [
        ("approval: always", "{ use: pay, approval: never }", "", "8:35 E402 tool 'pay' asks a person always"),
        ("approval: always", '{ use: pay, approval: "args.amount > 5.0" }', "", "E402 tool 'pay' asks a person always"),
        ("approval: args.amount > 10.0", "pay", ", approval: never", "E402 tool 'pay' asks a person where args.amount"),
        ("", "{ use: pay, approval_timeout: 1h }", "", "8:43 E002 'approval_timeout' bounds the wait"),
    ],
)
def test_a_node_may_not_ask_less(approval: str, tool: str, more: str, said: str) -> None:
    _, _, told = made(approval, tool, more)
    assert any(said in one for one in told), told


def test_times_and_tries_do_not_multiply() -> None:
    agent, call, _ = made()
    assert (agent["settings"]["timeout"], call["settings"]["timeout"]) == (5.0, 5.0)
    assert call["settings"]["tool"]["retry"]["max"] == 3
    _, call, told = made(more=", retry: 1, timeout: 2s")
    assert told == []
    assert "retry" not in call["settings"]["tool"], "the node's own takes its place"
    assert call["settings"]["timeout"] == 2.0
