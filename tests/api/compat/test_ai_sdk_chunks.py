"""What the AI SDK's door says of a chat's steps."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.compat.chat_steps import HIT, USAGE

from girih.api.compat.ai_sdk.chunks import Chunks
from girih.services.runs.chat_steps import (
    CallStep,
    ChatStep,
    CustomStep,
    DoneStep,
    DroppedStep,
    FailedStep,
    Question,
    SaidStep,
    TextStep,
    ToolStep,
    WaitStep,
)

DONE = DoneStep("answer", "Hi", {"text": "Hi", "n": 1}, USAGE, "demo")
ALLOW = Question("q", "approve", "desk", "May I?", {}, {"tool": "refund", "arguments": {"a": 1}, "call_id": "c"})


def stream(*steps: ChatStep) -> list[Any]:
    chunks = Chunks("m", {"runId": "1"})
    return [*chunks.begin(), *(one for step in steps for one in chunks.take(step))]


def kinds(chunks: list[Any]) -> list[str]:
    return [chunk["type"] for chunk in chunks]


def test_text() -> None:
    chunks = stream(TextStep("answer", "H"), TextStep("answer", ""), TextStep("answer", "i"), DONE)
    assert chunks == [
        {"type": "start", "messageId": "m", "messageMetadata": {"runId": "1"}},
        {"type": "start-step"},
        {"type": "text-start", "id": "text-1"},
        {"type": "text-delta", "id": "text-1", "delta": "H"},
        {"type": "text-delta", "id": "text-1", "delta": "i"},
        {"type": "text-end", "id": "text-1"},
        {"type": "finish-step"},
        {
            "type": "finish",
            "finishReason": "stop",
            "messageMetadata": {"usage": USAGE, "outputs": {"n": 1}, "model": "demo"},
        },
    ]


def test_what_comes_behind_tools_is_another_step() -> None:
    found = ToolStep("c", "find", {"a": 1}, done=True, result={"b": 2})
    chunks = stream(ToolStep("c", "find", {"a": 1}), found, TextStep("answer", "Hi"), DONE)
    assert kinds(chunks)[2:6] == ["tool-input-available", "tool-output-available", "finish-step", "start-step"]
    assert chunks[2]["providerExecuted"] is True
    assert chunks[3]["output"] == {"b": 2}


def test_a_tool_that_fails() -> None:
    chunks = stream(ToolStep("c", "find", {}, done=True, error="unavailable: no"), DONE)
    assert chunks[3] == {
        "type": "tool-output-error",
        "toolCallId": "c",
        "providerExecuted": True,
        "errorText": "unavailable: no",
    }


def test_the_apps_own_tools_are_left_to_it() -> None:
    chunks = stream(WaitStep((CallStep("c", "locate", '{"a": 1}', done=True),), (), USAGE, "Let me see."))
    assert kinds(chunks)[2:] == [
        "text-start",
        "text-delta",
        "text-end",
        "tool-input-available",
        "finish-step",
        "finish",
    ]
    assert chunks[5] == {"type": "tool-input-available", "toolCallId": "c", "toolName": "locate", "input": {"a": 1}}
    assert chunks[-1]["finishReason"] == "tool-calls"


def test_an_approval_and_its_refusal() -> None:
    chunks = Chunks("m", {"runId": "1"})
    asked = [*chunks.begin(), *chunks.take(WaitStep((), (ALLOW,), USAGE))]
    assert kinds(asked)[2:] == ["tool-input-available", "tool-approval-request", "finish-step", "finish"]
    assert (asked[3]["approvalId"], asked[3]["toolCallId"]) == ("q", "c")
    begun = chunks.begin()
    answered = chunks.resumed({"q": {"approved": False, "reason": "no"}, "other": 1})
    assert answered == [{"type": "tool-approval-response", "approvalId": "q", "approved": False, "reason": "no"}]
    refused = ToolStep("c", "refund", {}, done=True, error="a person refused this call: no")
    assert chunks.take(refused) == [{"type": "tool-output-denied", "toolCallId": "c"}]
    assert kinds(begun) == ["start", "start-step"]
    # The call was begun in an earlier step: what follows it need not begin another one.
    assert kinds(chunks.take(TextStep("answer", "Hi"))) == ["text-start", "text-delta"]


def test_a_question_is_data() -> None:
    when = Question("w", "ask", "day", "When?", {"type": "object"}, {"choices": []})
    chunks = stream(WaitStep((), (when,), USAGE))
    assert chunks[2]["type"] == "data-question"
    assert chunks[2]["id"] == chunks[2]["data"]["id"] == "w"
    assert chunks[2]["data"]["schema"] == {"type": "object"}
    assert chunks[-1]["finishReason"] == "other"


def test_passages_are_sources_once() -> None:
    web = {**HIT, "document_id": "e", "document": "https://example.com/a"}
    chunks = stream(CustomStep("retrieval.finished", "r", {"collection": "kb", "hits": [HIT, HIT, web]}), DONE)
    assert chunks[2] == {
        "type": "source-document",
        "sourceId": "d",
        "mediaType": "text/markdown",
        "filename": "a.md",
        "title": "a.md",
        "providerMetadata": {"girih": {"collection": "kb", "chunk_id": "c", "score": 0.5, "place": {"page": 1}}},
    }
    assert (chunks[3]["type"], chunks[3]["url"]) == ("source-url", "https://example.com/a")
    assert kinds(chunks)[4] == "finish-step"


@pytest.mark.parametrize(
    ("step", "last"),
    [
        (FailedStep("internal", "it failed"), {"type": "error", "errorText": "it failed (run 1)"}),
        (FailedStep("cancelled", "it was stopped", cancelled=True), {"type": "abort", "reason": "it was stopped"}),
    ],
)
def test_what_does_not_end_well(step: FailedStep, last: dict[str, str]) -> None:
    chunks = stream(TextStep("answer", "H"), ToolStep("c", "find", {}), step)
    assert kinds(chunks)[-4:-1] == ["tool-input-available", "tool-output-error", "finish-step"]
    assert chunks[-1] == last


@pytest.mark.parametrize(("more", "reason"), [({"refused": True}, "content-filter"), ({"cut_off": True}, "length")])
def test_why_an_answer_ended(more: dict[str, bool], reason: str) -> None:
    assert stream(DoneStep("answer", "Hi", {}, USAGE, **more))[-1]["finishReason"] == reason


def test_an_id_that_comes_again_is_another_call() -> None:
    done = ToolStep("c", "find", {}, done=True, result=1)
    numbers = [chunk["toolCallId"] for chunk in stream(done, done, DONE) if chunk["type"] == "tool-input-available"]
    assert numbers == ["c", "c-2"]


def test_a_call_of_the_apps_tool_comes_in_pieces() -> None:
    call = CallStep("c", "locate", '{"a": 1}', done=True)
    pieces = (CallStep("c", "locate", ""), CallStep("c", "locate", '{"a"'), CallStep("c", "locate", ": 1}"))
    chunks = stream(TextStep("answer", "Let me"), SaidStep("answer"), *pieces, call, WaitStep((call,), (), USAGE))
    assert kinds(chunks)[3:9] == [
        "text-delta", "text-end", "tool-input-start", "tool-input-delta", "tool-input-delta", "tool-input-available",
    ]  # fmt: skip
    assert chunks[5] == {"type": "tool-input-start", "toolCallId": "c", "toolName": "locate"}
    assert chunks[6] == {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": '{"a"'}
    assert chunks[8] == {"type": "tool-input-available", "toolCallId": "c", "toolName": "locate", "input": {"a": 1}}


@pytest.mark.parametrize(
    "end", [DroppedStep("c", "locate", '{"a"', "it did not fit"), FailedStep("internal", "it failed", usage=USAGE)]
)
def test_a_call_that_comes_to_nothing_is_an_error_that_asks_for_no_result(end: ChatStep) -> None:
    chunks = stream(CallStep("c", "locate", '{"a"'), end)
    (error,) = [chunk for chunk in chunks if chunk["type"] == "tool-input-error"]
    assert error["toolCallId"] == "c"
    assert "tool-input-available" not in kinds(chunks)
