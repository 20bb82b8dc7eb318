"""Runs as LangGraph's own JavaScript client, and the blocking Python one, drive them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient
from tests.compat.clients import node
from tests.compat.conftest import Served


def test_the_javascript_client_runs_agents(served: Served) -> None:
    told = node("langgraph_runs.mjs", f"{served.url}/langgraph", served.key)
    assert told["stream"] == {
        "first": "metadata",
        "last": "success",
        "created": True,
        "types": ["human", "ai"],
        "sameId": True,
        "sameText": True,
    }
    assert (told["again"], told["rest"]) == (True, True)
    assert (told["wait"], told["join"], told["listed"]) == (13, 13, ["success", "success"])
    assert (told["asked"], told["answered"]) == ("Are you sure?", ["human", "ai"])
    assert told["cancelled"] == "interrupted"
    assert told["refused"] == [422, True]
    assert told["failed"] is True


@pytest.fixture
def client(served: Served) -> Iterator[SyncLangGraphClient]:
    with get_sync_client(url=f"{served.url}/langgraph", api_key=served.key) as made:
        yield made


def test_the_blocking_client_streams_and_waits(client: SyncLangGraphClient) -> None:
    thread = client.threads.create()["thread_id"]
    parts = list(client.runs.stream(thread, "lg-notes", input={"n": 2}, stream_mode=["values", "updates"]))
    assert (parts[0].event, parts[-1].data["status"]) == ("metadata", "success")
    assert client.threads.get_state(thread)["values"] == [p.data for p in parts if p.event == "values"][-1]
    assert client.runs.wait(thread, "lg-notes", input={"n": 2})["total"] == 24  # type: ignore[call-overload]
    run = client.runs.create(thread, "lg-patient", input={})
    client.runs.cancel(thread, run["run_id"], wait=True)
    assert client.runs.get(thread, run["run_id"])["status"] == "interrupted"
    assert [one["status"] for one in client.runs.list(thread)] == ["interrupted", "success", "success"]


def test_what_a_waiting_thread_holds_is_what_its_stream_said(client: SyncLangGraphClient) -> None:
    for agent, given in (("lg-ask", {"question": "hm"}), ("lg-questions", {"topic": "tea"})):
        thread = client.threads.create()["thread_id"]
        parts = list(client.runs.stream(thread, agent, input=given))
        values = dict([p.data for p in parts if p.event == "values"][-1])
        asked = values.pop("__interrupt__")
        state = client.threads.get_state(thread)
        held = dict(state["values"])  # type: ignore[arg-type]
        held.pop("__interrupt__", None)
        assert held == values
        assert sorted(one["id"] for one in state["interrupts"]) == sorted(one["id"] for one in asked)


def test_the_blocking_client_uses_the_protocol(client: SyncLangGraphClient) -> None:
    with client.threads.stream(assistant_id="lg-notes") as thread:
        thread.run.start(input={"n": 1})
        assert thread.output["total"] == 11
