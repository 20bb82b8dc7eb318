"""Chats over `/v1` on a real server: messages, images and the app's tools, and what is refused in words."""

from __future__ import annotations

import json
from typing import Any

from tests.compat.conftest import Served

PIXEL = "data:image/png;base64,iVBORw0KGgo="
BATTERY = {"name": "get_battery", "description": "How full the battery is", "parameters": {}}


def sent(served: Served, path: str, body: Any, expected: int = 200) -> Any:
    with served.client() as client:
        answer = client.post(path, json=body)
    assert answer.status_code == expected, answer.text
    return answer.json()


def question(text: str, **more: Any) -> dict[str, Any]:
    return {"agent": "assistant", "messages": [{"role": "user", "content": text}], **more}


def test_an_image_is_shown_to_the_model(served: Served) -> None:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image", "url": PIXEL}]
    run = sent(served, "/v1/runs/wait", {"agent": "assistant", "messages": [{"role": "user", "content": parts}]})
    assert run["inputs"] == {"message": "What is it?"}
    assert run["outputs"]["text"].endswith("It was shown 1 image.")


def test_the_answer_streams_where_no_tools_are_given(served: Served) -> None:
    with served.client() as client, client.stream("POST", "/v1/runs/stream", json=question("Good morning")) as answer:
        data = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: {")]
    pieces = [event["data"] for event in data if event["type"] == "message.delta"]
    assert len(pieces) > 1
    assert all(piece["final"] for piece in pieces)
    assert "".join(piece["text"] for piece in pieces) == data[-1]["data"]["outputs"]["text"]


def test_a_run_waits_for_the_apps_tool_and_is_answered_once(served: Served) -> None:
    given = {"tools": [BATTERY], "tool_choice": "get_battery"}
    run = sent(served, "/v1/runs/wait", question("How full is it?", client=given))
    assert run["status"] == "interrupted"
    with served.client() as client:
        (call,) = client.get(f"/v1/runs/{run['id']}/interrupts").json()["items"]
    assert (call["kind"], call["details"]["tool"], call["details"]["arguments"]) == ("tool", "get_battery", {})
    assert call["details"]["call_id"].startswith(f"call_{run['id'].replace('-', '')}_")
    sent(served, f"/v1/runs/{run['id']}/resume", {"answers": {call["id"]: {"percent": 81}}})
    sent(served, f"/v1/runs/{run['id']}/resume", {"answers": {call["id"]: {"percent": 12}}}, expected=409)
    with served.client() as client:
        ended = client.get(f"/v1/runs/{run['id']}/wait").json()
    assert ended["status"] == "succeeded"
    assert "81" in ended["outputs"]["text"]


def test_a_format_is_kept_to(served: Served) -> None:
    schema = {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}, "required": ["mood"]}
    run = sent(served, "/v1/runs/wait", question("How are you?", client={"format": schema}))
    assert json.loads(run["outputs"]["text"])["mood"] in ("good", "bad")


def test_what_is_not_accepted_is_refused_by_name(served: Served) -> None:
    body = {"agent": "echo", "messages": [{"role": "user", "content": "Hi"}], "client": {"tools": [BATTERY]}}
    problem = sent(served, "/v1/runs", body, expected=422)
    assert problem["details"]["param"] == "client.tools"
    assert "agent 'echo' does not accept tools from an app" in problem["detail"]
    problem = sent(served, "/v1/runs", question("Hi", client={"params": {"n": 2}}), expected=422)
    assert problem["details"]["param"] == "client.params.n"
    assert "'n' is no setting that an app may give" in problem["detail"]
