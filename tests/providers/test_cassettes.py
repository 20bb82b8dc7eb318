"""Cassettes: what was recorded plays back the same, no secret is on them, and nothing else is asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from girih.errors import NodeError
from girih.language.nodes.ports import (
    Message,
    ModelDone,
    ModelEvent,
    ModelRequest,
    TextDelta,
    ToolCall,
    ToolSpec,
    Usage,
)
from girih.providers.models.cassettes import Cassette, CassetteError, Hiding, PlayedModels, RecordingModels
from girih.providers.telemetry.secret_texts import HIDDEN

CANARY = "canary-4f1c9e7a55"
KEY = "sk-abcdefghijklmnopqrstuvwx"


class Model:
    """Counts its answers."""

    def __init__(self) -> None:
        self.asked = 0

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        self.asked += 1
        if "fail" in str(request.messages[0].content):
            raise NodeError("rate_limit", f"too many of {CANARY}", can_pass=True)
        yield TextDelta(f"answer {self.asked} ")
        yield TextDelta(f"with {CANARY}")
        yield ModelDone(Usage(5, 2, 0.25), "m-1", "p", (ToolCall("c1", "find", {"q": KEY}),))


def asked(text: str = "hello", **more: Any) -> ModelRequest:
    return ModelRequest(("small",), (Message("user", text),), **more)


async def events(models: Any, request: ModelRequest) -> list[ModelEvent]:
    return [event async for event in models.stream(request)]


async def recorded(*requests: ModelRequest) -> Cassette:
    cassette, hiding = Cassette(), Hiding([CANARY])
    models = RecordingModels(Model(), cassette, hiding)
    for request in requests:
        try:
            await events(models, request)
        except NodeError:
            continue
    return Cassette.read(cassette.text())


async def test_what_was_recorded_plays_back() -> None:
    tools = (ToolSpec("find", "Finds.", {"type": "object"}),)
    cassette = await recorded(asked(), asked(), asked(tools=tools, params={"temperature": 0.5}))
    models = PlayedModels(cassette, Hiding([CANARY]))
    texts = []
    for _ in range(3):
        said, done = await events(models, asked())
        assert isinstance(said, TextDelta)
        assert isinstance(done, ModelDone)
        assert (done.usage, done.model, done.provider) == (Usage(5, 2, 0.25), "m-1", "p")
        assert done.calls == (ToolCall("c1", "find", {"q": HIDDEN}),)
        texts.append(said.text)
    assert texts == [f"answer 1 with {HIDDEN}", f"answer 2 with {HIDDEN}", f"answer 2 with {HIDDEN}"]
    other, _ = await events(models, asked(tools=tools, params={"temperature": 0.5}))
    assert isinstance(other, TextDelta)
    assert other.text.startswith("answer 3")


async def test_a_failure_is_recorded_too() -> None:
    models = PlayedModels(await recorded(asked("fail")), Hiding([CANARY]))
    with pytest.raises(NodeError) as fault:
        await events(models, asked("fail"))
    assert (fault.value.kind, fault.value.can_pass) == ("rate_limit", True)


async def test_what_is_not_on_it_is_never_asked() -> None:
    models = PlayedModels(await recorded(asked()), Hiding())
    with pytest.raises(NodeError, match="not on the test's cassette"):
        await events(models, asked("something else"))


async def test_no_secret_is_on_it_wherever_it_stood() -> None:
    request = asked(
        f"my key is {KEY} and {CANARY}",
        params={"user": CANARY, CANARY: [KEY]},
        schema={"title": CANARY},
        tools=(ToolSpec("find", f"Bearer {KEY}", {"default": CANARY}),),
    )
    cassette = await recorded(request, asked(f"fail {CANARY}"))
    assert CANARY not in cassette.text()
    assert KEY not in cassette.text()
    assert await events(PlayedModels(cassette, Hiding([CANARY])), request)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=9), lambda x: st.lists(x) | st.dictionaries(st.text(max_size=9), x)
    )
)
def test_a_secret_is_hidden_in_any_data(value: Any) -> None:
    hidden = Hiding([CANARY])({CANARY: value, "x": [value, f"a{CANARY}b"]})
    assert CANARY not in json.dumps(hidden)


def test_short_values_of_the_environment_hide_nothing() -> None:
    assert Hiding(["a", "true", ""])("a true word") == "a true word"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cassette": 2, "calls": []}', '{"cassette": 1, "calls": [1]}'])
def test_what_is_no_cassette_is_refused(text: str) -> None:
    with pytest.raises(CassetteError):
        Cassette.read(text)
