"""What LangChain's Agent Chat UI sends, request by request: nothing but the address, the agent and the key is set."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.compat.conftest import Served

SENT = {"stream_mode": ["values", "messages-tuple", "custom"], "on_disconnect": "continue"}
ASKED = SENT | {"stream_subgraphs": True, "stream_resumable": True}


@pytest.fixture
def ui(served: Served) -> Iterator[httpx.Client]:
    """Requests as the page makes them."""
    headers = {"x-api-key": served.key, "origin": "http://localhost:3000"}
    with httpx.Client(base_url=f"{served.url}/langgraph", headers=headers, trust_env=False, timeout=60) as client:
        yield client


def human(text: str) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "type": "human", "content": [{"type": "text", "text": text}]}


def streamed(ui: httpx.Client, thread: str, body: dict[str, Any]) -> list[tuple[str, Any]]:
    """The frames of an answer."""
    answer = ui.post(f"/threads/{thread}/runs/stream", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-location"].startswith(f"/threads/{thread}/runs/")
    frames = []
    for frame in answer.text.split("\n\n"):
        told = dict(line.split(": ", 1) for line in frame.splitlines() if not line.startswith(":"))
        if "event" in told:
            frames.append((told["event"], json.loads(told["data"])))
    return frames


def history(ui: httpx.Client, thread: str) -> list[dict[str, Any]]:
    answer = ui.post(f"/threads/{thread}/history", json={"limit": 1000})
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def submit(ui: httpx.Client, thread: str, agent: str, **given: Any) -> dict[str, Any]:
    """One turn: with the newest checkpoint, as the hook adds it; gives the last values."""
    head = next(iter(history(ui, thread)), {}).get("checkpoint")
    point = {name: value for name, value in (head or {}).items() if name != "thread_id"}
    body = {"assistant_id": agent, **ASKED, **({"checkpoint": point} if head else {}), **given}
    return dict([data for event, data in streamed(ui, thread, body) if event == "values"][-1])


def test_a_conversation(ui: httpx.Client) -> None:
    assert ui.get("/info").status_code == 200
    thread = ui.post("/threads", json={}).json()["thread_id"]
    assert history(ui, thread) == []
    submit(ui, thread, "echo", input={"messages": [human("One?")]})
    values = submit(ui, thread, "echo", input={"messages": [human("Two?")]})
    assert [one["type"] for one in values["messages"]] == ["human", "ai"] * 2
    # The list at the side: by the graph's name, or by the id where one was set.
    agent_id = ui.get("/assistants/echo").json()["assistant_id"]
    for named in ({"graph_id": "echo"}, {"assistant_id": agent_id}):
        found = ui.post("/threads/search", json={"metadata": named, "limit": 100, "offset": 0}).json()
        (mine,) = [one for one in found if one["thread_id"] == thread]
        assert mine["values"]["messages"] == values["messages"]


def test_an_answer_is_given_anew_and_a_message_is_written_anew(ui: httpx.Client) -> None:
    thread = ui.post("/threads", json={}).json()["thread_id"]
    first = submit(ui, thread, "echo", input={"messages": [human("One?")]})["messages"]
    moments = history(ui, thread)
    seen = [next(m for m in reversed(moments) if one in m["values"].get("messages", [])) for one in first]
    again = submit(ui, thread, "echo", checkpoint=seen[1]["parent_checkpoint"])["messages"]
    assert again[0]["id"] == first[0]["id"]
    assert (len(again), again[1]["id"] != first[1]["id"]) == (2, True)
    edited = submit(ui, thread, "echo", input={"messages": [human("Three?")]}, checkpoint=seen[0]["parent_checkpoint"])[
        "messages"
    ]
    assert edited[0]["content"] == "Three?"
    assert len(edited) == 2


@pytest.mark.parametrize(
    "answer",
    [
        {"decisions": [{"type": "reject", "message": "No."}]},
        [{"type": "ignore", "args": None}],
        [{"type": "response", "args": "No."}],
    ],
)
def test_a_call_is_decided_on(ui: httpx.Client, answer: Any) -> None:
    thread = ui.post("/threads", json={}).json()["thread_id"]
    values = submit(ui, thread, "lgj-clerk", input={"messages": [human("Please.")]})
    value = values["__interrupt__"][0]["value"]
    assert value["action_requests"][0]["args"] == value["action_request"]["args"] == {"order": "A-1"}
    assert value["review_configs"][0]["action_name"] == "refund"
    assert value["config"]["allow_accept"] is True
    done = submit(ui, thread, "lgj-clerk", input={}, command={"resume": answer})
    assert done["messages"][-1]["content"] == "It is done."
    assert "__interrupt__" not in done


def test_what_is_asked_is_marked_as_resolved(ui: httpx.Client) -> None:
    thread = ui.post("/threads", json={}).json()["thread_id"]
    submit(ui, thread, "lgj-clerk", input={"messages": [human("Please.")]})
    head = history(ui, thread)[0]["checkpoint"]
    body = {"assistant_id": "lgj-clerk", **SENT, "input": {}, "command": {"goto": "__end__"}, "checkpoint": head}
    assert streamed(ui, thread, body)[-1][1]["status"] == "interrupted"
    state = ui.get(f"/threads/{thread}/state").json()
    assert (state["tasks"], state["next"]) == ([], [])
    asked, call = state["values"]["messages"]
    assert (asked["type"], [one["name"] for one in call["tool_calls"]]) == ("human", ["refund"])
