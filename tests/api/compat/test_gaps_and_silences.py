"""What each door says where a part of a run's log is no longer kept, where nothing happens, and where it cannot go on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from girih.api.compat.ag_ui.events import Events
from girih.api.compat.ag_ui.state import State
from girih.api.compat.ai_sdk.chunks import Chunks
from girih.api.compat.langgraph.frames import START
from girih.api.compat.langgraph.speaking import RunSpeaker
from girih.api.compat.langgraph.waiting import ValuesSpeaker
from girih.api.compat.turns import TurnSpeaker
from girih.engine.events import NewEvent, RunEvent
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Catalog
from girih.services.agents.files import to_workspace
from girih.services.runs.conversations import Turn
from girih.services.runs.reader import GAP
from girih.services.runs.run_view import RunView
from girih.services.runs.schemas import RunOut

RUN = "01a20069-242f-738a-8f66-1ee42f8022aa"
TALK = """
kind: graph/v1
name: talk
inputs: { question: string }
chat: { input: question, output: text }
state: { seen: { type: integer, default: 3 } }
use: { model: model://demo }
nodes:
  answer: { llm: model, prompt: "${ inputs.question }", next: $end }
outputs: { text: "${ answer.text }" }
"""


def plan() -> Plan:
    return compile_workspace(to_workspace({"talk.yaml": TALK}), Catalog()).plans["talk"]


def event(seq: int, kind: str, **data: Any) -> RunEvent:
    return RunEvent(RUN, seq, 1, NewEvent(kind, data, datetime(2031, 5, 1, tzinfo=UTC)))


CUT = [event(40, GAP, **{"from": 1, "to": 40}), event(41, "run.finished", outputs={"text": "Hi"}, usage={})]


def view() -> RunView:
    run = RunOut(
        id=RUN,
        agent="talk",
        version="1.0.0",
        digest="d",
        status="succeeded",
        inputs={},
        attempt=1,
        created_at=datetime(2031, 5, 1, tzinfo=UTC),
    )
    return RunView(run, plan(), {}, None, (), goes_on=False)


def speaker(*modes: str) -> RunSpeaker:
    made = RunSpeaker(frozenset(modes), subgraphs=False, after=START, head=b"", until=None, feedback={})
    made.meet(view())
    return made


def test_of_a_run_whose_log_is_cut_langgraph_tells_the_end_alone() -> None:
    told = speaker("values", "updates", "messages-tuple", "debug")
    said = b"".join(told.say(one) for one in CUT).decode()
    assert [line for line in said.splitlines() if line.startswith("event:")] == ["event: end"]
    assert told.over


def test_whoever_waits_for_its_values_gets_its_outputs() -> None:
    told = ValuesSpeaker(START)
    told.meet(view())
    values = orjson.loads(b"".join(told.say(one) for one in CUT))
    assert values["text"] == "Hi"
    assert "seen" not in values


@pytest.mark.parametrize(
    ("words", "last"),
    [
        (lambda: Chunks("m", {"runId": RUN}), "error"),
        (lambda: Events({"threadId": "t", "runId": "r"}, State({}, lambda values, _: values)), "RUN_ERROR"),
    ],
)
def test_a_chat_is_told_that_its_stream_broke_off(words: Callable[[], Any], last: str) -> None:
    told = TurnSpeaker(Turn(RUN, plan()), words(), last=b"data: [DONE]\n\n")
    frames = [line[6:] for line in told.say(CUT[0]).decode().splitlines() if line]
    assert orjson.loads(frames[0])["type"] == last
    assert frames[-1] == "[DONE]"
    assert told.over


def test_silences_are_broken_by_what_is_no_frame() -> None:
    chunks = TurnSpeaker(Turn(RUN, plan()), Chunks("m", {"runId": RUN}))
    for one in (speaker("values"), chunks):
        assert one.ping().startswith(b":")
        assert one.ping().endswith(b"\n")
    waiting = ValuesSpeaker(START)
    waiting.meet(view())
    # What is sent meanwhile may stand before JSON.
    assert orjson.loads(waiting.ping() + b"".join(waiting.say(one) for one in CUT))
