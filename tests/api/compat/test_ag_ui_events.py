"""What the AG-UI door says of a chat's steps: sound streams, whatever comes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ag_ui_validate.pytest_plugin import validate_agui
from hypothesis import given
from hypothesis import strategies as st
from tests.api.compat.chat_steps import ENDS, STEPS, USAGE

from girih.api.compat.ag_ui.events import Events
from girih.api.compat.ag_ui.state import State
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

RUN = {"threadId": "t", "runId": "r", "metadata": {"runId": "1"}}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DONE = DoneStep("answer", "Hi", {"text": "Hi"}, USAGE, "demo")


def merge(values: Any, writes: Any) -> Any:
    return {**values, **dict(writes)}


def stream(*steps: ChatStep, state: dict[str, Any] | None = None) -> list[Any]:
    events = Events(RUN, State(state or {}, merge))
    said = [*events.begin(), *(one for step in steps for one in events.take(step))]
    return [events.dated(one, NOW) for one in said]


def kinds(events: list[Any]) -> list[str]:
    return [event["type"] for event in events]


def findings(events: list[Any]) -> list[str]:
    report = validate_agui(events)
    assert not report.internal_errors
    return [f"{one.severity} {one.rule}: {one.message}" for one in report.diagnostics]


@given(STEPS, ENDS, st.dictionaries(st.sampled_from(["x", "y"]), st.integers()))
def test_whatever_comes_makes_a_stream_that_the_validator_accepts(
    steps: list[ChatStep], end: ChatStep, state: dict[str, Any]
) -> None:
    assert not findings(stream(*steps, end, state=state))


def test_text_is_a_message_that_ends_before_the_run() -> None:
    events = stream(TextStep("answer", "H"), TextStep("answer", "i"), DONE)
    assert kinds(events) == [
        "RUN_STARTED",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "RUN_FINISHED",
    ]
    assert events[1]["messageId"] == "answer"
    assert events[-1]["outcome"] == {"type": "success"}
    assert events[-1]["result"] == {"text": "Hi"}
    assert events[-1]["usage"] == [{"inputTokens": 3, "outputTokens": 5, "model": "demo"}]


def test_text_behind_a_call_is_a_message_of_its_own() -> None:
    call = ToolStep("c", "find", {"a": 1})
    found = ToolStep("c", "find", {"a": 1}, done=True, result={"b": 2})
    events = stream(TextStep("answer", "H"), call, found, TextStep("answer", "i"), DONE)
    messages = [event["messageId"] for event in events if event["type"] == "TEXT_MESSAGE_START"]
    assert messages == ["answer", "answer-2"]
    started = next(event for event in events if event["type"] == "TOOL_CALL_START")
    assert started["parentMessageId"] == "answer"
    result = next(event for event in events if event["type"] == "TOOL_CALL_RESULT")
    assert (result["toolCallId"], result["content"]) == ("c", '{"b":2}')


def test_a_wait_for_the_apps_tools_names_the_calls() -> None:
    wait = WaitStep((CallStep("app", "locate", "{}", done=True),), (), USAGE, "Let me see.")
    events = stream(wait)
    assert events[-1]["outcome"] == {"type": "success", "pendingToolCallIds": ["app"]}
    assert "RUN_STARTED TEXT_MESSAGE_START TEXT_MESSAGE_CONTENT TEXT_MESSAGE_END TOOL_CALL_START" in " ".join(
        kinds(events)
    )


def test_questions_are_interrupts() -> None:
    allow = Question("q", "approve", "desk", "May I?", {"type": "object"}, {"tool": "refund", "call_id": "c"})
    when = Question("w", "ask", "desk", "When?", {"type": "object"}, {})
    events = stream(WaitStep((), (allow, when), USAGE))
    first, second = events[-1]["outcome"]["interrupts"]
    assert (first["id"], first["reason"], first["toolCallId"]) == ("q", "approve", "c")
    assert (second["id"], second["message"], second["responseSchema"]) == ("w", "When?", {"type": "object"})
    assert "toolCallId" not in second


def test_a_call_that_was_allowed_ends_under_its_own_id() -> None:
    """Although the model has used that id before."""
    allow = Question("q", "approve", "desk", "May I?", {}, {"tool": "refund", "call_id": "c"})
    before = ToolStep("c", "find", {}, done=True, result=1)
    events = Events(RUN, State({}, merge))
    said = [*events.begin(), *events.take(before), *events.take(WaitStep((), (allow,), USAGE))]
    number = said[-1]["outcome"]["interrupts"][0]["toolCallId"]
    assert number == "c-2"
    events.begin()
    assert events.take(ToolStep("c-2", "refund", {}, done=True, result=2))[0]["toolCallId"] == number


@pytest.mark.parametrize(("cancelled", "kind"), [(True, "RUN_FINISHED"), (False, "RUN_ERROR")])
def test_a_run_that_does_not_end_well(cancelled: bool, kind: str) -> None:
    events = stream(
        CustomStep("node.started", "a", {}),
        ToolStep("c", "find", {}),
        FailedStep("internal", "it failed", cancelled=cancelled, usage=USAGE),
    )
    assert kinds(events)[-3:] == ["STEP_FINISHED", "TOOL_CALL_RESULT", kind]
    if cancelled:
        assert events[-1]["outcome"] == {"type": "cancelled"}
    else:
        assert (events[-1]["message"], events[-1]["code"]) == ("it failed", "internal")
        assert events[-1]["metadata"] == {"runId": "1"}


def test_writes_are_patches_of_the_state() -> None:
    def write(values: Any, node: str = "a") -> CustomStep:
        return CustomStep("state.updated", node, {"values": values})

    events = stream(
        write({"x/y": 1, "messages": []}), write({"x/y": 1}), write({"z": 2}, "b/inner"), DONE, state={"z": 0}
    )
    assert events[1] == {"type": "STATE_SNAPSHOT", "snapshot": {"z": 0}, "timestamp": 1767225600000}
    deltas = [event["delta"] for event in events if event["type"] == "STATE_DELTA"]
    assert deltas == [[{"op": "add", "path": "/x~1y", "value": 1}]]


def test_a_call_of_the_apps_tool_comes_in_pieces() -> None:
    call = CallStep("c", "locate", '{"a": 1}', done=True)
    pieces = (CallStep("c", "locate", '{"a"'), CallStep("c", "locate", ": 1}"))
    events = stream(TextStep("answer", "Let me"), SaidStep("answer"), *pieces, call, WaitStep((call,), (), USAGE))
    start, first, second, end, finished = events[-5:]
    assert kinds([start, end, finished]) == ["TOOL_CALL_START", "TOOL_CALL_END", "RUN_FINISHED"]
    assert first["delta"] + second["delta"] == call.arguments
    assert finished["outcome"]["pendingToolCallIds"] == ["c"]
    assert not findings(events)


def test_what_is_said_behind_calls_is_a_message_of_its_own_and_a_dropped_call_has_a_result() -> None:
    dropped = DroppedStep("c", "locate", '{"a"', "it did not fit")
    said = (TextStep("answer", "Let me"), SaidStep("answer"), CallStep("c", "locate", '{"a"'), dropped)
    events = stream(*said, TextStep("answer", "Hi"), DONE)
    starts = [event["messageId"] for event in events if event["type"] == "TEXT_MESSAGE_START"]
    assert starts == ["answer", "answer-2"]
    (result,) = [event for event in events if event["type"] == "TOOL_CALL_RESULT"]
    assert result["content"] == "Error: it did not fit"
    assert not findings(events)
