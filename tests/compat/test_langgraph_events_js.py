"""LangGraph's event-streaming protocol, and what its interfaces are built on, in JavaScript."""

from __future__ import annotations

from tests.compat.clients import node
from tests.compat.conftest import Served


def test_threads_are_streamed_and_answered(served: Served) -> None:
    assert node("langgraph_events.mjs", f"{served.url}/langgraph", served.key) == {
        "first": "success",
        "written": True,
        "types": ["human", "ai"],
        "asked": ["Are you sure?"],
        "answered": True,
        "after": ["human", "ai"],
        "unknown": "no_such_interrupt",
        "methods": ["lifecycle", "updates"],
        "inside": True,
        "order": True,
        "controller": [["human", "ai"], 2, None],
        "second": [False, False, True, True],
        "forked": ["One?", "Three?"],
        "review": "refund",
        "reviewed": True,
    }
