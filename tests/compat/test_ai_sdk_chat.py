"""The AI SDK's own chat, transport and stream reader against the door, in Node."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import given, settings
from tests.api.compat.chat_steps import ENDS, STEPS
from tests.api.process import api_process
from tests.compat.clients import node
from tests.compat.conftest import Served

from girih.api.compat.ai_sdk.chunks import Chunk, Chunks
from girih.services.runs.chat_steps import ChatStep, FailedStep

pytestmark = pytest.mark.timeout(180)


def drive(scenario: str, served: Served, *more: str) -> Any:
    return node("ai_sdk.mjs", scenario, served.url, served.key, *more)


@pytest.fixture(scope="module")
def second(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of another process that serves the same."""
    with api_process(served.database_url, tmp_path_factory.mktemp("second")) as api:
        yield api.url


def question(text: str, number: str = "u1") -> dict[str, Any]:
    return {"id": number, "role": "user", "parts": [{"type": "text", "text": text}]}


def asked(chat: str, *messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": chat, "messages": list(messages), "trigger": "submit-message", **more}


def chunks_of(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def terminal_of(client: httpx.Client, run: str) -> str:
    """The type of the event that ends a run."""
    last = [line for line in client.get(f"{run}/events").text.splitlines() if line.startswith("event: ")][-1]
    return last.removeprefix("event: ")


def text_of(message: Any) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


def answer_to(words: str) -> str:
    return f"[demo model] This is a canned answer, as no real model is set up. You asked: {words}"


def test_a_chat_goes_on_is_answered_anew_and_edited(served: Served) -> None:
    talk = drive("talk", served)
    assert not talk["failures"]
    assert [end["finishReason"] for end in talk["ends"]] == ["stop"] * 4
    before, anew, edited = talk["before"], talk["regenerated"], talk["edited"]
    words = ["What is a knot?", answer_to("What is a knot?"), "And a bend?", answer_to("And a bend?")]
    assert [text_of(message) for message in before] == words
    assert [text_of(message) for message in anew] == words
    assert [message["id"] for message in anew[:3]] == [message["id"] for message in before[:3]]
    assert anew[3]["id"] != before[3]["id"]
    assert [text_of(message) for message in edited] == ["What is a hitch?", answer_to("What is a hitch?")]


def test_the_thread_is_where_the_app_is(served: Served) -> None:
    chat = f"chat {uuid4()}"
    first, second = question("One?"), question("Two?", "u2")
    with served.client() as client:
        answers = [
            client.post("/ai-sdk/echo/chat", json=asked(chat, *messages, **more))
            for messages, more in (
                ([first], {}),
                ([second], {}),
                ([question("Two, or three?", "u2")], {"messageId": "u2"}),
                ([first], {"trigger": "regenerate-message"}),
            )
        ]
        assert {answer.status_code for answer in answers} == {200}
        runs = [client.get(answer.headers["content-location"]).json() for answer in answers]
        thread = client.get(f"/v1/threads/{runs[0]['thread_id']}").json()
        held = client.get(f"/v1/threads/{thread['id']}/state").json()["state"]["messages"]
        history = client.get(f"/v1/threads/{thread['id']}/history").json()["items"]
    assert len({run["thread_id"] for run in runs}) == 1
    assert thread["metadata"] == {"chat_id": chat}
    starts = [chunks_of(answer.text)[0]["messageId"] for answer in answers]
    assert [(one["id"], one["content"]) for one in held] == [("u1", "One?"), (starts[3], answer_to("One?"))]
    lengths = [len(one["state"].get("messages", [])) for one in reversed(history)]
    assert lengths == [2, 4, 2, 4, 0, 2]


def test_a_cut_stream_is_replayed_whole_by_another_process(served: Served, second: str) -> None:
    told = drive("resume", served, second)
    assert told["broken"]["failures"] == ["network error"]
    whole = " ".join(f"token{number}" for number in range(1, 61))
    assert whole.startswith(told["broken"]["text"].strip())
    assert len(told["broken"]["text"]) < len(whole)
    assert [text_of(message).strip() for message in told["messages"]] == ["Speak.", whole]
    assert told["ends"][-1]["finishReason"] == "stop"
    assert told["nothing"] is None


@pytest.mark.parametrize("approved", ["yes", "no"])
def test_tools_of_the_app_and_calls_that_a_person_allows(served: Served, approved: str) -> None:
    told = drive("tools", served, served.url, approved)
    assert (told["failures"], told["status"]) == ([], "ready")
    assert [end["finishReason"] for end in told["ends"]] == ["tool-calls", "tool-calls", "stop"]
    answer = told["messages"][1]
    parts = [part for part in answer["parts"] if part["type"] != "step-start"]
    assert [part["type"] for part in parts] == ["text", "tool-locate", "tool-refund", "text"]
    assert (parts[1]["state"], parts[1]["output"]) == ("output-available", {"lat": 38.7})
    assert parts[2]["state"] == ("output-error" if approved == "yes" else "output-denied")
    assert parts[2]["approval"]["approved"] is (approved == "yes")
    assert parts[3]["text"] == "It is done."
    # Read from the log as a whole, the message is the same.
    assert told["replayed"]["id"] == answer["id"]
    assert told["replayed"]["parts"] == answer["parts"]


def test_results_that_come_twice_go_on_once(served: Served) -> None:
    tool = {"name": "locate", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    first = question("Refund order A-1.")
    with served.client() as client:
        answer = client.post("/ai-sdk/ui-desk/chat", json=asked(str(uuid4()), first, tools=[tool]))
        start, *_ = said = chunks_of(answer.text)
        call = next(one for one in said if one["type"] == "tool-input-available")
        done = {"type": "tool-locate", "state": "output-error", "errorText": "no map", **call}
        done["type"] = "tool-locate"
        reply = {"id": start["messageId"], "role": "assistant", "parts": [{"type": "step-start"}, done]}
        body = asked(client.get(answer.headers["content-location"]).json()["thread_id"], first, reply, tools=[tool])
        once, twice = (client.post("/ai-sdk/ui-desk/chat", json=body) for _ in range(2))
        runs = client.get(f"/v1/threads/{body['id']}/runs").json()["items"]
    assert once.text == twice.text
    assert chunks_of(once.text)[-1]["finishReason"] == "tool-calls"
    assert next(one for one in chunks_of(once.text) if one["type"] == "tool-output-error")["errorText"] == "no map"
    assert len(runs) == 1


def test_a_new_question_stops_a_run_that_waits_for_an_answer(served: Served) -> None:
    chat = str(uuid4())
    first, second = question("Invite me."), question("Never mind.", "u2")
    with served.client() as client:
        waiting = chunks_of(client.post("/ai-sdk/ui-form/chat", json=asked(chat, first)).text)
        shown = [chunk for chunk in waiting if chunk["type"] == "data-question"]
        reply = {"id": waiting[0]["messageId"], "role": "assistant", "parts": [{"type": "step-start"}, *shown]}
        again = chunks_of(client.post("/ai-sdk/ui-form/chat", json=asked(chat, first, reply, second)).text)
        runs = client.get(f"/v1/threads/{chat}/runs").json()["items"]
    assert [run["status"] for run in runs] == ["interrupted", "cancelled"]
    assert [run["inputs"]["message"] for run in runs] == ["Never mind.", "Invite me."]
    assert again[0]["messageId"] != waiting[0]["messageId"]


@pytest.mark.parametrize(("multitask", "status"), [("reject", 409), ("enqueue", 200)])
def test_a_question_while_an_answer_is_under_way(served: Served, multitask: str, status: int) -> None:
    chat = str(uuid4())
    more = asked(chat, question("Speak."), question("More.", "u2"), multitask=multitask)
    with served.client() as client:
        with client.stream("POST", "/ai-sdk/ui-slow/chat", json=asked(chat, question("Speak."))) as answer:
            next(answer.iter_lines())
            other = client.post("/ai-sdk/ui-slow/chat", json=more)
        runs = client.get(f"/v1/threads/{chat}/runs").json()["items"]
    assert other.status_code == status
    if status == 409:
        assert other.json()["code"] == "thread_busy"
    else:
        assert [run["status"] for run in runs] == ["succeeded", "succeeded"]


def test_a_question_to_a_person_is_answered_in_the_body(served: Served) -> None:
    told = drive("question", served)
    assert told["asked"]["message"] == "When?"
    assert (told["failures"], len(told["messages"])) == ([], 2)
    assert text_of(told["messages"][1]) == "On Monday, for the 1. time."


def test_stopping(served: Served) -> None:
    told = drive("stop", served)
    assert told["stopped"] == 204
    assert told["ends"][0]["isAbort"]
    assert told["after"]["messages"] == []
    with served.client() as client:
        runs = client.get("/v1/runs", params={"agent": "ui-slow"}).json()["items"]
        assert runs[0]["status"] == "cancelled"


def test_leaving_ends_the_run_where_the_app_wants_that(served: Served) -> None:
    body = asked(str(uuid4()), question("Speak."), onDisconnect="cancel")
    with served.client() as client:
        with client.stream("POST", "/ai-sdk/ui-slow/chat", json=body) as answer:
            run = answer.headers["content-location"]
            next(answer.iter_lines())
        assert terminal_of(client, run) == "run.cancelled"


def test_a_server_that_stops_says_so_and_another_one_goes_on(served: Served, tmp_path: Path) -> None:
    body = asked(str(uuid4()), question("Speak."))
    with (
        api_process(served.database_url, tmp_path) as api,
        httpx.Client(base_url=api.url, headers={"x-api-key": served.key}, timeout=60, trust_env=False) as leaving,
        served.client() as client,
    ):
        with leaving.stream("POST", "/ai-sdk/ui-slow/chat", json=body) as answer:
            lines = answer.iter_lines()
            said = [next(lines)]
            api.process.send_signal(signal.SIGTERM)
            said += lines
        assert chunks_of("\n".join(said))[-1]["type"] == "error"
        replayed = client.get(f"/ai-sdk/ui-slow/chat/{body['id']}/stream?last=true")
    chunks = chunks_of(replayed.text)
    text = "".join(chunk["delta"] for chunk in chunks if chunk["type"] == "text-delta")
    assert text.split() == [f"token{number}" for number in range(1, 61)]
    assert chunks[-1]["type"] == "finish"


def test_what_goes_wrong(served: Served) -> None:
    told = drive("errors", served)
    (fault,) = told["failing"]["failures"]
    assert fault.startswith("a value cannot be computed")
    assert "(run " in fault
    assert told["failing"]["status"] == "error"
    # What failed is no part of the thread, and the chat goes on behind it.
    assert text_of(told["again"]["messages"][-1]) == "Well,  7"
    bodies = {name: json.loads(told[name]["failures"][0]) for name in ("mute", "missing", "refused", "unknown")}
    assert "not one to chat with" in bodies["mute"]["error"]
    assert bodies["missing"]["code"] == "not_found"
    assert "`accepts: [tools]`" in bodies["refused"]["error"]
    assert bodies["refused"]["help"].startswith("leave `tools` out")
    assert bodies["unknown"]["error"] == "body.temperature: there is no such field"
    assert all(body["error_id"] for body in bodies.values())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (asked("c", {"id": "a", "role": "assistant", "parts": []}), "nothing is asked and nothing is answered"),
        (asked("c", question("Hi"), answers={"q": 1}), "asks something new"),
        (asked("c", {"id": "u", "role": "user", "parts": [{"type": "data-x", "data": 1}]}), "messages[0].parts[0]"),
        (
            asked("c", {"id": "u", "role": "user", "parts": [{"type": "file", "mediaType": "a/b", "url": "data:,"}]}),
            "a file of the type 'a/b'",
        ),
        (asked("c"), "body.messages"),
        (asked("", question("Hi")), "body.id"),
        (asked("c", question("Hi"), trigger="resume-stream"), "body.trigger"),
    ],
)
def test_what_is_refused_is_named(served: Served, body: dict[str, Any], said: str) -> None:
    with served.client() as client:
        answer = client.post("/ai-sdk/echo/chat", json=body)
    assert answer.status_code == 422
    assert said in answer.json()["error"]


def test_who_may_not_is_told_so(served: Served) -> None:
    with served.client(authorization="Bearer girih_live_nobody") as client:
        answer = client.post("/ai-sdk/echo/chat", json=asked("c", question("Hi")))
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_nothing_is_under_way_in_a_chat_that_nobody_has_heard_of(served: Served) -> None:
    with served.client() as client:
        assert client.get(f"/ai-sdk/echo/chat/{uuid4()}/stream").status_code == 204
        assert client.get("/ai-sdk/ui-mute/chat/x/stream").status_code == 422


def test_whatever_comes_makes_a_message_that_the_sdk_reads(tmp_path: Path) -> None:
    answers: list[list[Chunk]] = []
    ends: list[ChatStep] = []

    @settings(max_examples=200, database=None)
    @given(STEPS, ENDS)
    def collect(steps: list[ChatStep], end: ChatStep) -> None:
        chunks = Chunks("m", {"runId": "1"})
        answers.append([*chunks.begin(), *(one for step in [*steps, end] for one in chunks.take(step))])
        ends.append(end)

    collect()
    (tmp_path / "chunks.json").write_text(json.dumps(answers))
    outcomes = node("ai_sdk.mjs", "chunks", str(tmp_path / "chunks.json"))
    assert len(outcomes) == len(answers)
    for end, outcome in zip(ends, outcomes, strict=True):
        failed = isinstance(end, FailedStep) and not end.cancelled
        assert outcome["faults"] == (["it failed (run 1)"] if failed else [])
        parts = outcome["message"]["parts"]
        assert not any(part.get("state") in ("streaming", "input-streaming") for part in parts)
