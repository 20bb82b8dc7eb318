"""States of graphs inside of graphs, as LangGraph's own Python client reads them with `subgraphs=True`."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from langgraph_sdk.client import SyncLangGraphClient
from tests.compat.langgraph_clients import run_on


@pytest.fixture
def thread(lang: SyncLangGraphClient) -> str:
    return lang.threads.create()["thread_id"]


@pytest.fixture
def waiting(lang: SyncLangGraphClient, plain: httpx.Client, thread: str) -> Any:
    """The state of a thread whose run waits two graphs deep."""
    assert run_on(plain, thread, "lgc-nested", topic="rain")["status"] == "interrupted"
    return lang.threads.get_state(thread, subgraphs=True)


def test_every_graph_around_a_question_shows_where_it_stands(lang: SyncLangGraphClient, waiting: Any) -> None:
    (task,) = waiting["tasks"]
    assert (waiting["values"]["outer"], waiting["next"], task["name"]) == (1, ["inside"], "inside")
    middle = task["state"]
    assert (middle["values"], middle["next"]) == ({"counted": 15}, ["deeper"])
    assert middle["checkpoint"]["checkpoint_ns"] == f"inside:{task['id']}"
    assert middle["checkpoint"]["checkpoint_id"]
    (deeper,) = middle["tasks"]
    asking = deeper["state"]
    assert (asking["values"], asking["next"]) == ({"held": ["nothing yet"]}, ["ask"])
    assert asking["checkpoint"]["checkpoint_ns"] == f"inside:{task['id']}|deeper:{deeper['id']}"
    (ask,) = asking["tasks"]
    assert ask["interrupts"] == middle["interrupts"] == waiting["interrupts"]
    assert ask["interrupts"][0]["value"]["message"] == "What of rain?"
    assert ask["state"] is None


def test_they_are_there_for_whoever_asks_for_them(lang: SyncLangGraphClient, waiting: Any, thread: str) -> None:
    at = waiting["checkpoint"]
    assert lang.threads.get_state(thread, checkpoint=at, subgraphs=True) == waiting
    assert lang.threads.get_state(thread, checkpoint_id=at["checkpoint_id"], subgraphs=True) == waiting
    short: Any = lang.threads.get_state(thread)
    assert [task["state"] for task in short["tasks"]] == [None]
    assert short | {"tasks": []} == waiting | {"tasks": []}


def test_they_are_gone_with_the_wait(lang: SyncLangGraphClient, waiting: Any, thread: str) -> None:
    values: Any = lang.runs.wait(thread, "lgc-nested", command={"resume": {"answer": "wet"}})
    assert values["text"] == "wet"
    state = lang.threads.get_state(thread, subgraphs=True)
    assert (state["tasks"], state["values"]["text"]) == ([], "wet")


def test_a_state_inside_is_no_place_to_begin_at(lang: SyncLangGraphClient, waiting: Any, thread: str) -> None:
    inner = waiting["tasks"][0]["state"]["checkpoint"]
    for asked in (lang.threads.get_state, lang.threads.get_history):
        with pytest.raises(Exception, match="checkpoint_ns"):
            asked(thread, checkpoint=inner)
