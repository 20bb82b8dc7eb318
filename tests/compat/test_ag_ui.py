"""AG-UI's own client against the door, in Node; every stream it reads is held against the protocol's validator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from ag_ui_validate.pytest_plugin import validate_agui, validate_agui_endpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.api.compat.chat_steps import ENDS, STEPS
from tests.api.process import api_process
from tests.compat.clients import node
from tests.compat.conftest import Served

from girih.api.compat.ag_ui.events import Events
from girih.api.compat.ag_ui.state import State
from girih.services.runs.chat_steps import ChatStep

pytestmark = pytest.mark.timeout(180)


def drive(scenario: str, served: Served, *more: str) -> Any:
    return node("ag_ui.mjs", scenario, served.url, served.key, *more)


def checked(told: Any) -> list[list[str]]:
    """The types of the events of each run, once none of its streams has a fault."""
    for run in told["runs"]:
        report = validate_agui(run["events"])
        assert not [f"{one.rule}: {one.message}" for one in report.diagnostics if one.severity != "info"]
        assert run["failed"] is None
    return [[event["type"] for event in run["events"]] for run in told["runs"]]


def asked(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"threadId": str(uuid4()), "runId": str(uuid4()), "messages": list(messages), **more}


def question(content: Any, number: str = "u1") -> dict[str, Any]:
    return {"id": number, "role": "user", "content": content}


def events_of(text: str) -> list[Any]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def answer_to(words: str) -> str:
    return f"[demo model] This is a canned answer, as no real model is set up. You asked: {words}"


def test_two_runs_of_a_thread_and_one_that_looks_at_it(served: Served) -> None:
    told = drive("talk", served)
    for kinds in checked(told):
        assert [kind for kind in kinds if "CONTENT" not in kind] == [
            "RUN_STARTED",
            "STEP_STARTED",
            "TEXT_MESSAGE_START",
            "STEP_FINISHED",
            "TEXT_MESSAGE_END",
            "RUN_FINISHED",
        ]
    said = [message["content"] for message in told["messages"]]
    assert said == ["What is a knot?", answer_to("What is a knot?"), "And a bend?", answer_to("And a bend?")]
    assert told["runs"][1]["outcome"]["result"] == {"text": said[3]}
    assert checked(told["seen"]) == [["RUN_STARTED", "MESSAGES_SNAPSHOT", "RUN_FINISHED"]]
    assert told["seen"]["messages"] == told["messages"]


@pytest.mark.parametrize(("answer", "content"), [("allow", "endpoint"), ("cancel", "a person refused this call")])
def test_tools_of_the_app_and_calls_that_a_person_allows(served: Served, answer: str, content: str) -> None:
    told = drive("tools", served, answer)
    kinds = checked(told)
    calls, allowed, done = (run["outcome"] for run in told["runs"])
    assert (calls["outcome"], len(calls["pendingToolCallIds"])) == ("success", 1)
    (interrupt,) = allowed["interrupts"]
    assert (interrupt["reason"], interrupt["message"]) == ("approve", "May the agent call 'refund'?")
    assert interrupt["toolCallId"] in [message["id"] for message in told["messages"]]
    assert interrupt["responseSchema"]["properties"]["approved"] == {"type": "boolean"}
    assert done["outcome"] == "success"
    assert done["result"] == {"text": "It is done."}
    result = next(event for event in told["runs"][2]["events"] if event["type"] == "TOOL_CALL_RESULT")
    assert content in result["content"]
    assert kinds[2][:2] == ["RUN_STARTED", "MESSAGES_SNAPSHOT"]
    assert told["messages"][-1]["content"] == "It is done."
    runs = {run["events"][0]["metadata"]["runId"] for run in told["runs"]}
    assert len(runs) == 1


def test_state_is_shared_and_questions_are_answered_or_given_up(served: Served) -> None:
    told = drive("state", served)
    checked(told)
    outcomes = [run["outcome"]["outcome"] for run in told["runs"]]
    assert outcomes == ["interrupt", "success", "interrupt", "success", "interrupt", "cancelled"]
    contents = [message["content"] for message in told["messages"] if message["role"] == "assistant"]
    assert contents == ["On Monday, for the 1. time.", "On Friday, for the 42. time."]
    deltas = [event["delta"] for run in told["runs"] for event in run["events"] if event["type"] == "STATE_DELTA"]
    assert deltas == [
        [{"op": "replace", "path": "/asked", "value": 1}],
        [{"op": "replace", "path": "/date", "value": "Monday"}],
        [{"op": "replace", "path": "/asked", "value": 42}],
        [{"op": "replace", "path": "/date", "value": "Friday"}],
        [{"op": "replace", "path": "/asked", "value": 43}],
    ]
    assert told["state"] == {"date": "Friday", "asked": 43}


def test_stopping_and_leaving(served: Served) -> None:
    told = drive("cancel", served)
    checked(told)
    assert told["status"] == 204
    assert told["runs"][0]["outcome"] == {"outcome": "cancelled"}
    with served.client() as client:
        left = client.get(f"/v1/runs/{told['left']['runs'][0]['events'][0]['metadata']['runId']}").json()
    assert left["status"] in ("running", "succeeded")


def test_what_goes_wrong(served: Served) -> None:
    told = drive("errors", served)
    checked(told["failing"])
    error = told["failing"]["runs"][0]["events"][-1]
    assert (error["type"], error["code"]) == ("RUN_ERROR", "invalid_output")
    assert error["message"].startswith("a value cannot be computed")
    assert error["metadata"]["runId"]
    words = {
        "mute": "not one to chat with",
        "missing": "no agent `no-such-agent` is published",
        "tools": "`accepts: [tools]`",
        "context": "`accepts: [instructions]`",
        "forwarded": "body.forwardedProps.temperature: there is no such field",
        "audio": "messages[0].content[0]: a part 'audio' cannot be given to a model here",
    }
    for name, said in words.items():
        failed = told[name]["failed"]
        assert said in failed["payload"]["message"]
        assert failed["payload"]["error_id"]
    assert told["context"]["failed"]["payload"]["help"].startswith("leave `context` out")


def test_a_run_that_is_asked_for_again_is_the_same(served: Served) -> None:
    body = asked(question("What is a knot?"), tools=[], context=[], forwardedProps={}, protocolVersion="1.0")
    with served.client() as client:
        once, twice = (client.post("/ag-ui/echo", json=body) for _ in range(2))
        thread = client.get(once.headers["content-location"]).json()["thread_id"]
        runs = client.get(f"/v1/threads/{thread}/runs").json()["items"]
    assert once.text == twice.text
    assert len(runs) == 1
    assert validate_agui(events_of(once.text)).summary.errors == 0


def test_a_run_that_broke_off_is_read_from_another_process(served: Served, tmp_path: Path) -> None:
    body = asked(question("Talk"), tools=[], context=[], forwardedProps={}, protocolVersion="1.0")
    with api_process(served.database_url, tmp_path) as other, served.client() as client:
        with client.stream("POST", "/ag-ui/oai-talkative", json=body) as broken:
            lines = (line for line in broken.iter_lines() if line)
            begun = [next(lines) for _ in range(6)]
        elsewhere = client.post(f"{other.url}/ag-ui/oai-talkative", json=body)
        here = client.post("/ag-ui/oai-talkative", json=body)
        thread = client.get(here.headers["content-location"]).json()["thread_id"]
        assert len(client.get(f"/v1/threads/{thread}/runs").json()["items"]) == 1
    told = [line for line in elsewhere.text.splitlines() if line]
    assert told[: len(begun)] == begun, "what was read before comes again, word for word"
    assert elsewhere.text == here.text
    assert events_of(elsewhere.text)[-1]["type"] == "RUN_FINISHED"
    assert validate_agui(events_of(elsewhere.text)).summary.errors == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (asked(), ""),
        (asked({"id": "a", "role": "assistant", "content": "Hi"}), "nothing is asked and nothing is answered"),
        (asked({"id": "t", "role": "tool", "content": "1"}), "messages[0].toolCallId"),
        (asked(question("Hi"), state=[1]), "`state` must be an object"),
        (asked(question("Hi"), state={"colour": 1}), "has no `colour` under `state:`"),
        (asked(question("Hi"), resume=[{"interruptId": "x", "status": "resolved"}]), "asks something new"),
        (asked(question("Hi"), tools=[{"name": "a b", "description": ""}]), "tools[0]"),
        (asked(question([{"type": "image", "source": {"type": "file", "value": "f"}}])), "source of the type 'file'"),
        ({"threadId": "t", "messages": []}, "body.runId"),
    ],
)
def test_what_is_refused_is_named(served: Served, body: dict[str, Any], said: str) -> None:
    with served.client() as client:
        answer = client.post("/ag-ui/echo", json=body)
    if not said:
        assert [event["type"] for event in events_of(answer.text)][-1] == "RUN_FINISHED"
        return
    assert answer.status_code == 422
    assert said in answer.json()["message"]


def test_an_image_is_taken(served: Served) -> None:
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    source = {"type": "data", "value": pixel, "mimeType": "image/png"}
    body = asked(question([{"type": "text", "text": "What is this?"}, {"type": "image", "source": source}]))
    with served.client() as client:
        answer = client.post("/ag-ui/echo", json=body)
        seen = client.post("/ag-ui/echo", json=body | {"messages": [], "runId": "look"})
    assert events_of(answer.text)[-1]["type"] == "RUN_FINISHED"
    shown = next(event for event in events_of(seen.text) if event["type"] == "MESSAGES_SNAPSHOT")
    assert shown["messages"][0]["content"] == body["messages"][0]["content"]


def test_the_binary_form_is_not_spoken(served: Served) -> None:
    kind = "application/vnd.ag-ui.event+proto"
    with served.client() as client:
        alone = client.post("/ag-ui/echo", json=asked(question("Hi")), headers={"accept": kind})
        either = client.post(
            "/ag-ui/echo", json=asked(question("Hi")), headers={"accept": f"{kind}, text/event-stream;q=0.5"}
        )
    assert (alone.status_code, either.status_code) == (406, 200)
    assert "text/event-stream" in alone.json()["message"]
    assert either.headers["content-type"].startswith("text/event-stream")


async def test_the_validators_own_probe_finds_nothing(served: Served) -> None:
    report = await validate_agui_endpoint(
        f"{served.url}/ag-ui/echo",
        input=asked(question("What is a knot?")),
        headers={"authorization": f"Bearer {served.key}"},
    )
    assert report.event_count > 5
    assert (report.summary.errors, report.summary.warnings) == (0, 0)


def test_whatever_comes_makes_a_stream_that_the_client_accepts(tmp_path: Path) -> None:
    streams: list[list[Any]] = []

    @settings(max_examples=200, database=None)
    @given(STEPS, ENDS, st.dictionaries(st.sampled_from(["x", "y"]), st.integers()))
    def collect(steps: list[ChatStep], end: ChatStep, state: dict[str, Any]) -> None:
        events = Events({"threadId": "t", "runId": "r"}, State(state, lambda old, new: {**old, **dict(new)}))
        streams.append([*events.begin(), *(one for step in [*steps, end] for one in events.take(step))])

    collect()
    (tmp_path / "events.json").write_text(json.dumps(streams))
    assert node("ag_ui.mjs", "events", str(tmp_path / "events.json")) == [None] * len(streams)
