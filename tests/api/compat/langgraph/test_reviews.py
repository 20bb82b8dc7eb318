"""Calls that a person has to allow: how LangChain's interfaces are asked, and all the forms of their answers."""

from __future__ import annotations

from typing import Any

import pytest

from girih.api.compat.langgraph.interrupts import interrupts_of
from girih.api.compat.langgraph.reviews import answer_of

PAUSE: dict[str, Any] = {
    "id": "p-1",
    "kind": "approve",
    "node": "answer",
    "message": "May the agent call 'refund'?",
    "schema": {"type": "object"},
    "details": {"tool": "refund", "arguments": {"order": "A-1"}, "call_id": "c-1"},
}


def test_a_call_is_a_request_for_review() -> None:
    (asked,) = interrupts_of([PAUSE])
    value = asked["value"]
    assert value["action_requests"] == [
        {"name": "refund", "args": {"order": "A-1"}, "description": "May the agent call 'refund'?"}
    ]
    assert value["review_configs"] == [{"action_name": "refund", "allowed_decisions": ["approve", "edit", "reject"]}]
    assert value["action_request"] == {"action": "refund", "args": {"order": "A-1"}}
    assert set(value["config"]) == {"allow_accept", "allow_edit", "allow_respond", "allow_ignore"}
    assert value["details"] == PAUSE["details"]


def test_a_question_is_none() -> None:
    (asked,) = interrupts_of([PAUSE | {"kind": "ask", "details": {"choices": ["yes"]}}])
    assert not {"action_requests", "action_request"} & set(asked["value"])


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"decisions": [{"type": "approve"}]}, {"approved": True}),
        ([{"type": "approve"}], {"approved": True}),
        ([{"type": "accept", "args": None}], {"approved": True}),
        (
            {"decisions": [{"type": "edit", "edited_action": {"name": "refund", "args": {"order": "B"}}}]},
            {"approved": True, "arguments": {"order": "B"}},
        ),
        (
            [{"type": "edit", "args": {"action": "refund", "args": {"order": "B"}}}],
            {"approved": True, "arguments": {"order": "B"}},
        ),
        ({"decisions": [{"type": "reject", "message": "Too late."}]}, {"approved": False, "reason": "Too late."}),
        ({"decisions": [{"type": "reject"}]}, {"approved": False}),
        ([{"type": "response", "args": "Ask first."}], {"approved": False, "reason": "Ask first."}),
        ([{"type": "ignore", "args": None}], {"approved": False}),
    ],
)
def test_decisions_are_answers(given: Any, read: Any) -> None:
    assert answer_of("approve", given) == read


@pytest.mark.parametrize(
    "given",
    [
        {"approved": True},
        {"approved": False, "type": "approve"},
        "yes",
        None,
        {"decisions": [{"type": "approve"}, {"type": "approve"}]},
        [{"type": "edit"}],
        {"type": "whistle"},
    ],
)
def test_anything_else_stays_as_it_is(given: Any) -> None:
    assert answer_of("approve", given) == given


def test_questions_are_answered_in_their_own_form() -> None:
    assert answer_of("ask", {"type": "approve"}) == {"type": "approve"}
