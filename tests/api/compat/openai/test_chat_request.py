"""What a chat completion may ask for, and that everything else is refused by its name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from girih.api.compat.openai.chat_request import ChatRequest, read_chat
from girih.api.compat.openai.fields import Fields
from girih.errors import InvalidInput
from girih.services.runs.chat_schemas import ChatCall, ImagePart, TextPart

USER = {"role": "user", "content": "Hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "2"}
TOOL = {"type": "function", "function": {"name": "add", "description": "Adds", "parameters": {"type": "object"}}}
PNG = "data:image/png;base64,iVBORw0KGgo="


def asked(**more: object) -> ChatRequest:
    return read_chat({"model": "assistant", "messages": [USER]} | more, None)


def refused(**more: object) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        asked(**more)
    return caught.value


def test_messages_become_instructions_and_what_was_said() -> None:
    said = asked(
        messages=[
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": PNG}}],
            },
            {"role": "assistant", "content": None, "refusal": None, "annotations": [], "tool_calls": [CALL]},
            {**RESULT, "content": [{"type": "text", "text": "2"}]},
            {"role": "system", "content": [{"type": "text", "text": "And kind."}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Two."}]},
            USER,
        ]
    ).said
    assert said.instructions == "Be brief.\n\nAnd kind."
    see, called, result, two, hello = said.messages
    assert see.content == [TextPart(text="See"), ImagePart(url=PNG)]
    assert called.calls == [ChatCall(id="call_1", name="add", arguments={"a": 1})]
    assert (result.role, result.call_id, result.content) == ("tool", "call_1", "2")
    assert (two.content, hello.content) == ("Two.", "Hello")
    assert said.results == []


def test_results_at_the_end_are_those_a_run_may_wait_for() -> None:
    said = asked(messages=[USER, {"role": "assistant", "tool_calls": [CALL]}, RESULT]).said
    assert [message.call_id for message in said.results] == ["call_1"]


def test_settings_go_to_the_models_by_their_own_names() -> None:
    client = asked(
        temperature=0.5, top_p=1, presence_penalty=-1, frequency_penalty=0, seed=7, stop="END", max_tokens=5,
        reasoning_effort="low", verbosity="low", parallel_tool_calls=False, tools=[TOOL], tool_choice="required",
    ).client  # fmt: skip
    assert client.params == {
        "temperature": 0.5, "top_p": 1, "presence_penalty": -1, "frequency_penalty": 0, "seed": 7, "stop": ["END"],
        "max_tokens": 5, "reasoning_effort": "low", "verbosity": "low", "parallel_tool_calls": False,
    }  # fmt: skip
    assert [tool.name for tool in client.tools] == ["add"]
    assert client.tool_choice == "required"


def test_a_tool_can_be_chosen_by_its_name() -> None:
    named = {"type": "function", "function": {"name": "add"}}
    assert asked(tools=[TOOL], tool_choice=named).client.tool_choice == "add"
    assert refused(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "sub"}}).details["param"]


def test_formats() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    assert asked(response_format=wanted).client.format == schema
    assert asked(response_format={"type": "json_object"}).client.format == {"type": "object"}
    assert asked(response_format={"type": "text"}).client.format is None


NEUTRAL = {
    "n": 1, "logprobs": False, "top_logprobs": 0, "logit_bias": {}, "modalities": ["text"], "audio": None,
    "prediction": None, "service_tier": "auto", "store": False, "stream": False, "parallel_tool_calls": True,
    "functions": None, "tools": [], "stop": None, "stream_options": None, "user": None, "metadata": {},
}  # fmt: skip


@pytest.mark.parametrize("name", NEUTRAL)
def test_what_asks_for_nothing_is_taken(name: str) -> None:
    assert asked(**{name: NEUTRAL[name]}).client.params == {}


REFUSED = {
    "n": 2, "logprobs": True, "top_logprobs": 3, "logit_bias": {"50256": -100}, "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"}, "prediction": {"type": "content", "content": "x"},
    "web_search_options": {}, "functions": [{"name": "x"}], "function_call": "auto", "service_tier": "flex",
    "prompt_cache_key": "k", "safety_identifier": "s", "temperature": 3, "top_p": "1", "seed": 1.5, "stop": [1],
    "max_tokens": 0, "tool_choice": "sometimes", "metadata": {"a": 1}, "stream": "yes", "user": 5, "tools": [{}],
    "response_format": {"type": "grammar"}, "stream_options": {"include_usage": True}, "temprature": 1,
    "messages": [], "model": None, "parallel_tool_calls": "no", "inputs": [],
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_by_its_name(name: str) -> None:
    fault = refused(**{name: REFUSED[name]})
    assert str(fault.details["param"]).startswith(name)
    assert name in fault.message


PLACES = [
    ([{"role": "critic", "content": "x"}], "messages[0].role"),
    ([{"content": "x"}], "messages[0].role"),
    ([USER | {"content": 5}], "messages[0].content"),
    ([USER | {"content": []}], "messages[0].content"),
    ([USER | {"name": "Ada"}], "messages[0].name"),
    ([USER | {"mood": "x"}], "messages[0].mood"),
    ([USER | {"content": [{"type": "input_audio", "input_audio": {}}]}], "messages[0].content[0].type"),
    ([USER | {"content": [{"type": "file", "file": {}}]}], "messages[0].content[0].type"),
    ([USER | {"content": [{"type": "text"}]}], "messages[0].content[0].text"),
    ([USER | {"content": [{"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,AA=="}}]}],
     "messages[0].content[0].image_url.url"),
    ([USER | {"content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,A"}}]}],
     "messages[0].content[0].image_url.url"),
    ([USER | {"content": [{"type": "image_url", "image_url": {"url": "http://example.com/a.png"}}]}],
     "messages[0].content[0].image_url.url"),
    ([USER, {"role": "assistant", "content": "x"}], "messages"),
    ([{"role": "system", "content": "x"}], "messages"),
    ([USER, RESULT], "messages"),
    ([USER, {"role": "assistant", "tool_calls": [CALL]}, USER], "messages"),
    ([USER, {"role": "assistant", "tool_calls": [CALL, CALL | {"id": "call_2"}]}, RESULT], "messages"),
    ([USER, {"role": "assistant", "tool_calls": [CALL | {"function": {"name": "add", "arguments": "{"}}]}, RESULT],
     "messages[1].tool_calls[0].function.arguments"),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "place"), PLACES)
def test_a_message_that_is_wrong_is_named_by_its_place(messages: list[object], place: str) -> None:
    assert refused(messages=messages).details["param"] == place


def test_on_a_thread_only_what_is_new_is_sent() -> None:
    number = "0198f2f0-0000-7000-8000-000000000000"
    request = read_chat({"model": "assistant", "messages": [RESULT]}, number)
    assert str(request.thread_id) == number
    with pytest.raises(InvalidInput, match="thread"):
        read_chat({"model": "assistant", "messages": [USER]}, "no id")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*REFUSED, *NEUTRAL, "role", "content", "type", "tool_calls", "image_url", "json_schema"])


@given(st.one_of(JSON, st.dictionaries(NAMES, JSON | st.dictionaries(NAMES, JSON, max_size=4), max_size=6)))
def test_nothing_but_a_refusal_comes_of_any_body(body: object) -> None:
    whole = {"model": "m", "messages": [USER], **body} if isinstance(body, dict) else body
    try:
        read_chat(whole, None)
    except InvalidInput as fault:
        assert fault.message


def test_a_field_that_nobody_read_is_refused_unless_it_is_null() -> None:
    Fields({"a": None}).end()
    with pytest.raises(InvalidInput, match="b"):
        Fields({"b": 1}).end()
