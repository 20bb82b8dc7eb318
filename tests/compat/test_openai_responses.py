"""OpenAI's own client for Python makes responses: chained, forked, in the background, streamed again from a number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import FunctionToolParam, Response
from pydantic import BaseModel
from tests.compat.conftest import Served

pytestmark = pytest.mark.timeout(120)

ADD: FunctionToolParam = {
    "type": "function",
    "name": "add",
    "description": "Adds two numbers.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
}


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{served.url}/openai/v1", api_key=served.key, max_retries=0) as client:
        yield client


def calls_of(response: Response) -> list[Any]:
    return [item for item in response.output if item.type == "function_call"]


def told(response: Response, result: str = "3") -> list[Any]:
    return [{"type": "function_call_output", "call_id": call.call_id, "output": result} for call in calls_of(response)]


def held(served: Served, response: Response) -> list[str]:
    """What the thread of a response holds, as its roles."""
    thread = (response.model_extra or {})["girih"]["thread_id"]
    with served.client() as plain:
        messages = plain.get(f"/v1/threads/{thread}/state").json()["state"]["messages"]
    return [message["content"] for message in messages if message["role"] == "user"]


def test_a_response_whole_and_in_events_is_the_same(client: OpenAI) -> None:
    whole = client.responses.create(model="echo", input="What is a knot?")
    assert whole.status == "completed"
    with client.responses.stream(model="echo", input="What is a knot?") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert final.output_text == whole.output_text
    assert final.usage == whole.usage
    assert client.responses.retrieve(final.id).output_text == final.output_text


async def test_the_asynchronous_client(served: Served) -> None:
    async with AsyncOpenAI(base_url=f"{served.url}/openai/v1", api_key=served.key, max_retries=0) as client:
        whole = await client.responses.create(model="echo", input=[{"role": "user", "content": "Hello"}])
        stream = await client.responses.create(model="echo", input="Hello", stream=True)
        text = "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])
    assert text == whole.output_text


def test_options_come_back_as_they_were_sent(client: OpenAI) -> None:
    response = client.responses.create(
        model="assistant",
        input="Say hello",
        instructions="Be brief.",
        temperature=0.25,
        max_output_tokens=300,
        metadata={"case": "7"},
        tools=[ADD],
        tool_choice="none",
        reasoning={"effort": "low", "summary": "auto"},
        user="ada",
        include=["reasoning.encrypted_content"],
    )
    assert (response.instructions, response.temperature, response.max_output_tokens) == ("Be brief.", 0.25, 300)
    assert (response.metadata, response.tool_choice, response.user) == ({"case": "7"}, "none", "ada")
    assert response.tools[0].type == "function"
    assert response.reasoning is not None
    assert response.reasoning.effort == "low"


def test_a_chain_goes_on_where_it_was_also_two_ways_at_once(client: OpenAI, served: Served) -> None:
    first = client.responses.create(model="echo", input="one")
    second = client.responses.create(model="echo", input="two", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert held(served, second) == ["one", "two"]
    other = client.responses.create(model="echo", input="too", previous_response_id=first.id)
    assert held(served, other) == ["one", "too"]
    with ThreadPoolExecutor(4) as pool:
        wide = list(
            pool.map(
                lambda word: client.responses.create(model="echo", input=word, previous_response_id=second.id), "abcd"
            )
        )
    assert [held(served, response) for response in wide] == [["one", "two", word] for word in "abcd"]


def test_a_conversation_is_a_thread(client: OpenAI, served: Served) -> None:
    with served.client() as plain:
        thread = plain.post("/v1/threads", json={}).json()["id"]
    for word in ("one", "two"):
        response = client.responses.create(model="echo", input=word, conversation=thread)
        assert response.conversation is not None
        assert response.conversation.id == thread
    assert held(served, response) == ["one", "two"]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_loop_of_tools_by_the_response_before(client: OpenAI, streamed: bool) -> None:
    response = _asked(client, streamed, input="Add all these numbers")
    first = response.id
    assert [item.type for item in response.output] == ["message", "function_call", "function_call"]
    for _ in range(2):
        numbers = [json.loads(call.arguments) for call in calls_of(response)]
        results = told(response, str(sum(numbers[0].values())))
        response = _asked(client, streamed, input=results, previous_response_id=response.id)
    assert response.output_text == "It is ten."
    assert response.id == f"{first}_2"
    later = client.responses.retrieve(response.id)
    assert later.output_text == response.output_text
    assert client.responses.retrieve(first).output[0].type == "message"
    given = list(client.responses.input_items.list(response.id))
    assert [item.type for item in given] == ["function_call_output"]
    after = client.responses.create(model="oai-caller", tools=[ADD], input="And more", previous_response_id=response.id)
    assert calls_of(after)


def test_a_loop_of_tools_with_all_items_sent_each_time(client: OpenAI) -> None:
    items: list[Any] = [{"role": "user", "content": "Add all these numbers"}]
    numbers = set()
    for _ in range(3):
        response = client.responses.create(model="oai-caller", tools=[ADD], input=items, store=False)
        numbers.add(response.id.split("_")[1])
        items += [item.model_dump(exclude_none=True) for item in response.output] + told(response)
    assert response.output_text == "It is ten."
    assert len(numbers) == 1


def _asked(client: OpenAI, streamed: bool, **more: Any) -> Response:
    if not streamed:
        return client.responses.create(model="oai-caller", tools=[ADD], **more)
    with client.responses.stream(model="oai-caller", tools=[ADD], **more) as stream:
        return stream.get_final_response()


def test_results_come_before_anything_else(client: OpenAI) -> None:
    asked = client.responses.create(model="oai-caller", tools=[ADD], input="Add")
    with pytest.raises(openai.BadRequestError, match="No tool output found"):
        client.responses.create(model="oai-caller", input="Well?", previous_response_id=asked.id)
    with pytest.raises(openai.BadRequestError, match="alone"):
        more: Any = [*told(asked), {"role": "user", "content": "x"}]
        client.responses.create(model="oai-caller", input=more, previous_response_id=asked.id)
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.responses.create(model="oai-caller", input=told(asked), previous_response_id=asked.id, temperature=0.1)
    first = client.responses.create(model="oai-caller", tools=[ADD], input=told(asked), previous_response_id=asked.id)
    again = client.responses.create(model="oai-caller", tools=[ADD], input=told(asked), previous_response_id=asked.id)
    assert first == again


class Person(BaseModel):
    name: str
    age: int


def test_structured_answers(client: OpenAI) -> None:
    said = "Ada is 36 years old. Her name is Ada, her age is 36."
    parsed = client.responses.parse(model="assistant", input=said, text_format=Person)
    assert isinstance(parsed.output_parsed, Person)


def test_in_the_background_read_cancelled_and_streamed_again(client: OpenAI) -> None:
    begun = client.responses.create(model="oai-talkative", input="Talk", background=True, stream=True)
    seen = []
    for event in begun:
        seen.append(event)
        if len(seen) == 8:
            break
    number = seen[0].response.id if seen[0].type == "response.created" else ""
    assert client.responses.retrieve(number).status in ("queued", "in_progress")
    rest = list(client.responses.retrieve(number, stream=True, starting_after=seen[-1].sequence_number))
    every = list(client.responses.retrieve(number, stream=True))
    assert [*seen, *rest] == every
    assert every[-1].type == "response.completed"
    assert client.responses.retrieve(number).status == "completed"
    other = client.responses.create(model="oai-talkative", input="Talk", background=True)
    assert other.status in ("queued", "in_progress")
    assert client.responses.cancel(other.id).status == "cancelled"
    last = list(client.responses.retrieve(other.id, stream=True))[-1]
    assert last.type == "response.failed"
    assert last.response.status == "cancelled"


def test_what_was_asked_is_listed_and_deleted(client: OpenAI, served: Served) -> None:
    items: Any = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "uno"},
        {"role": "user", "content": [{"type": "input_text", "text": "two"}]},
    ]
    response = client.responses.create(model="echo", input=items)
    listed = [item.to_dict() for item in client.responses.input_items.list(response.id, order="asc", limit=2)]
    assert [item["content"][0]["text"] for item in listed] == ["one", "uno", "two"]
    again = client.responses.create(
        model="echo",
        input=[{"type": "item_reference", "id": response.output[0].id}, {"role": "user", "content": "three"}],
    )
    assert again.status == "completed"
    client.responses.delete(response.id)
    for call in (client.responses.retrieve, client.responses.delete, client.responses.cancel):
        with pytest.raises(openai.NotFoundError):
            call(response.id)
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="echo", input="x", previous_response_id=response.id)
    assert caught.value.code == "previous_response_not_found"


def test_a_response_that_asks_a_person_is_read_on_after_the_answer(client: OpenAI, served: Served) -> None:
    seen: list[Any] = []
    with pytest.raises(openai.APIError, match="May I answer"):
        seen.extend(client.responses.create(model="oai-careful", input="Hello", stream=True))
    number = seen[0].response.id
    waits = (client.responses.retrieve(number).model_extra or {})["girih"]["waits_for"]
    with served.client() as plain:
        plain.post(f"/v1/interrupts/{waits[0]['id']}/answer", json={"answer": {"choice": "yes"}}).raise_for_status()
    rest = list(client.responses.retrieve(number, stream=True, starting_after=seen[-1].sequence_number))
    assert rest[-1].type == "response.completed"
    with pytest.raises(openai.ConflictError):
        client.responses.create(model="oai-careful", input="Hello")


def test_a_refusal_and_a_failure(client: OpenAI) -> None:
    refused = client.responses.create(model="oai-polite", input="Hello")
    assert refused.output[0].to_dict()["content"] == [
        {"type": "refusal", "refusal": "I would rather not talk about that."}
    ]
    with pytest.raises(openai.InternalServerError):
        client.responses.create(model="oai-broken", input="Hello")
    last = list(client.responses.create(model="oai-broken", input="Hello", stream=True))[-1]
    assert last.type == "response.failed"
    assert last.response.error is not None


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"input": []}, "input"),
    ({"input": None}, "input"),
    ({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, "input[0].type"),
    ({"input": [{"type": "item_reference", "id": "msg_x"}]}, "input[0].id"),
    ({"input": [{"type": "function_call_output", "call_id": "call_x", "output": "1"}]}, "input"),
    ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "input[0].content[0].type"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:text/plain;base64,AA=="}]}]},
     "input[0].content[0].image_url"),
    ({"truncation": "auto"}, "truncation"),
    ({"max_tool_calls": 3}, "max_tool_calls"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ({"include": ["message.output_text.logprobs"]}, "include[0]"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"service_tier": "priority"}, "service_tier"),
    ({"reasoning": {"summary": "detailed"}}, "reasoning.summary"),
    ({"background": True, "store": False}, "background"),
    ({"conversation": "none"}, "conversation"),
    ({"previous_response_id": "resp_none"}, "previous_response_id"),
    ({"instructions": "Be brief."}, "instructions"),
    ({"text": {"format": {"type": "json_object"}}}, "text.format"),
    ({"extra_body": {"colour": "red"}}, "colour"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "param"), FAULTS)
def test_what_is_refused_is_named(client: OpenAI, wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(**{"model": "echo", "input": "Hello"} | wrong)
    assert caught.value.param == param


def test_compaction_is_not_here(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.responses.compact(model="echo", input="Hello")
