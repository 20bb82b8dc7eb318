"""Images and choices of tools on their way to a model: on OpenAI's protocol, in an envelope, and to the demo model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.providers.servers import Server, chunk, serving, streams, used

from girih.errors import NodeError
from girih.language.nodes.ports import (
    Image,
    Message,
    ModelDone,
    ModelEvent,
    ModelRequest,
    TextDelta,
    ToolCall,
    ToolSpec,
    Usage,
)
from girih.providers.models.chat import ModelOptions, make_models

DOT = Image("data:image/png;base64,iVBORw0KGgo=", "low")
FAR = Image("https://example.org/cat.jpg")
GOOD = (chunk("A dot."), chunk(finish="stop"), used(7, 2))
FIND = ToolSpec("find", "Finds an order.", {"type": "object", "properties": {"id": {"type": "string"}}})
NOTE = ToolSpec("note", "Notes a text.", {"type": "object", "properties": {"text": {"type": "string"}}})


async def ask(server: Server, *messages: Message, document: Any = None, **request: Any) -> list[ModelEvent]:
    options = ModelOptions(openai_api_key="sk", openai_base_url=f"{server.url}/v1", openai_model="test-model")
    models = make_models({"m": {"provider": "openai", **(document or {})}}, options)
    call = ModelRequest(("m",), messages or (Message("user", "Hi"),), **request)
    return [event async for event in models.stream(call)]


async def demo(*messages: Message, document: Any = None, **request: Any) -> tuple[str, ModelDone]:
    models = make_models({"m": {"provider": "demo", **(document or {})}}, ModelOptions())
    events = [event async for event in models.stream(ModelRequest(("m",), messages, **request))]
    done = events[-1]
    assert isinstance(done, ModelDone)
    return "".join(event.text for event in events if isinstance(event, TextDelta)), done


async def test_images_stand_behind_the_text_on_the_wire() -> None:
    async with serving(streams(*GOOD)) as server:
        await ask(server, Message("user", "What is it?", images=(DOT, FAR)), Message("user", "", images=(FAR,)))
    assert server.asked[0].json()["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": DOT.url, "detail": "low"}},
                {"type": "image_url", "image_url": {"url": FAR.url}},
            ],
        },
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": FAR.url}}]},
    ]


async def test_a_model_that_sees_nothing_refuses_images_before_it_is_asked() -> None:
    async with serving(streams(*GOOD)) as server:
        with pytest.raises(NodeError, match="model 'm' cannot be shown images") as refused:
            await ask(server, Message("user", "x", images=(DOT,)), document={"capabilities": {"images": "none"}})
        assert await ask(server, document={"capabilities": {"images": "none"}})
    assert refused.value.kind == "refused"
    assert len(server.asked) == 1


async def test_an_envelope_keeps_the_images() -> None:
    answer = chunk(json.dumps({"tool": "final_answer", "args": {"text": "ok"}}))
    async with serving(streams(answer, chunk(finish="stop"))) as server:
        said = (Message("user", "one", images=(DOT,)), Message("user", "two", images=(FAR,)))
        await ask(server, *said, tools=(FIND,), document={"capabilities": {"tools": "prompted"}})
    told = server.asked[0].json()["messages"][1]
    assert [block.get("text") or block["image_url"]["url"] for block in told["content"]] == [
        "one\n\ntwo",
        DOT.url,
        FAR.url,
    ]


async def test_the_demo_model_reads_the_text_and_counts_the_images() -> None:
    text, done = await demo(Message("user", "What is it?", images=(DOT, FAR)))
    assert text.endswith("It was shown 2 images.")
    alone, same = await demo(Message("user", "What is it?"))
    assert "image" not in alone
    assert done.usage.input_tokens == same.usage.input_tokens


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("note", {"type": "function", "function": {"name": "note"}}),
        (None, None),
    ],
)
async def test_a_choice_of_tools_goes_out_as_it_is_meant(choice: str | None, wire: Any) -> None:
    async with serving(streams(*GOOD)) as server:
        await ask(server, tools=(FIND, NOTE), tool_choice=choice)
    assert server.asked[0].json().get("tool_choice") == wire


@pytest.mark.parametrize(
    ("choice", "turns"),
    [
        ("auto", ["find", "note", "final_answer"]),
        ("required", ["find", "note"]),
        ("note", ["note"]),
        ("none", ["final_answer"]),
    ],
)
async def test_an_envelope_offers_what_the_choice_leaves(choice: str, turns: list[str]) -> None:
    arguments = {"text": "x"} if turns[-1] != "find" else {}
    answer = streams(chunk(json.dumps({"tool": turns[-1], "args": arguments})), chunk(finish="stop"))
    async with serving(answer) as server:
        events = await ask(
            server, tools=(FIND, NOTE), tool_choice=choice, document={"capabilities": {"tools": "prompted"}}
        )
    body = server.asked[0].json()
    schema = body["response_format"]["json_schema"]["schema"]
    assert [turn["properties"]["tool"]["const"] for turn in schema["anyOf"]] == turns
    assert "tool_choice" not in body
    told = body["messages"][0]["content"]
    assert ("- find:" in told, "- note:" in told) == ("find" in turns, "note" in turns)
    assert ("final_answer" in told) == ("final_answer" in turns)
    done = events[-1]
    assert isinstance(done, ModelDone)
    assert [call.name for call in done.calls] == [name for name in turns[-1:] if name != "final_answer"]


@pytest.mark.parametrize("tools", ["native", "prompted"])
async def test_the_demo_model_keeps_to_the_choice(tools: str) -> None:
    document = {"capabilities": {"tools": tools, "structured_output": "prompted"}}
    asked = Message("user", "Good morning")
    for choice, names in (("none", []), ("auto", []), ("required", ["find"]), ("note", ["note"])):
        _, done = await demo(asked, document=document, tools=(FIND, NOTE), tool_choice=choice)
        assert [call.name for call in done.calls] == names, choice


async def test_a_long_id_of_a_call_becomes_one_that_providers_take() -> None:
    long = f"call_{'0' * 32}_12345678"
    said = (
        Message("user", "Hi"),
        Message("assistant", "", (ToolCall(long, "find", {}), ToolCall("short", "note", {}))),
        Message("tool", "a", call_id=long),
        Message("tool", "b", call_id="short"),
    )
    async with serving(streams(*GOOD)) as server:
        await ask(server, *said, tools=(FIND, NOTE))
    _, assistant, first, second = server.asked[0].json()["messages"]
    ids = [call["id"] for call in assistant["tool_calls"]]
    assert ids == [first["tool_call_id"], second["tool_call_id"]]
    assert ids[1] == "short"
    assert len(ids[0]) <= 40


async def test_an_answer_that_was_cut_off_says_so() -> None:
    async with serving(streams(chunk("A d"), chunk(finish="length"), used(7, 2)), streams(*GOOD)) as server:
        cut, whole = (await ask(server))[-1], (await ask(server))[-1]
    assert cut == ModelDone(Usage(7, 2), "test-model", "openai", (), cut_off=True)
    assert whole == ModelDone(Usage(7, 2), "test-model", "openai")
