"""OpenAI's own client for Python speaks chat completions to an agent, with nothing changed but URL and key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel
from tests.compat.conftest import Served

pytestmark = pytest.mark.timeout(120)

HELLO: ChatCompletionMessageParam = {"role": "user", "content": "What is a knot?"}
ADD: Any = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{served.url}/openai/v1", api_key=served.key, max_retries=0) as client:
        yield client


def test_agents_with_a_chat_are_models(client: OpenAI, served: Served) -> None:
    names = {model.id for model in client.models.list()}
    assert {"assistant", "assistant@latest", "echo"} <= names
    assert "oai-silent" not in names
    assert client.models.retrieve("assistant@latest").id == "assistant@latest"
    assert client.models.retrieve("assistant@1.0.0").owned_by == "girih"
    for name in ("nobody", "oai-silent", "assistant@never", "No Name"):
        with pytest.raises(openai.NotFoundError) as caught:
            client.models.retrieve(name)
        assert caught.value.code == "model_not_found"


def test_an_answer_whole_and_in_pieces_is_the_same(client: OpenAI) -> None:
    whole = client.chat.completions.create(model="echo", messages=[HELLO])
    with client.chat.completions.stream(
        model="echo", messages=[HELLO], stream_options={"include_usage": True}
    ) as stream:
        pieces = [event.delta for event in stream if event.type == "content.delta"]
        added = stream.get_final_completion()
    assert len(pieces) > 1
    assert "".join(pieces) == whole.choices[0].message.content == added.choices[0].message.content
    assert added.usage == whole.usage
    assert whole.usage is not None
    assert whole.usage.completion_tokens > 0
    assert whole.model == "echo@1.0.0"


async def test_the_asynchronous_client(served: Served) -> None:
    async with AsyncOpenAI(base_url=f"{served.url}/openai/v1", api_key=served.key, max_retries=0) as client:
        whole = await client.chat.completions.create(model="echo", messages=[HELLO])
        stream = await client.chat.completions.create(model="echo", messages=[HELLO], stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(pieces) == whole.choices[0].message.content


def test_instructions_images_and_history_are_taken(client: OpenAI) -> None:
    png = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    answer = client.chat.completions.create(
        model="assistant",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "My name is Ada."},
            {"role": "assistant", "content": "Hello Ada!"},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": png}},
            ]},
        ],
        temperature=0.1,
        max_completion_tokens=200,
        metadata={"case": "7"},
        user="ada",
    )  # fmt: skip
    assert answer.choices[0].message.content


@pytest.mark.parametrize("streamed", [False, True])
def test_a_loop_of_tools_is_one_run(client: OpenAI, served: Served, streamed: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Add all these numbers"}]
    seen: list[str] = []
    for _ in range(3):
        message = _asked(client, messages, streamed)
        messages.append(message.model_dump(exclude_none=True, exclude={"parsed"}))
        if not message.tool_calls:
            break
        for call in message.tool_calls:
            call_of: Any = call
            seen.append(call_of.id)
            numbers = json.loads(call_of.function.arguments)
            messages.append({"role": "tool", "tool_call_id": call_of.id, "content": str(numbers["a"] + numbers["b"])})
    assert messages[-1]["content"] == "It is ten."
    assert messages[1]["content"] == "Let me see."
    assert len(seen) == len(set(seen)) == 3
    assert len({call_id.split("_")[1] for call_id in seen}) == 1


def _asked(client: OpenAI, messages: list[Any], streamed: bool) -> Any:
    if not streamed:
        return client.chat.completions.create(model="oai-caller", messages=messages, tools=[ADD]).choices[0].message
    with client.chat.completions.stream(model="oai-caller", messages=messages, tools=[ADD]) as stream:
        return stream.get_final_completion().choices[0].message


def test_results_that_are_sent_twice_give_the_same_answer(client: OpenAI) -> None:
    asked = client.chat.completions.create(model="oai-caller", messages=[HELLO], tools=[ADD])
    messages = [HELLO, *_told(asked)]
    first = client.chat.completions.create(model="oai-caller", messages=messages, tools=[ADD])
    again = client.chat.completions.create(model="oai-caller", messages=messages, tools=[ADD])
    assert first == again
    assert first.choices[0].message.tool_calls


def test_results_nobody_waits_for_are_a_part_of_the_history(client: OpenAI) -> None:
    asked = client.chat.completions.create(model="oai-caller", messages=[HELLO], tools=[ADD])
    told = _told(asked)
    other = [HELLO, *_told(asked, "41")]
    client.chat.completions.create(model="oai-caller", messages=[HELLO, *told], tools=[ADD])
    for messages in (other, [{"role": "user", "content": "Something else"}, *told]):
        fresh = client.chat.completions.create(model="oai-caller", messages=messages, tools=[ADD])
        assert fresh.id.split("-")[1] != asked.id.split("-")[1]
    foreign = json.loads(json.dumps([HELLO, *told]).replace('"call_', '"toolu_'))
    assert client.chat.completions.create(model="oai-caller", messages=foreign, tools=[ADD]).choices


def _told(asked: Any, result: str = "3") -> list[Any]:
    message = asked.choices[0].message
    calls = [{"role": "tool", "tool_call_id": call.id, "content": result} for call in message.tool_calls]
    return [message.model_dump(exclude_none=True), *calls]


class Person(BaseModel):
    name: str
    age: int


def test_structured_answers(client: OpenAI) -> None:
    said = "Ada is 36 years old. Her name is Ada, her age is 36."
    parsed = client.chat.completions.parse(
        model="assistant", messages=[{"role": "user", "content": said}], response_format=Person
    )
    assert isinstance(parsed.choices[0].message.parsed, Person)
    data = client.chat.completions.create(model="assistant", messages=[HELLO], response_format={"type": "json_object"})
    assert isinstance(json.loads(data.choices[0].message.content or ""), dict)


def test_a_refusal_is_a_refusal(client: OpenAI) -> None:
    message = client.chat.completions.create(model="oai-polite", messages=[HELLO]).choices[0].message
    assert (message.content, message.refusal) == (None, "I would rather not talk about that.")
    with client.chat.completions.stream(model="oai-polite", messages=[HELLO]) as stream:
        assert stream.get_final_completion().choices[0].message.refusal == message.refusal


def test_on_a_thread_only_what_is_new_is_sent(client: OpenAI, served: Served) -> None:
    with served.client() as plain:
        thread = plain.post("/v1/threads", json={}).json()["id"]
        for said in ("My name is Ada", "What did I say?"):
            answer = client.chat.completions.with_raw_response.create(
                model="echo", messages=[{"role": "user", "content": said}], extra_headers={"x-girih-thread": thread}
            )
            assert answer.headers["x-girih-thread"] == thread
        held = plain.get(f"/v1/threads/{thread}/state").json()["state"]["messages"]
    assert [message["role"] for message in held] == ["user", "assistant", "user", "assistant"]


def test_tools_on_a_thread(client: OpenAI, served: Served) -> None:
    with served.client() as plain:
        headers = {"x-girih-thread": plain.post("/v1/threads", json={}).json()["id"]}
    asked = client.chat.completions.create(model="oai-caller", messages=[HELLO], tools=[ADD], extra_headers=headers)
    results = [message for message in _told(asked) if message["role"] == "tool"]
    more = client.chat.completions.create(model="oai-caller", messages=results, tools=[ADD], extra_headers=headers)
    assert more.choices[0].finish_reason == "tool_calls"
    with pytest.raises(openai.ConflictError):
        client.chat.completions.create(model="oai-caller", messages=[HELLO], tools=[ADD], extra_headers=headers)


FAULTS: list[tuple[dict[str, Any], type[openai.APIStatusError], str | None]] = [
    ({"model": "nobody"}, openai.NotFoundError, "model"),
    ({"model": "oai-silent"}, openai.NotFoundError, "model"),
    ({"messages": []}, openai.BadRequestError, "messages"),
    ({"messages": [{"role": "critic", "content": "x"}]}, openai.BadRequestError, "messages[0].role"),
    ({"n": 2}, openai.BadRequestError, "n"),
    ({"logit_bias": {"1": 1}}, openai.BadRequestError, "logit_bias"),
    ({"extra_body": {"colour": "red"}}, openai.BadRequestError, "colour"),
    ({"temperature": 0.2}, openai.BadRequestError, "temperature"),
    ({"tools": [ADD]}, openai.BadRequestError, "tools"),
    ({"response_format": {"type": "json_object"}}, openai.BadRequestError, "response_format"),
    ({"messages": [{"role": "system", "content": "x"}, HELLO]}, openai.BadRequestError, "messages"),
    ({"extra_body": {"inputs": {"mood": "x"}}}, openai.BadRequestError, None),
]


@pytest.mark.parametrize(("wrong", "kind", "param"), FAULTS)
def test_what_is_refused_is_named(
    client: OpenAI, wrong: dict[str, Any], kind: type[openai.APIStatusError], param: str | None
) -> None:
    with pytest.raises(kind) as caught:
        client.chat.completions.create(**{"model": "echo", "messages": [HELLO]} | wrong)
    assert type(caught.value) is kind
    assert caught.value.param == param
    assert caught.value.request_id
    assert isinstance(caught.value.body, dict)
    assert {"message", "type", "param", "code"} <= set(caught.value.body)


def test_a_key_that_is_none_or_may_not(client: OpenAI, served: Served) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        client.with_options(api_key="girih_no").models.list()
    assert caught.value.code == "invalid_api_key"
    with served.client() as plain:
        key = plain.post("/v1/keys", json={"name": "reader", "permissions": ["agents:read"]}).json()["key"]
    reader = client.with_options(api_key=key)
    assert reader.models.list().data == []
    with pytest.raises(openai.PermissionDeniedError, match="runs:create"):
        reader.chat.completions.create(model="echo", messages=[HELLO])


def test_a_body_that_is_too_large_or_no_json(client: OpenAI, served: Served) -> None:
    with served.client() as plain:
        where = "/openai/v1/chat/completions"
        broken = plain.post(where, content=b"{", headers={"content-type": "application/json"})
        nothing = plain.get("/openai/v1/embeddings")
    connection = HTTPConnection(served.url.removeprefix("http://"), timeout=10)
    connection.request("POST", where, headers={"authorization": f"Bearer {served.key}", "content-length": str(2**26)})
    large = connection.getresponse()
    assert (large.status, json.loads(large.read())["error"]["code"]) == (413, "request_too_large")
    connection.close()
    assert (broken.status_code, broken.json()["error"]["type"]) == (400, "invalid_request_error")
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (404, "not_served")


@pytest.mark.parametrize("streamed", [False, True])
def test_a_run_that_fails_is_an_error_and_is_not_tried_again(served: Served, streamed: bool) -> None:
    sent: list[httpx.Request] = []
    with (
        OpenAI(
            base_url=f"{served.url}/openai/v1",
            api_key=served.key,
            http_client=openai.DefaultHttpxClient(event_hooks={"request": [sent.append]}),
        ) as client,
        pytest.raises(openai.APIError) as caught,
    ):
        for _ in client.chat.completions.create(model="oai-broken", messages=[HELLO], stream=streamed):
            pass
    assert len(sent) == 1
    assert caught.value.code
    assert "run 0" in caught.value.message
    assert isinstance(caught.value, openai.InternalServerError) is not streamed


@pytest.mark.parametrize("streamed", [False, True])
def test_a_run_that_asks_a_person_says_where_the_answer_goes(client: OpenAI, served: Served, streamed: bool) -> None:
    with pytest.raises(openai.APIError, match="May I answer") as caught:
        for _ in client.chat.completions.create(model="oai-careful", messages=[HELLO], stream=streamed):
            pass
    assert caught.value.code == "run_interrupted"
    assert isinstance(caught.value, openai.ConflictError) is not streamed
    with served.client() as plain:
        (where,) = {word for word in caught.value.message.split() if word.startswith("/v1/interrupts/")}
        assert plain.post(where.rstrip(";"), json={"answer": {"choice": "yes"}}).status_code == 200


def test_the_same_key_gives_the_same_completion(client: OpenAI) -> None:
    headers = {"Idempotency-Key": "chat-4711"}
    first, again = (
        client.chat.completions.create(model="echo", messages=[HELLO], extra_headers=headers) for _ in range(2)
    )
    assert first == again
    with pytest.raises(openai.BadRequestError, match="idempotency"):
        client.chat.completions.create(
            model="echo", messages=[{"role": "user", "content": "Else"}], extra_headers=headers
        )
