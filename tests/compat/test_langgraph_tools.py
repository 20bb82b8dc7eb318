"""An agent's own calls of tools as LangGraph's clients see them: among the messages, in each mode, each once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from langgraph_sdk.client import SyncLangGraphClient
from tests.compat.clients import node
from tests.compat.conftest import Served
from tests.compat.langgraph_clients import opened
from tests.compat.shop import Shop

pytestmark = pytest.mark.timeout(120)

TYPES = ["human", "ai", "tool", "tool", "ai"]
DECIDED: list[tuple[Any, str | None, int | None]] = [
    ({"decisions": [{"type": "approve"}]}, "success", 2),
    ([{"type": "accept", "args": None}], "success", 2),
    ({"approved": True}, "success", 2),
    (
        {"decisions": [{"type": "edit", "edited_action": {"name": "order", "args": {"article": "tea", "number": 5}}}]},
        "success",
        5,
    ),
    ([{"type": "edit", "args": {"action": "order", "args": {"article": "tea", "number": 6}}}], "success", 6),
    ({"decisions": [{"type": "reject", "message": "Not today."}]}, "error", None),
    ([{"type": "response", "args": "Not today."}], "error", None),
    ([{"type": "ignore", "args": None}], "error", None),
]
"""Each form of an answer, with what becomes of the call, and how many are ordered."""


@pytest.fixture
def client(trading: Served) -> Iterator[SyncLangGraphClient]:
    with opened(trading.url, trading.key) as made:
        yield made


def new_thread(client: SyncLangGraphClient) -> str:
    return str(client.threads.create()["thread_id"])


def messages_of(client: SyncLangGraphClient, thread: str) -> list[dict[str, Any]]:
    values: Any = client.threads.get_state(thread)["values"]
    return list(values["messages"])


def told(client: SyncLangGraphClient, thread: str, agent: str, modes: list[Any], **given: Any) -> list[tuple[str, Any]]:
    asked: dict[str, Any] = {"stream_mode": modes, **given}
    return [(part.event, part.data) for part in client.runs.stream(thread, agent, **asked)]


def check_bought(messages: list[dict[str, Any]]) -> None:
    """A question, two calls at once, what they came to in the order of the calls, and the answer."""
    assert [one["type"] for one in messages] == TYPES
    _, asking, tea, gold, answer = messages
    assert asking["content"] == "Let me look."
    assert [(one["name"], one["args"]) for one in asking["tool_calls"]] == [
        ("price", {"article": "tea"}),
        ("price", {"article": "gold"}),
    ]
    assert [one["tool_call_id"] for one in (tea, gold)] == [one["id"] for one in asking["tool_calls"]]
    assert (json.loads(tea["content"]), tea["name"], tea["status"]) == ({"price": 4}, "price", "success")
    assert (gold["status"], "404" in gold["content"]) == ("error", True)
    assert answer["content"] == "Tea costs four."


def test_calls_and_results_are_messages_in_every_mode(client: SyncLangGraphClient) -> None:
    thread = new_thread(client)
    modes = ["values", "messages", "messages-tuple", "updates"]
    parts = told(client, thread, "lgt-buyer", modes, input={"messages": ["How much?"]})
    final = [data for event, data in parts if event == "values"][-1]["messages"]
    check_bought(final)
    assert messages_of(client, thread) == final
    pieces = [data[0] for event, data in parts if event == "messages"]
    assert sorted({one["id"] for one in pieces}) == sorted(one["id"] for one in final[1:])
    assert [one for one in pieces if one["type"] == "tool"] != []
    assert all(one in final for one in pieces if one["type"] == "tool")
    (calling,) = [one for one in pieces if one.get("tool_call_chunks")]
    assert [one["name"] for one in calling["tool_call_chunks"]] == ["price", "price"]
    whole = [data[0] for event, data in parts if event == "messages/complete"]
    assert sorted(whole, key=lambda one: one["id"]) == sorted(final[1:], key=lambda one: one["id"])
    update = next(data["answer"] for event, data in parts if event == "updates")
    assert [one["type"] for one in update["messages"]] == TYPES[1:4]
    # They appear one by one, and what has appeared stays.
    grown = [[one["id"] for one in data["messages"]] for event, data in parts if event == "values"]
    assert all(set(earlier) <= set(later) for earlier, later in pairwise(grown))
    assert len({len(one) for one in grown}) == len(TYPES)


def test_they_stay_where_they_were_on_the_thread(client: SyncLangGraphClient) -> None:
    thread = new_thread(client)
    first: Any = client.runs.wait(thread, "lgt-buyer", input={"messages": ["How much?"]})
    check_bought(first["messages"])
    parts = told(client, thread, "lgt-buyer", ["values"], input={"messages": ["And now?"]})
    seen = [data["messages"] for event, data in parts if event == "values"]
    assert all(one[:5] == first["messages"] for one in seen)
    check_bought(seen[-1][5:])
    assert messages_of(client, thread) == seen[-1]
    assert client.threads.get(thread)["values"]["messages"] == seen[-1]  # type: ignore[call-overload,index]
    (found,) = [one for one in client.threads.search(limit=5) if one["thread_id"] == thread]
    assert found["values"]["messages"] == seen[-1]  # type: ignore[call-overload,index]
    shown = [len(state["values"].get("messages", ())) for state in client.threads.get_history(thread)]  # type: ignore[union-attr]
    assert shown == [10, 6, 5, 1, 0]
    run = client.runs.list(thread)[0]["run_id"]
    joined = [(part.event, part.data) for part in client.runs.join_stream(thread, run, stream_mode="values")]
    assert joined[-2] == ("values", parts[-2][1])


def test_a_client_that_sends_back_all_it_has_seen_sees_nothing_twice(client: SyncLangGraphClient) -> None:
    thread = new_thread(client)
    first: Any = client.runs.wait(thread, "lgt-buyer", input={"messages": ["How much?"]})
    again = {"messages": [*first["messages"], {"type": "human", "content": "And now?"}]}
    second: Any = client.runs.wait(thread, "lgt-buyer", input=again)
    ids = [one["id"] for one in second["messages"]]
    assert (len(ids), len(set(ids))) == (10, 10)
    assert messages_of(client, thread) == second["messages"]


def test_without_a_chat_calls_are_told_as_messages_too(client: SyncLangGraphClient) -> None:
    parts = told(client, new_thread(client), "lgt-looker", ["messages-tuple"], input={"article": "tea"})
    said = [data[0] for event, data in parts if event == "messages"]
    answers = [one for one in said if one["type"] == "tool"]
    calls = [call for one in said for call in one.get("tool_call_chunks") or ()]
    assert [one["tool_call_id"] for one in answers] == [call["id"] for call in calls]
    assert json.loads(answers[0]["content"]) == {"price": 4}


@pytest.mark.parametrize(("answer", "status", "number"), DECIDED)
def test_a_call_is_allowed_changed_or_refused(
    client: SyncLangGraphClient, shop: Shop, answer: Any, status: str, number: int | None
) -> None:
    thread = new_thread(client)
    asked: Any = client.runs.wait(thread, "lgt-clerk", input={"messages": ["Please."]})
    ordered = len(shop.orders)
    (interrupt,) = asked["__interrupt__"]
    (request,) = interrupt["value"]["action_requests"]
    (call,) = asked["messages"][-1]["tool_calls"]
    assert (
        (request["name"], request["args"]) == (call["name"], call["args"]) == ("order", {"article": "tea", "number": 2})
    )
    assert interrupt["value"]["details"]["call_id"] == call["id"]
    assert messages_of(client, thread) == asked["messages"]
    parts = told(client, thread, "lgt-clerk", ["values", "messages-tuple"], command={"resume": answer})
    final = [data for event, data in parts if event == "values"][-1]
    assert "__interrupt__" not in final
    assert [one["type"] for one in final["messages"]] == ["human", "ai", "tool", "ai"]
    assert final["messages"][:2] == asked["messages"]
    assert final["messages"][2]["status"] == status
    assert [one["number"] for one in shop.orders[ordered:]] == ([number] if number is not None else [])
    assert messages_of(client, thread) == final["messages"]
    # What the client has heard before the question is not told again.
    assert {data[0]["id"] for event, data in parts if event == "messages"} == {
        one["id"] for one in final["messages"][2:]
    }


def test_several_calls_are_decided_on_at_once(client: SyncLangGraphClient, shop: Shop) -> None:
    thread = new_thread(client)
    asked: Any = client.runs.wait(thread, "lgt-desk", input={"messages": ["Please."]})
    ordered = len(shop.orders)
    by_article = {one["value"]["action_requests"][0]["args"]["article"]: one["id"] for one in asked["__interrupt__"]}
    edited = {"name": "order", "args": {"article": "tea", "number": 7}}
    resume: Any = {
        by_article["tea"]: {"decisions": [{"type": "edit", "edited_action": edited}]},
        by_article["rice"]: [{"type": "reject", "message": "No rice."}],
    }
    done: Any = client.runs.wait(thread, "lgt-desk", command={"resume": resume})
    assert [one["type"] for one in done["messages"]] == TYPES
    _, calling, tea, rice, _ = done["messages"]
    assert [one["tool_call_id"] for one in (tea, rice)] == [one["id"] for one in calling["tool_calls"]]
    assert ("7" in tea["content"], tea["status"]) == (True, "success")
    assert ("No rice." in rice["content"], rice["status"]) == (True, "error")
    assert [one["number"] for one in shop.orders[ordered:]] == [7]
    assert messages_of(client, thread) == done["messages"]


def test_one_of_several_calls_is_decided_on_first(client: SyncLangGraphClient) -> None:
    thread = new_thread(client)
    asked: Any = client.runs.wait(thread, "lgt-desk", input={"messages": ["Please."]})
    first, second = asked["__interrupt__"]
    still: Any = client.runs.wait(thread, "lgt-desk", command={"resume": {first["id"]: {"approved": True}}})
    assert [one["id"] for one in still["__interrupt__"]] == [second["id"]]
    done: Any = client.runs.wait(thread, "lgt-desk", command={"resume": {second["id"]: {"approved": False}}})
    assert [one["type"] for one in done["messages"]] == TYPES
    assert [one["status"] for one in done["messages"][2:4]] == ["success", "error"]


def test_the_javascript_client_sees_and_decides_the_same(trading: Served) -> None:
    seen = node("langgraph_tools.mjs", f"{trading.url}/langgraph", trading.key)
    assert seen["types"] == TYPES
    assert seen["chunks"] == {"calls": ["price", "price"], "results": 2, "ids": True}
    assert seen["again"] is True
    assert seen["decided"] == [
        ["success", 2],
        ["success", 5],
        ["error", None],
        ["success", 2],
        ["success", 6],
        ["error", None],
    ]
    assert seen["several"] == [["success", "error"], 2]
    assert seen["controller"] == {
        "types": TYPES,
        "calls": [["price", "finished"]] * 2,  # what failed as well: the client reads it from the messages
        "stored": True,
        "ids": 5,
    }
    assert seen["reviewed"] == {"asked": 2, "pending": ["order", "order"], "types": TYPES, "open": 0}
