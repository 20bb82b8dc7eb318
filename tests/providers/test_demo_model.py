"""The demo model as LangChain uses it: streaming, citations, structured output, tools, scripts, usage."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from girih.language.nodes.ports import Message, ModelDone, ModelRequest, TextDelta, ToolCall, ToolSpec
from girih.language.spec.conform import Contract
from girih.providers.models.chat import ModelOptions, make_models
from girih.providers.models.demo import DemoChatModel
from girih.providers.models.demo_answer import NO_ANSWER
from girih.providers.models.demo_reply import LABEL

PASSAGES = """Passages from the handbook:

[1] working-here.pdf, Leave

Everyone has 28 days of holiday in a full year. Whoever falls ill
on holiday gets the days back.

[2] returns.docx, The 30 days

You may return any article within 30 days after it arrived. Gold customers have 60 days.

[3] workshops.html

Dogs are welcome in the shop but not in the workshop room.

Question: """


def answer(prompt: str, **options: Any) -> AIMessage:
    return DemoChatModel(**options).invoke([SystemMessage("Use only the passages."), HumanMessage(prompt)])


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How many days of holiday do I have?", "Everyone has 28 days of holiday in a full year. [1]"),
        (
            "How long do I have to send it back?",
            "You may return any article within 30 days after it arrived. [2]",
        ),
        ("May I bring my dog to the workshop?", "Dogs are welcome in the shop but not in the workshop room. [3]"),
        ("What happens when I fall ill on holiday?", "Whoever falls ill on holiday gets the days back. [1]"),
    ],
)
def test_it_answers_with_the_sentence_that_meets_the_question(question: str, expected: str) -> None:
    assert str(answer(PASSAGES + question).content).startswith(f"{LABEL} {expected}")


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Australia?",
        "Who won the football world cup?",
        "How many days of parental leave do astronauts get on Mars?",
        "",
    ],
)
def test_it_says_plainly_that_the_passages_do_not_answer(question: str) -> None:
    assert answer(PASSAGES + question).content == f"{LABEL} {NO_ANSWER}"


def test_without_any_passage_it_does_not_answer_from_nowhere() -> None:
    empty = "Passages from the handbook:\n\n(no passage was found)\n\nQuestion: How long can I return it?"
    assert answer(empty).content == f"{LABEL} {NO_ANSWER}"


def test_it_names_itself_and_counts() -> None:
    message = answer(PASSAGES + "How many days of holiday do I have?")
    assert message.response_metadata["model_name"] == "demo"
    assert message.response_metadata["model_provider"] == "girih-demo"
    assert message.usage_metadata is not None
    assert message.usage_metadata["input_tokens"] > 40
    assert message.usage_metadata["output_tokens"] == len(str(message.content).split())


async def test_it_streams_the_same_text_it_gives_at_once() -> None:
    model, prompt = DemoChatModel(), [HumanMessage(PASSAGES + "Are dogs welcome?")]
    pieces = [str(chunk.content) async for chunk in model.astream(prompt)]
    assert len(pieces) > 5
    assert "".join(pieces) == model.invoke(prompt).content == (await model.ainvoke(prompt)).content


SCHEMA = {
    "type": "object",
    "properties": {
        "intent": {"enum": ["question", "refund", "complaint"]},
        "urgent": {"type": "boolean", "description": "Whether it cannot wait until tomorrow"},
        "order_id": {"type": "string"},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "required": ["intent", "urgent", "order_id", "confidence"],
}
SORT = """Sort a message.

- "refund": the customer wants money back or wants to return something.
- "complaint": the customer is unhappy about something that happened.
- "question": anything else.

Message: """


@pytest.mark.parametrize(
    ("message", "intent", "urgent"),
    [
        ("I want my money back for order A-1234", "refund", False),
        ("I am unhappy about order A-1234, it cannot wait until tomorrow", "complaint", True),
        ("Is order A-1234 on its way?", "question", False),
    ],
)
def test_structured_output(message: str, intent: str, urgent: bool) -> None:
    bound = DemoChatModel().bind(response_format={"type": "json_schema", "json_schema": {"schema": SCHEMA}})
    data = json.loads(str(bound.invoke([HumanMessage(SORT + message)]).content))
    assert (data["intent"], data["urgent"], data["order_id"]) == (intent, urgent, "A-1234")
    assert not Contract(SCHEMA).misfits(data)


SCALARS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "minLength": 4, "maxLength": 6},
        {"type": "integer", "minimum": 3, "maximum": 9},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "null"},
        {"enum": ["a", "b", 3]},
        {"const": "x"},
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "null"}, {"type": "integer"}]},
    ]
)
SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: (
        st.builds(lambda item, least: {"type": "array", "items": item, "minItems": least}, inner, st.integers(0, 2))
        | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3).map(
            lambda fields: {"type": "object", "properties": fields, "required": list(fields)}
        )
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(SCHEMAS, st.text(max_size=40))
def test_what_it_fills_in_fits_the_schema(schema: dict[str, Any], prompt: str) -> None:
    bound = DemoChatModel().bind(response_format={"type": "json_schema", "json_schema": {"schema": schema}})
    assert not Contract(schema).misfits(json.loads(str(bound.invoke([HumanMessage(prompt)]).content)))


WEATHER = {
    "name": "get_weather",
    "description": "The weather forecast of a city.",
    "parameters": {"type": "object", "properties": {"city_id": {"type": "string"}}, "required": ["city_id"]},
}
ORDERS = {
    "name": "find_order",
    "description": "Finds an order by its number.",
    "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
}


def test_it_picks_a_tool_fills_its_arguments_and_uses_the_result() -> None:
    model = DemoChatModel().bind_tools([WEATHER, ORDERS])
    question = HumanMessage("Where is my order A-77?")
    message = model.invoke([question])
    (call,) = message.tool_calls
    assert (call["name"], call["args"]) == ("find_order", {"order_id": "A-77"})
    told = model.invoke([question, message, ToolMessage("on its way", tool_call_id=call["id"], name="find_order")])
    assert told.content == f"{LABEL} The tool find_order answered: on its way"
    assert not model.invoke([HumanMessage("Sing a song")]).tool_calls
    forced = DemoChatModel().bind_tools([WEATHER, ORDERS], tool_choice="get_weather").invoke([question])
    assert forced.tool_calls[0]["name"] == "get_weather"


CUSTOMER = {
    "name": "find_customer",
    "description": "Looks a customer up.",
    "parameters": {"type": "object", "properties": {"customer_id": {"type": "string", "pattern": "^C-[0-9]{4}$"}}},
}
REFUND = {
    "name": "refund",
    "description": "Gives money back for an order.",
    "parameters": {
        "type": "object",
        "properties": {
            "order_id": {"type": "string", "pattern": "^A-[0-9]+$"},
            "amount": {"type": "number", "minimum": 0},
            "tier": {"enum": ["free", "gold"]},
            "currency": {"type": "string", "default": "EUR"},
        },
        "required": ["order_id", "amount", "tier"],
    },
}


def test_it_goes_on_with_other_tools_until_the_question_is_met() -> None:
    model = DemoChatModel().bind_tools([WEATHER, REFUND, CUSTOMER])
    turns: list[Any] = [HumanMessage("Customer C-1001 wants a refund of 12.5 for order A-77, please")]
    first = model.invoke(turns)
    assert [(call["name"], call["id"]) for call in first.tool_calls] == [("refund", "call_1_1")]
    turns += [first, ToolMessage('{"refunded": true}', tool_call_id="call_1_1", name="refund")]
    second = model.invoke(turns)
    assert [(call["name"], call["args"]) for call in second.tool_calls] == [
        ("find_customer", {"customer_id": "C-1001"})
    ]
    turns += [second, ToolMessage('{"name": "Ada"}', tool_call_id="call_2_1", name="find_customer")]
    last = model.invoke(turns)
    assert last.content == (
        f'{LABEL} The tool refund answered: {{"refunded": true}} The tool find_customer answered: {{"name": "Ada"}}'
    )


def test_it_takes_what_tools_answered_and_what_the_schema_has_as_default() -> None:
    model = DemoChatModel().bind_tools([CUSTOMER, REFUND])
    turns: list[Any] = [HumanMessage("Look up customer C-1001, then a refund of 12.5 for A-77")]
    first = model.invoke(turns)
    assert first.tool_calls[0]["name"] == "find_customer"
    told = ToolMessage('{"tier": "gold", "name": "Ada"}', tool_call_id=first.tool_calls[0]["id"], name="find_customer")
    (call,) = model.invoke([*turns, first, told]).tool_calls
    assert call["args"] == {"order_id": "A-77", "amount": 12.5, "tier": "gold", "currency": "EUR"}


async def test_it_streams_a_call_in_pieces() -> None:
    model = DemoChatModel().bind_tools([REFUND])
    chunks = [c async for c in model.astream([HumanMessage("A refund of 12.5 for order A-77")])]
    parts = [part for chunk in chunks for part in chunk.tool_call_chunks]
    assert (parts[0]["name"], parts[0]["args"]) == ("refund", "")
    assert len(parts) > 3
    assert json.loads("".join(part["args"] or "" for part in parts))["order_id"] == "A-77"


def test_a_script_is_followed_turn_by_turn() -> None:
    model = DemoChatModel(script=["first", {"tool": "find_order", "args": {"order_id": "1"}}, {"json": {"n": 1}}])
    turns: list[Any] = [HumanMessage("go")]
    seen = []
    for _ in range(4):
        message = model.invoke(turns)
        seen.append(message.content or message.tool_calls[0]["args"])
        turns += [AIMessage(str(message.content)), HumanMessage("on")]
    assert seen == ["first", {"order_id": "1"}, '{"n": 1}', '{"n": 1}']


async def test_a_stream_of_a_given_length_through_the_port() -> None:
    models = make_models({"slow": {"provider": "demo", "params": {"tokens": 5}}}, ModelOptions())
    request = ModelRequest(("slow",), (Message("user", "go"),))
    events = [event async for event in models.stream(request)]
    assert [type(event) for event in events] == [TextDelta] * 5 + [ModelDone]
    longer = ModelRequest(("slow",), (Message("user", "go"),), params={"tokens": 50, "temperature": 0})
    assert len([event async for event in models.stream(longer)]) == 51


async def test_a_script_can_call_several_tools_at_once_and_break_arguments() -> None:
    calls = [{"tool": "a", "args": {"n": 1}}, {"tool": "b", "args": "{oops"}]
    models = make_models({"m": {"provider": "demo"}}, ModelOptions())
    params = {"script": [{"text": "One moment.", "calls": calls}]}
    events = [event async for event in models.stream(ModelRequest(("m",), (Message("user", "go"),), params=params))]
    done = events[-1]
    assert isinstance(done, ModelDone)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "One moment."
    assert done.calls == (
        ToolCall("call_1_1", "a", {"n": 1}),
        ToolCall("call_1_2", "b", {}, "the arguments are not JSON: {oops"),
    )


@pytest.mark.parametrize("structured", ["native", "prompted"])
async def test_it_is_the_same_model_behind_an_envelope(structured: str) -> None:
    document = {"provider": "demo", "capabilities": {"tools": "prompted", "structured_output": structured}}
    models = make_models({"m": document}, ModelOptions())
    tools = (
        ToolSpec("find_order", "Finds an order by its number.", ORDERS["parameters"]),
        ToolSpec("get_weather", "The weather\nof a city.", WEATHER["parameters"]),
    )
    talk = [Message("system", "Be brief."), Message("user", "Where is my order A-77?")]
    first = [event async for event in models.stream(ModelRequest(("m",), tuple(talk), tools=tools))][-1]
    assert isinstance(first, ModelDone)
    assert [(call.name, call.arguments) for call in first.calls] == [("find_order", {"order_id": "A-77"})]
    talk += [Message("assistant", "", first.calls), Message("tool", '{"state": "sent"}', call_id=first.calls[0].id)]
    events = [event async for event in models.stream(ModelRequest(("m",), tuple(talk), tools=tools))]
    assert events[0] == TextDelta(f'{LABEL} The tool find_order answered: {{"state": "sent"}}')
    schema = {"type": "object", "properties": {"state": {"enum": ["open", "sent"]}}, "required": ["state"]}
    request = ModelRequest(("m",), tuple(talk), tools=tools, schema=schema)
    events = [event async for event in models.stream(request)]
    assert events[0] == TextDelta('{"state": "sent"}')
    alone = ModelRequest(("m",), (Message("user", "It was sent"),), schema=schema)
    assert (
        "".join(e.text for e in [e async for e in models.stream(alone)] if isinstance(e, TextDelta))
        == '{"state": "sent"}'
    )
