"""A run's steps as a chat completion and as a response: whole, in pieces, and the same whenever they are read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response as OpenAIResponse

from girih.api.compat.openai.chat_frames import Deltas, Head, completion
from girih.api.compat.openai.chat_speaker import ChatSpeaker
from girih.api.compat.openai.response_frames import Response
from girih.api.compat.openai.response_request import DEFAULTS
from girih.api.compat.openai.response_sheet import sheet
from girih.api.compat.openai.response_speaker import ResponseSpeaker
from girih.api.compat.openai.turns import Turn
from girih.engine.events import NewEvent, RunEvent
from girih.services.runs.chat_steps import (
    CallStep,
    ChatStep,
    DoneStep,
    DroppedStep,
    FailedStep,
    Question,
    SaidStep,
    TextStep,
    ToolStep,
    WaitStep,
)
from girih.services.runs.schemas import RunOut

RUN = "0198f2f0-0000-7000-8000-000000000001"
HEX = RUN.replace("-", "")
AT = datetime(2026, 4, 24, tzinfo=UTC)
HEAD = Head(RUN, 0, int(AT.timestamp()), "assistant@1.0.0", "fp_1")
USAGE = {"input_tokens": 10, "output_tokens": 4}
CALL = CallStep("call_1", "add", '{"a": 1}', done=True)
WAIT = WaitStep((CALL,), usage={"input_tokens": 6, "output_tokens": 1}, said="Let me see.")
QUESTION = Question("01", "ask", "check", "May I?", {}, {})
DONE = DoneStep("m", "Hello there", {}, USAGE)

Script = Sequence[Sequence[ChatStep]]
PLAIN: Script = [[], [TextStep("m", "Hello ")], [TextStep("m", "there"), DONE]]
CALLED: Script = [[ToolStep("t", "own", {})], [CALL, WAIT], [], [TextStep("m", "Hello there"), DONE]]
REFUSED: Script = [[], [TextStep("m", "I will not"), DoneStep("m", "I will not", {}, USAGE, refused=True)]]
CUT: Script = [[TextStep("m", "Hel")], [DoneStep("m", "Hel", {}, USAGE, cut_off=True)]]
FAILED: Script = [[TextStep("m", "Hel")], [FailedStep("rate_limit", "too many", usage=USAGE)]]
BARRED: Script = [[], [FailedStep("refused", "personal data")]]
ASKED: Script = [[TextStep("m", "Hel")], [WaitStep((), (QUESTION,))], [], [TextStep("m", "lo"), DONE]]
PIECES: Script = [
    [TextStep("m", "Let me ")], [TextStep("m", "see."), CallStep("call_1", "add", "")],
    [CallStep("call_1", "add", '{"a"')], [CallStep("call_1", "add", ": 1}"), SaidStep("m")],
    [CALL, WaitStep((CALL,), usage={"input_tokens": 6, "output_tokens": 1})],
    [], [TextStep("m", "Hello there"), DONE],
]  # fmt: skip
UNFIT: Script = [
    [TextStep("m", "One."), CallStep("call_0", "add", '{"b"')], [SaidStep("m")],
    [DroppedStep("call_0", "add", '{"b"', "it did not fit"), TextStep("m", "Two."), SaidStep("m")],
    [CallStep("call_1", "add", '{"a": 1}')], [CALL, WaitStep((CALL,), usage=USAGE)],
]  # fmt: skip
SCRIPTS = {
    "pieces": PIECES,
    "unfit": UNFIT,
    "plain": PLAIN,
    "called": CALLED,
    "refused": REFUSED,
    "cut": CUT,
    "failed": FAILED,
    "barred": BARRED,
}


class Scripted:
    """A fold that says what a test wants for each event."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def take(self, event: RunEvent) -> list[ChatStep]:
        return list(self._script[event.seq - 1])


def events(script: Script) -> list[RunEvent]:
    return [
        RunEvent(RUN, seq, 1, NewEvent("custom", {}, AT + timedelta(seconds=seq))) for seq in range(1, len(script) + 1)
    ]


def run_out(**more: Any) -> RunOut:
    known = {"id": RUN, "agent": "assistant", "version": "1.0.0", "digest": "sha256:1", "status": "running"}
    return RunOut.model_validate({**known, "inputs": {}, "created_at": AT, **more})


def response(script: Script, number: int = 0, **turn: Any) -> Response:
    return Response(Turn(Scripted(script), number, **turn), run_out())


def streamed(script: Script, after: int = -1, number: int = 0, **turn: Any) -> list[dict[str, Any]]:
    speaker = ResponseSpeaker(response(script, number, **turn), after)
    said = speaker.begin()
    for event in events(script):
        if speaker.over:
            break
        said += speaker.say(event)
    frames = [frame.split(b"data: ", 1)[1] for frame in said.split(b"\n\n") if frame]
    return [orjson.loads(frame) for frame in frames if frame != b"[DONE]"]


def chunks(script: Script, *, with_usage: bool = False, **turn: Any) -> list[dict[str, Any]]:
    speaker = ChatSpeaker(Turn(Scripted(script), **turn), HEAD, with_usage=with_usage)
    said = speaker.begin()
    for event in events(script):
        if not speaker.over:
            said += speaker.say(event)
    assert speaker.over
    frames = [frame.removeprefix(b"data: ") for frame in said.split(b"\n\n") if frame]
    return [orjson.loads(frame) for frame in frames if frame != b"[DONE]"]


def whole(script: Script, **turn: Any) -> ChatCompletion:
    deltas, of = Deltas(), Turn(Scripted(script), **turn)
    said = [delta for event in events(script) for delta in deltas.of(of.take(event))]
    return ChatCompletion.model_validate(completion(HEAD, said, deltas.reason or "", of.tokens))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (PLAIN, "stop"),
        (CALLED, "tool_calls"),
        (PIECES, "tool_calls"),
        (UNFIT, "tool_calls"),
        (REFUSED, "stop"),
        (CUT, "length"),
        (BARRED, "content_filter"),
    ],
)
def test_chunks_add_up_to_the_whole_completion(script: Script, reason: str) -> None:
    state = ChatCompletionStreamState()
    for chunk in chunks(script, with_usage=True):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    added, one = state.current_completion_snapshot, whole(script)
    assert added.choices[0].finish_reason == one.choices[0].finish_reason == reason
    assert (added.choices[0].message.content or "") == (one.choices[0].message.content or "")
    assert (added.choices[0].message.refusal or None) == one.choices[0].message.refusal
    assert added.usage == one.usage
    calls = [(c.id, c.function.name, c.function.arguments) for c in added.choices[0].message.tool_calls or ()]
    assert calls == [(c.id, c.function.name, c.function.arguments) for c in one.choices[0].message.tool_calls or ()]


def test_the_words_beside_a_call_are_content() -> None:
    message = whole(CALLED).choices[0].message
    assert message.content == "Let me see."
    assert message.tool_calls is not None
    assert message.tool_calls[0].id == "call_1"


def test_the_turn_behind_calls_is_a_completion_of_its_own() -> None:
    one = whole(CALLED, calls=["call_1"])
    assert one.choices[0].message.content == "Hello there"
    assert one.usage is not None
    assert (one.usage.prompt_tokens, one.usage.completion_tokens) == (4, 3)
    said = chunks(CALLED, calls=["call_1"])
    assert {chunk["id"] for chunk in said} == {f"chatcmpl-{HEX}-1"}
    assert said[0]["created"] == int(AT.timestamp()) + 3


def test_without_usage_no_chunk_speaks_of_it() -> None:
    assert all("usage" not in chunk for chunk in chunks(PLAIN))
    with_usage = chunks(PLAIN, with_usage=True)
    assert [chunk["usage"] for chunk in with_usage[:-1]] == [None] * (len(with_usage) - 1)
    assert with_usage[-1]["choices"] == []


@pytest.mark.parametrize(("script", "code"), [(FAILED, "rate_limit"), (ASKED, "run_interrupted")])
def test_what_is_no_answer_ends_a_stream_with_an_error(script: Script, code: str) -> None:
    last = chunks(script)[-1]
    assert last["error"]["code"] == code
    assert RUN in last["error"]["message"]


def test_a_stream_that_comes_after_the_answer_goes_on_behind_the_question() -> None:
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks(ASKED, settled=["01"]))
    assert text == "Hello"


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_response_is_in_its_last_event_as_it_is_read_later(name: str) -> None:
    script = SCRIPTS[name]
    said = streamed(script)
    assert [event["sequence_number"] for event in said] == list(range(len(said)))
    assert [event["type"] for event in said[:2]] == ["response.created", "response.in_progress"]
    later = response(script)
    later.begin()
    for event in events(script):
        later.take(event)
    assert said[-1]["response"] == later.shown()
    OpenAIResponse.model_validate(later.shown())


@pytest.mark.parametrize(
    ("script", "status", "kind"),
    [
        (PLAIN, "completed", "completed"),
        (CALLED, "completed", "completed"),
        (REFUSED, "completed", "completed"),
        (CUT, "incomplete", "incomplete"),
        (FAILED, "failed", "failed"),
        (BARRED, "incomplete", "incomplete"),
        ([[TextStep("m", "x")], [FailedStep("cancelled", "stopped", cancelled=True)]], "cancelled", "failed"),
    ],
)
def test_how_a_response_ends(script: Script, status: str, kind: str) -> None:
    last = streamed(script)[-1]
    assert last["type"] == f"response.{kind}"
    assert last["response"]["status"] == status


def test_a_call_comes_in_the_pieces_in_which_it_was_written() -> None:
    said = [c["choices"][0]["delta"].get("tool_calls", [{}])[0] for c in chunks(PIECES)]
    assert [piece["function"]["arguments"] for piece in said if piece] == ["", '{"a"', ": 1}"]
    kinds = [event["type"].removeprefix("response.") for event in streamed(PIECES)]
    arguments = [*["function_call_arguments.delta"] * 2, "function_call_arguments.done"]
    assert kinds[-6:] == ["output_item.added", *arguments, "output_item.done", "completed"]


def test_what_goes_with_calls_is_a_paragraph_or_an_item_and_a_dropped_call_is_not_whole() -> None:
    assert whole(UNFIT).choices[0].message.content == "One.\n\nTwo."
    output = streamed(UNFIT)[-1]["response"]["output"]
    assert [(item["type"], item["status"]) for item in output] == [
        ("message", "completed"),
        ("function_call", "incomplete"),
        ("message", "completed"),
        ("function_call", "completed"),
    ]


def test_items_grow_in_order_and_end() -> None:
    kinds = [event["type"].removeprefix("response.") for event in streamed(CALLED)]
    message = ["output_item.added", "content_part.added", "output_text.delta"]
    ended = ["output_text.done", "content_part.done", "output_item.done"]
    arguments = ["function_call_arguments.delta", "function_call_arguments.done"]
    assert kinds == [
        "created", "in_progress", *message, *ended, "output_item.added", *arguments, "output_item.done", "completed",
    ]  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
@given(after=st.integers(-1, 30))
def test_a_stream_read_again_is_the_same_behind_any_number(name: str, after: int) -> None:
    script = SCRIPTS[name]
    assert streamed(script, after) == [event for event in streamed(script) if event["sequence_number"] > after]


def test_the_second_turn_is_a_response_of_its_own() -> None:
    first, second = streamed(CALLED)[-1]["response"], streamed(CALLED, number=1)[-1]["response"]
    assert (first["id"], second["id"]) == (f"resp_{HEX}", f"resp_{HEX}_1")
    assert second["previous_response_id"] == first["id"]
    assert second["usage"]["input_tokens"] == 4
    assert not {item["id"] for item in first["output"]} & {item["id"] for item in second["output"]}


def test_a_question_to_a_person_is_an_error_whose_number_is_left_out_later() -> None:
    live = streamed(ASKED)
    assert live[-1]["type"] == "error"
    assert "POST /v1/interrupts/01/answer" in live[-1]["error"]["message"]
    later = streamed(ASKED, settled=["01"])
    numbers = [event["sequence_number"] for event in later]
    assert live[-1]["sequence_number"] not in numbers
    assert later[: len(live) - 1] == live[:-1]
    assert later[-1]["type"] == "response.completed"
    assert streamed(ASKED, live[-1]["sequence_number"], settled=["01"])[0]["delta"] == "lo"


def test_what_runs_of_other_doors_were_not_asked_has_its_default() -> None:
    shown = sheet(run_out(metadata={"a": "b"}), 0)
    assert {name: shown[name] for name in DEFAULTS} == DEFAULTS
    assert shown["metadata"] == {"a": "b"}
