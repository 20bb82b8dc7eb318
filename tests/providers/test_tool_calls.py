"""Tools through the chat port: native ones on OpenAI's protocol, and by an envelope where a model has none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.providers.servers import Asked, Server, chunk, says, serving, streams, used

from girih.errors import NodeError
from girih.language.nodes.ports import (
    Message,
    ModelDone,
    ModelEvent,
    ModelRequest,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolSpec,
    Usage,
)
from girih.providers.models.chat import ModelOptions, make_models
from girih.providers.models.envelope import envelope_schema

FIND = ToolSpec(
    "find_order",
    "Finds an order.",
    {
        "type": "object",
        "properties": {"order_id": {"type": "string"}},
        "required": ["order_id"],
        "additionalProperties": False,
    },
)
NOTE = ToolSpec("note", "Notes something.", {"type": "object", "properties": {"text": {"type": "string"}}})
ANSWER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


def part(index: int, arguments: str, id: str | None = None, name: str | None = None) -> dict[str, Any]:
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"index": index, "function": function} | ({"id": id, "type": "function"} if id else {})


def calling(*parts: dict[str, Any]) -> dict[str, Any]:
    return chunk(tool_calls=list(parts))


async def ask(server: Server, *messages: Message, document: Any = None, **request: Any) -> list[ModelEvent]:
    options = ModelOptions(openai_api_key="sk", openai_base_url=f"{server.url}/v1", openai_model="test-model")
    models = make_models({"m": {"provider": "openai", **(document or {})}}, options)
    call = ModelRequest(("m",), messages or (Message("user", "Where is A-1?"),), **request)
    return [event async for event in models.stream(call)]


async def test_calls_stream_and_are_put_together() -> None:
    answer = streams(
        chunk("Let me see."),
        calling(part(0, "", "call_a", "find_order")),
        calling(part(0, '{"order')),
        calling(part(0, '_id": "A-1"}'), part(1, "", "call_b", "note")),
        calling(part(1, '{"text": "x"}')),
        chunk(finish="tool_calls"),
        used(20, 9),
    )
    async with serving(answer) as server:
        events = await ask(server, tools=(FIND, NOTE))
    body = server.asked[0].json()
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "find_order",
                "description": "Finds an order.",
                "parameters": FIND.parameters,
                "strict": True,
            },
        },
        {
            "type": "function",
            "function": {"name": "note", "description": "Notes something.", "parameters": NOTE.parameters},
        },
    ]
    assert events == [
        TextDelta("Let me see."),
        ToolCallDelta(0, "", "call_a", "find_order"),
        ToolCallDelta(0, '{"order'),
        ToolCallDelta(0, '_id": "A-1"}'),
        ToolCallDelta(1, "", "call_b", "note"),
        ToolCallDelta(1, '{"text": "x"}'),
        ModelDone(
            Usage(20, 9),
            "test-model",
            "openai",
            (ToolCall("call_a", "find_order", {"order_id": "A-1"}), ToolCall("call_b", "note", {"text": "x"})),
        ),
    ]


@pytest.mark.parametrize(
    ("parts", "calls"),
    [
        ([part(0, '{"order_id"', "a", "find_order")], [("a", {}, 'the arguments are not JSON: {"order_id"')]),
        ([part(0, "[1]", "a", "find_order")], [("a", {}, "the arguments are not a JSON object: [1]")]),
        ([part(0, '{"n": NaN}', "a", "find_order")], [("a", {}, 'the arguments are not JSON: {"n": NaN}')]),
        ([part(0, "", "a", "find_order")], [("a", {}, None)]),
        (
            # Some servers number every call 0, repeat ids, or give none.
            [part(0, "{}", "a", "find_order"), part(0, "{}", "b", "find_order"), part(1, "{}", "a", "find_order")],
            [("a", {}, None), ("b", {}, None), ("a_2", {}, None)],
        ),
        ([part(0, "{}", None, "find_order")], [("call_0", {}, None)]),
    ],
    ids=["cut", "list", "nan", "none", "numbered-alike", "no-id"],
)
async def test_calls_as_servers_really_send_them(parts: list[dict[str, Any]], calls: list[Any]) -> None:
    async with serving(streams(*map(calling, parts), chunk(finish="tool_calls"))) as server:
        done = (await ask(server, tools=(FIND,)))[-1]
    assert isinstance(done, ModelDone)
    assert [(call.id, call.arguments, call.fault) for call in done.calls] == calls


async def test_more_calls_than_an_answer_may_hold() -> None:
    parts = [calling(part(index, "{}", f"c{index}", "find_order")) for index in range(70)]
    async with serving(streams(*parts, chunk(finish="tool_calls"))) as server:
        with pytest.raises(NodeError, match="more tool calls") as caught:
            await ask(server, tools=(FIND,))
    assert caught.value.kind == "invalid_output"


async def test_results_are_told_in_the_protocols_own_form() -> None:
    call = ToolCall("call_a", "find_order", {"order_id": "A-1"})
    talk = (
        Message("user", "Where is A-1?"),
        Message("assistant", "", (call,)),
        Message("tool", '{"state": "sent"}', call_id="call_a"),
    )
    async with serving(streams(chunk("Sent."), chunk(finish="stop"))) as server:
        await ask(server, *talk, tools=(FIND,), params={"parallel_tool_calls": False})
        await ask(server, *talk, params={"parallel_tool_calls": False})
    told = server.asked[0].json()
    assert told["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_a",
                    "type": "function",
                    "function": {"name": "find_order", "arguments": '{"order_id": "A-1"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_a", "content": '{"state": "sent"}'},
    ]
    assert told["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in server.asked[1].json()


PROMPTED = {"capabilities": {"tools": "prompted", "structured_output": "native"}}


def says_turn(data: Any) -> Any:
    text = data if isinstance(data, str) else json.dumps(data)
    return streams(chunk(text), chunk(finish="stop"), used(10, 5))


async def test_an_envelope_stands_in_for_tools() -> None:
    turns = (
        says_turn({"tool": "find_order", "args": {"order_id": "A-1"}}),
        says_turn({"tool": "final_answer", "args": {"text": "It was sent."}}),
    )
    async with serving(*turns) as server:
        first = await ask(server, document=PROMPTED, tools=(FIND,))
        call = ToolCall("call_1", "find_order", {"order_id": "A-1"})
        assert first == [
            ToolCallDelta(0, '{"order_id": "A-1"}', "call_1", "find_order"),
            ModelDone(Usage(10, 5), "test-model", "openai", (call,)),
        ]
        talk = (
            Message("system", "Be brief."),
            Message("user", "Where is A-1?"),
            Message("assistant", "", (call,)),
            Message("tool", '{"state": "sent"}', call_id="call_1"),
        )
        second = await ask(server, *talk, document=PROMPTED, tools=(FIND,))
    assert second == [TextDelta("It was sent."), ModelDone(Usage(10, 5), "test-model", "openai")]
    body = server.asked[0].json()
    assert "tools" not in body
    assert body["response_format"]["json_schema"]["schema"] == envelope_schema((FIND,), None)
    said = server.asked[1].json()["messages"]
    assert [message["role"] for message in said] == ["system", "user", "assistant", "user"]
    assert said[0]["content"].startswith("Be brief.\n\nYou may call")
    assert said[2]["content"] == '{"tool": "find_order", "args": {"order_id": "A-1"}}'
    assert said[3]["content"] == 'Result of find_order:\n{"state": "sent"}'


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ("I think I should look it up", "it is not JSON"),
        ('{"name": "find_order"}', 'it is not a JSON object with "tool" and "args"'),
        ('{"tool": "fly", "args": {}}', "there is no tool 'fly'; there are: find_order, final_answer"),
        ('{"tool": "find_order", "args": {}}', "args: 'order_id' is missing"),
    ],
)
async def test_what_is_no_envelope_is_sent_back_and_all_is_counted(wrong: str, fault: str) -> None:
    right = '```json\n{"tool": "final_answer", "args": {"n": 3.0}}\n```'
    document = {"capabilities": {"tools": "prompted", "structured_output": "prompted"}}
    async with serving(says_turn(wrong), says_turn(right)) as server:
        events = await ask(server, document=document, tools=(FIND,), schema=ANSWER)
    assert events == [TextDelta('{"n": 3}'), ModelDone(Usage(20, 10), "test-model", "openai")]
    assert "response_format" not in server.asked[0].json()
    back = server.asked[1].json()["messages"][-2:]
    assert back[0] == {"role": "assistant", "content": wrong}
    assert fault in back[1]["content"]


async def test_a_model_that_never_gives_an_envelope_fails_after_all_was_counted() -> None:
    events: list[ModelEvent] = []
    async with serving(says_turn("no")) as server:
        options = ModelOptions(openai_api_key="sk", openai_base_url=f"{server.url}/v1")
        models = make_models({"m": {"provider": "openai", **PROMPTED}}, options)
        request = ModelRequest(("m",), (Message("user", "Hi"),), tools=(FIND,))
        with pytest.raises(NodeError, match="neither a tool call nor an answer") as caught:
            async for event in models.stream(request):
                events.append(event)  # noqa: PERF401 - the failure comes behind the events
    assert caught.value.kind == "invalid_output"
    assert [event.usage for event in events if isinstance(event, ModelDone)] == [Usage(30, 15)]
    assert len(server.asked) == 3


async def test_a_fallback_is_asked_by_its_own_means() -> None:
    documents = {
        "a": {"provider": "openai", "model": "first"},
        "b": {"provider": "openai", "model": "second", **PROMPTED},
    }
    turn = says_turn({"tool": "final_answer", "args": {"text": "Yes."}})
    async with serving(says(503, "busy"), turn) as server:
        options = ModelOptions(openai_api_key="sk", openai_base_url=f"{server.url}/v1")
        request = ModelRequest(("a", "b"), (Message("user", "Hi"),), tools=(FIND,))
        events = [event async for event in make_models(documents, options).stream(request)]
    assert events[0] == TextDelta("Yes.")
    asked: list[Asked] = server.asked
    assert ["tools" in request.json() for request in asked] == [True, False]


async def test_structured_output_in_words_for_a_model_that_has_none() -> None:
    document = {"capabilities": {"structured_output": "prompted"}}
    async with serving(says_turn('{"n": 1}')) as server:
        await ask(server, document=document, schema=ANSWER)
    body = server.asked[0].json()
    assert "response_format" not in body
    assert body["messages"][0]["role"] == "system"
    assert json.dumps(ANSWER) in body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("ability", "request_"), [("tools", {"tools": (FIND,)}), ("structured_output", {"schema": ANSWER})]
)
async def test_what_a_model_cannot_do_is_refused_before_it_is_asked(ability: str, request_: dict[str, Any]) -> None:
    async with serving(says_turn("x")) as server:
        with pytest.raises(NodeError, match="cannot") as caught:
            await ask(server, document={"capabilities": {ability: "none"}}, **request_)
    assert (caught.value.kind, caught.value.can_pass) == ("refused", False)
    assert server.asked == []
