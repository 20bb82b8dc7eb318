"""Steps of chats, whatever comes: for tests of what doors say of them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

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

USAGE: Any = {"input_tokens": 3, "output_tokens": 5, "cost_usd": 0.0}
HIT = {"chunk_id": "c", "document_id": "d", "document": "a.md", "text": "t", "score": 0.5, "place": {"page": 1}}
VALUES = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
ARGUMENTS = st.dictionaries(st.text(max_size=3), VALUES, max_size=2)
OWN = st.sampled_from(["call_1", "call_2", "call_3"])
"""The ids of calls that a model makes up: they may come again."""
TEXTS = st.builds(TextStep, st.just("answer"), st.text(max_size=6))
TOOLS = st.builds(
    ToolStep,
    OWN,
    st.just("find"),
    ARGUMENTS,
    done=st.booleans(),
    result=VALUES,
    error=st.none() | st.text(max_size=5),
)
APPS = st.sampled_from(["app_1", "app_2"])
"""The ids of calls of the app's tools."""
PIECES = st.one_of(
    st.builds(CallStep, APPS, st.just("locate"), st.sampled_from(["", " "])),
    st.builds(DroppedStep, APPS, st.just("locate"), st.just('{"a'), st.just("it did not fit")),
    st.builds(SaidStep, st.just("answer")),
)
NODES = st.sampled_from(["a", "b", "b/inner"])
CUSTOM = st.one_of(
    st.builds(CustomStep, st.sampled_from(["node.started", "node.finished", "node.failed"]), NODES, st.just({})),
    st.builds(CustomStep, st.just("state.updated"), NODES, st.builds(lambda v: {"values": {"x": v}}, VALUES)),
    st.just(CustomStep("retrieval.finished", "a", {"collection": "kb", "query": "q", "hits": [HIT, HIT]})),
    st.builds(CustomStep, st.just("custom"), NODES, ARGUMENTS),
)


@st.composite
def waits(draw: st.DrawFn) -> WaitStep:
    """A wait for the app's tools, for people, or for both."""
    calls = draw(st.lists(APPS, unique=True))
    asked = draw(st.lists(st.sampled_from(["q1", "q2"]), unique=True, min_size=0 if calls else 1))
    return WaitStep(
        tuple(CallStep(call, "locate", json.dumps(draw(ARGUMENTS)), done=True) for call in calls),
        tuple(_question(number, draw(OWN | st.none())) for number in asked),
        USAGE,
        draw(st.sampled_from(["", "Let me see."])),
    )


def _question(number: str, call: str | None) -> Question:
    details: Any = {"tool": "refund", "arguments": {"order": 1}, "call_id": call} if call else {}
    return Question(number, "approve" if call else "ask", "a", "May I?", {"type": "object"}, details)


ENDS = st.one_of(
    st.builds(DoneStep, st.just("answer"), st.text(max_size=6), st.just({"text": "t", "n": 1}), st.just(USAGE)),
    st.builds(FailedStep, st.just("internal"), st.just("it failed"), cancelled=st.booleans(), usage=st.just(USAGE)),
    waits(),
)
STEPS: st.SearchStrategy[list[ChatStep]] = st.lists(TEXTS | TOOLS | PIECES | CUSTOM, max_size=14)
"""What happens before a turn ends."""
