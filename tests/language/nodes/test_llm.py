"""What an `llm` node says to its model: a prompt, a conversation's last messages, or both."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from tests.language.nodes.fake_context import Turns, World, run, scope

from girih.errors import NodeError
from girih.language.nodes.llm import LlmConfig, LlmNode
from girih.language.nodes.ports import Message, ToolCall
from girih.language.spec.tree import JsonObject

NODE = LlmNode()
CALL = {"id": "c1", "name": "find", "arguments": {"n": 1}}
TALK: list[JsonObject] = [
    {"id": "1", "role": "user", "content": "Hi"},
    {"id": "2", "role": "assistant", "content": "", "calls": [CALL, {"id": "lost", "name": "find", "arguments": {}}]},
    {"id": "3", "role": "tool", "content": "found", "call_id": "c1"},
    {"id": "4", "role": "assistant", "content": "Hello!"},
    {"id": "5", "role": "user", "content": "And now?"},
]


async def asked(messages: Any, **written: Any) -> tuple[Message, ...]:
    world = World(Turns(["Yes."]))
    await run(NODE, {"llm": "small", "messages": "${ state.messages }", **written}, scope(), world, messages=messages)
    return world.models.requests[0].messages


async def test_a_conversation_in_place_of_a_prompt() -> None:
    assert await asked(TALK, system="Be brief.") == (
        Message("system", "Be brief."),
        Message("user", "Hi"),
        Message("assistant", "", (ToolCall("c1", "find", {"n": 1}),)),
        Message("tool", "found", call_id="c1"),
        Message("assistant", "Hello!"),
        Message("user", "And now?"),
    )


async def test_only_the_last_messages_and_no_answer_without_its_call() -> None:
    assert await asked(TALK, history=3) == (Message("assistant", "Hello!"), Message("user", "And now?"))
    assert await asked(TALK, history=1, prompt="Sum up.") == (Message("user", "And now?"), Message("user", "Sum up."))
    assert await asked([], prompt="Hi") == (Message("user", "Hi"),)


def test_something_must_be_said() -> None:
    with pytest.raises(ValidationError) as caught:
        LlmConfig.model_validate({"llm": "small"})
    (fault,) = caught.value.errors()
    assert (fault["type"], fault["loc"]) == ("missing", ("prompt",))
    with pytest.raises(ValidationError, match="messages"):
        LlmConfig.model_validate({"llm": "small", "messages": 3})


async def test_what_all_repairs_cost_is_in_the_result_and_refusals_keep_their_kind() -> None:
    world = World(Turns(["no", '{"n": 1}']))
    result = await run(NODE, {"llm": "small", "prompt": "?", "returns": {"n": "integer"}}, scope(), world)
    assert result == {"n": 1, "usage": {"input_tokens": 20, "output_tokens": 4, "cost_usd": 1.0}}
    with pytest.raises(NodeError) as caught:
        await run(NODE, {"llm": "small", "prompt": "?"}, scope(), World(Turns([NodeError("refused", "no")])))
    assert caught.value.kind == "refused"
