"""States of threads in the LangGraph server protocol: read, written, gone back to, listed."""

from __future__ import annotations

import uuid
from itertools import pairwise

import httpx
import pytest
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient
from langgraph_sdk.errors import ConflictError, NotFoundError, UnprocessableEntityError
from tests.compat.langgraph_clients import run_on


@pytest.fixture
def thread(lang: SyncLangGraphClient) -> str:
    return lang.threads.create()["thread_id"]


def test_a_thread_without_runs_has_an_empty_state(lang: SyncLangGraphClient, thread: str) -> None:
    state = lang.threads.get_state(thread)
    assert (state["values"], state["next"], state["tasks"]) == ({}, [], [])
    assert state["checkpoint"]["checkpoint_id"] is None
    assert state["parent_checkpoint"] is None
    assert lang.threads.get_history(thread) == []


def test_the_state_after_a_run(lang: SyncLangGraphClient, plain: httpx.Client, thread: str) -> None:
    run = run_on(plain, thread, "lgr-steps", word="x")
    state = lang.threads.get_state(thread)
    assert state["values"] == {"seen": ["x", "x!"], "count": 1, "said": ["x!"]}
    assert list(state["next"]) == []
    assert state["metadata"]["source"] == "loop"
    assert state["metadata"]["run_id"] == run["id"]
    assert lang.threads.get_state(thread, checkpoint=state["checkpoint"]) == state
    assert lang.threads.get_state(thread, checkpoint_id=state["checkpoint"]["checkpoint_id"]) == state
    assert lang.threads.get_state(thread, subgraphs=True) == state


def test_history_goes_through_the_runs_step_by_step(
    lang: SyncLangGraphClient, plain: httpx.Client, thread: str
) -> None:
    run_on(plain, thread, "lgr-steps", word="x")
    run_on(plain, thread, "lgr-steps", word="y")
    history = lang.threads.get_history(thread, limit=20)
    assert [list(state["next"]) for state in history] == [[], ["second"], ["first"], [], ["second"], ["first"], []]
    assert [state["values"].get("seen") for state in history] == [
        ["x", "x!", "y", "y!"],
        ["x", "x!", "y"],
        ["x", "x!"],
        ["x", "x!"],
        ["x"],
        [],
        None,
    ]
    for newer, older in pairwise(history):
        assert newer["parent_checkpoint"] == older["checkpoint"]
    assert history[-1]["parent_checkpoint"] is None
    for state in history:
        assert lang.threads.get_state(thread, checkpoint_id=state["checkpoint"]["checkpoint_id"]) == state


async def test_history_comes_in_pages(alang: LangGraphClient, plain: httpx.Client, thread: str) -> None:
    for word in "abc":
        run_on(plain, thread, "lgr-steps", word=word)
    whole = await alang.threads.get_history(thread, limit=100)
    assert len(whole) == 10
    for size in (1, 2, 4):
        seen, before = [], None
        while page := await alang.threads.get_history(thread, limit=size, before=before):
            seen += page
            before = page[-1]["checkpoint"]
        assert seen == whole
    edge = whole[2]["checkpoint"]["checkpoint_id"]
    assert await alang.threads.get_history(thread, limit=100, before=edge) == whole[3:]


async def test_history_is_filtered(alang: LangGraphClient, plain: httpx.Client, thread: str) -> None:
    first = run_on(plain, thread, "lgr-steps", word="a")
    run_on(plain, thread, "lgr-steps", word="b")
    of_first = await alang.threads.get_history(thread, metadata={"run_id": first["id"]})
    assert len(of_first) == 3
    assert await alang.threads.get_history(thread, metadata={"source": "update"}) == []
    (one,) = await alang.threads.get_history(thread, checkpoint=of_first[1]["checkpoint"])
    assert one == of_first[1]
    (short,) = await alang.threads.get_history(thread, limit=1, select=["values.seen", "next"])
    assert short == {"values": {"seen": ["a", "a!", "b", "b!"]}, "next": []}


def test_only_selected_parts_come(lang: SyncLangGraphClient, plain: httpx.Client, thread: str) -> None:
    run_on(plain, thread, "lgr-steps", word="x")
    assert lang.threads.get_state(thread, select=["values.count"]) == {"values": {"count": 1}}
    assert set(lang.threads.get_state(thread, select=["values", "next"])) == {"values", "next"}
    with pytest.raises(UnprocessableEntityError, match="no field 'colour'"):
        lang.threads.get_state(thread, select=["colour"])


def test_a_waiting_run_is_where_the_thread_is(lang: SyncLangGraphClient, plain: httpx.Client, thread: str) -> None:
    run = run_on(plain, thread, "lgr-gate", word="x")
    state = lang.threads.get_state(thread)
    assert list(state["next"]) == ["gate"]
    (task,) = state["tasks"]
    assert (task["name"], task["error"]) == ("gate", None)
    assert [one["value"]["message"] for one in task["interrupts"]] == ["Go on?"]
    assert state["interrupts"] == task["interrupts"]
    assert state["interrupts"][0]["response_schema"]
    with pytest.raises(ConflictError, match="a run is on thread"):
        lang.threads.update_state(thread, {"seen": ["z"]})
    plain.post(f"/v1/runs/{run['id']}/cancel")


def test_a_run_that_waits_at_its_first_node(lang: SyncLangGraphClient, plain: httpx.Client, thread: str) -> None:
    run = run_on(plain, thread, "lgr-first")
    state = lang.threads.get_state(thread)
    assert list(state["next"]) == ["gate"]
    assert [one["value"]["message"] for one in state["interrupts"]] == ["At once?"]
    assert lang.threads.get_history(thread)[0] == state
    assert state["checkpoint"]["checkpoint_id"] == run["id"]
    assert lang.threads.get_history(thread, metadata={"source": "fork"}) == []
    plain.post(f"/v1/runs/{run['id']}/cancel")
    assert lang.threads.get_state(thread)["interrupts"] == []


def test_a_run_that_waits_at_its_first_node_stands_behind_the_state_before(
    lang: SyncLangGraphClient, plain: httpx.Client, thread: str
) -> None:
    lang.threads.update_state(thread, {"seen": ["before"]})
    (before,) = lang.threads.get_history(thread)
    run = run_on(plain, thread, "lgr-first")
    state = lang.threads.get_state(thread)
    assert state["parent_checkpoint"] == before["checkpoint"]
    assert state["values"] == before["values"]
    assert state["interrupts"]
    newest, older = lang.threads.get_history(thread)
    assert (newest, older["checkpoint"]) == (state, before["checkpoint"])
    assert lang.threads.get_history(thread, before=state["checkpoint"]) == [older]
    plain.post(f"/v1/runs/{run['id']}/cancel")


def test_a_failure_stands_at_its_node(lang: SyncLangGraphClient, plain: httpx.Client, thread: str) -> None:
    run_on(plain, thread, "lgr-broken")
    state = lang.threads.get_state(thread)
    assert list(state["next"]) == ["bad"]
    assert state["tasks"][0]["error"]
    assert state["values"]["seen"] == [1]
    made = lang.threads.update_state(thread, {"seen": [2]})
    assert lang.threads.get_state(thread)["checkpoint"] == made["checkpoint"]


def test_values_are_written_as_a_node_would(lang: SyncLangGraphClient, plain: httpx.Client, thread: str) -> None:
    run_on(plain, thread, "lgr-steps", word="x")
    before = lang.threads.get_state(thread)
    made = lang.threads.update_state(thread, {"seen": ["by hand"], "count": 4})
    state = lang.threads.get_state(thread)
    assert state["values"] == {"seen": ["x", "x!", "by hand"], "count": 5, "said": ["x!"]}
    assert state["checkpoint"] == made["checkpoint"]
    assert state["parent_checkpoint"] == before["checkpoint"]
    assert state["metadata"]["source"] == "update"
    lang.threads.update_state(thread, [{"count": 1}, {"count": 1}])
    assert lang.threads.get_state(thread)["values"]["count"] == 7


def test_messages_are_added_by_id(lang: SyncLangGraphClient, plain: httpx.Client, thread: str) -> None:
    run_on(plain, thread, "echo", question="One?")
    _, ai = lang.threads.get_state(thread)["values"]["messages"]
    lang.threads.update_state(
        thread,
        {"messages": [{"type": "ai", "id": ai["id"], "content": "Mended."}, {"role": "user", "content": "Two?"}]},
    )
    messages = lang.threads.get_state(thread)["values"]["messages"]
    assert [(one["type"], one["content"]) for one in messages] == [
        ("human", "One?"),
        ("ai", "Mended."),
        ("human", "Two?"),
    ]
    assert messages[2]["id"]
    with pytest.raises(UnprocessableEntityError, match="messages"):
        lang.threads.update_state(thread, {"messages": [{"type": "whistle", "content": "x"}]})


@pytest.mark.parametrize("at", [0, 1, 2, 3, 5])
def test_a_thread_goes_back_and_on_from_there(
    lang: SyncLangGraphClient, plain: httpx.Client, thread: str, at: int
) -> None:
    for word in "xy":
        run_on(plain, thread, "lgr-steps", word=word)
    old = lang.threads.get_history(thread)[at]
    made = lang.threads.update_state(thread, {"seen": ["back"]}, checkpoint_id=old["checkpoint"]["checkpoint_id"])
    state = lang.threads.get_state(thread)
    assert state["checkpoint"] == made["checkpoint"]
    assert state["values"]["seen"] == [*old["values"]["seen"], "back"]
    assert state["values"]["count"] == old["values"]["count"]
    run_on(plain, thread, "lgr-steps", word="z")
    assert lang.threads.get_state(thread)["values"]["seen"] == [*old["values"]["seen"], "back", "z", "z!"]
    assert lang.threads.get_state(thread, checkpoint=old["checkpoint"]) == old


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5, 6])
def test_writing_nothing_on_an_old_state_goes_back_to_it(
    lang: SyncLangGraphClient, plain: httpx.Client, thread: str, at: int
) -> None:
    for word in "xy":
        run_on(plain, thread, "lgr-steps", word=word)
    old = lang.threads.get_history(thread)[at]
    lang.threads.update_state(thread, None, checkpoint=old["checkpoint"])
    state = lang.threads.get_state(thread)
    assert state["values"] == old["values"]
    assert state["parent_checkpoint"] == old["checkpoint"]
    assert state["metadata"]["source"] == "fork"


def test_whom_one_writes_as_matters(lang: SyncLangGraphClient, plain: httpx.Client, thread: str) -> None:
    run_on(plain, thread, "lgr-steps", word="x")
    lang.threads.update_state(thread, {"count": 1}, as_node="second")
    assert lang.threads.get_state(thread)["values"]["count"] == 2
    for node in ("first", "no-such-node"):
        with pytest.raises(UnprocessableEntityError, match="as_node"):
            lang.threads.update_state(thread, {"count": 1}, as_node=node)


def test_what_does_not_fit_is_refused(lang: SyncLangGraphClient, plain: httpx.Client, thread: str) -> None:
    run_on(plain, thread, "lgr-steps", word="x")
    with pytest.raises(UnprocessableEntityError, match="colour"):
        lang.threads.update_state(thread, {"colour": "red"})
    with pytest.raises(UnprocessableEntityError, match="checkpoint_ns"):
        lang.threads.get_state(
            thread, checkpoint={"thread_id": thread, "checkpoint_ns": "inner:1", "checkpoint_id": "x"}
        )  # type: ignore[typeddict-item] - what is tested
    answer = plain.patch(f"/langgraph/threads/{thread}/state", json={"metadata": {"a": 1}})
    assert answer.status_code == 422
    assert "patching a state" in answer.json()["detail"]


def test_unknown_moments_are_not_found(lang: SyncLangGraphClient, plain: httpx.Client, thread: str) -> None:
    run_on(plain, thread, "lgr-steps", word="x")
    other = lang.threads.create()["thread_id"]
    known = lang.threads.get_state(thread)["checkpoint"]["checkpoint_id"]
    for there, asked in ((thread, str(uuid.uuid4())), (thread, "nonsense"), (other, known)):
        with pytest.raises(NotFoundError, match="has no checkpoint"):
            lang.threads.get_state(there, checkpoint_id=asked)
        with pytest.raises(NotFoundError, match="has no checkpoint"):
            lang.threads.get_history(there, before=asked)
        with pytest.raises(NotFoundError, match="has no checkpoint"):
            lang.threads.update_state(there, {}, checkpoint_id=asked)
