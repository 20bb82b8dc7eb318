"""Streams, cuts, forks and decisions as LangGraph's JavaScript client drives them."""

from __future__ import annotations

from tests.compat.clients import node
from tests.compat.conftest import Served


def test_the_javascript_client_streams_cuts_and_forks(served: Served) -> None:
    seen = node("langgraph_streams.mjs", f"{served.url}/langgraph", served.key)
    assert seen.pop("unlike") == ["checkpoints", "debug", "events", "tasks", "updates", "values"]
    assert seen == {
        "together": True,
        "subgraphs": True,
        "cuts": 3,
        "exact": True,
        "unique": True,
        "rest": True,
        "unnamed": True,
        "plain": True,
        "answered": "green no",
        "forks": [["One?", "checkpoint"], ["One?", "id"], ["One?", "config"]],
        "anew": [["One?", "Two?"], 4],
        "tree": True,
        "root": ["From nothing"],
        "ended": ["interrupted", "idle"],
        "kept": ["Well?"],
        "nowhere": 422,
        "breakpoint": [["answer"], 2],
        "decided": [["refund", 3, "It is done."]] * 3,
    }
