"""Models that are cut off, filtered, overloaded or out of money, as OpenAI's own client sees them through the door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from tests.api.process import api_process
from tests.compat.conftest import AGENTS, Served, publish
from tests.compat.test_openai_chat import ADD
from tests.conftest import make_scope
from tests.providers.servers import Answer, Server, chunk, says, serving, streams, used

from girih.db.engine import make_engine, make_sessions
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.schemas import PERMISSIONS
from girih.services.identity.service import IdentityService

pytestmark = pytest.mark.timeout(120)

HELLO: Any = [{"role": "user", "content": "What is a knot?"}]
CUT = streams(chunk("A knot "), chunk("is"), chunk(finish="length"), used(5, 2))
FILTERED = streams(chunk("A knot "), chunk(finish="content_filter"), used(5, 2))
WHOLE = streams(chunk("A knot."), chunk(finish="stop"), used(5, 2))
BUSY = says(429, {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}})


def called(*pieces: str) -> Answer:
    """A call of `add`, whose arguments come in these pieces."""
    begun = {"index": 0, "id": "c1", "type": "function", "function": {"name": "add", "arguments": ""}}
    rest = [chunk(tool_calls=[{"index": 0, "function": {"arguments": piece}}]) for piece in pieces]
    return streams(chunk("Let me see."), chunk(tool_calls=[begun]), *rest, chunk(finish="tool_calls"), used(5, 2))


@dataclass(frozen=True)
class Door:
    """A girih whose models are a server of the test's own."""

    client: AsyncOpenAI
    models: Server
    url: str

    def answers(self, *answers: Answer) -> AsyncOpenAI:
        """The client, once the models are to answer like this."""
        self.models.asked.clear()
        self.models.answers[:] = answers
        return self.client


@pytest.fixture(scope="module")
async def door(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    engine = make_engine(database_url)
    uow = UnitOfWork(make_sessions(engine), lambda *_: None)
    key = (await IdentityService(uow).create_key(await make_scope(uow), "limits", PERMISSIONS)).key
    await engine.dispose()
    async with serving(WHOLE) as models:
        keys = {"GIRIH_OPENAI_API_KEY": "sk-test", "GIRIH_OPENAI_BASE_URL": f"{models.url}/v1"}
        process = api_process(database_url, tmp_path_factory.mktemp("limits"), **keys)
        api = await asyncio.to_thread(process.__enter__)
        try:
            await asyncio.to_thread(publish, Served(api.url, key, database_url), AGENTS)
            async with AsyncOpenAI(base_url=f"{api.url}/openai/v1", api_key=key, max_retries=1) as client:
                yield Door(client, models, api.url)
        finally:
            await asyncio.to_thread(process.__exit__, None, None, None)


@pytest.mark.parametrize(("answer", "reason"), [(CUT, "length"), (FILTERED, "content_filter"), (WHOLE, "stop")])
async def test_a_completion_says_why_it_stopped(door: Door, answer: Answer, reason: str) -> None:
    client = door.answers(answer)
    whole = (await client.chat.completions.create(model="echo", messages=HELLO)).choices[0]
    assert whole.finish_reason == reason
    if reason != "content_filter":
        assert (whole.message.content or "").startswith("A knot")
    stream = await client.chat.completions.create(model="echo", messages=HELLO, stream=True)
    assert [c.choices[0].finish_reason async for c in stream if c.choices][-1] == reason


@pytest.mark.parametrize(("answer", "reason"), [(CUT, "max_output_tokens"), (FILTERED, "content_filter")])
async def test_a_response_that_is_cut_off_is_incomplete(door: Door, answer: Answer, reason: str) -> None:
    client = door.answers(answer)
    made = await client.responses.create(model="echo", input="What is a knot?")
    assert made.status == "incomplete"
    assert made.incomplete_details is not None
    assert made.incomplete_details.reason == reason
    async with client.responses.stream(model="echo", input="What is a knot?") as stream:
        kinds = [event.type async for event in stream]
    assert kinds[-1] == "response.incomplete"


async def test_a_call_comes_in_the_pieces_in_which_the_model_writes_it(door: Door) -> None:
    pieces = ['{"a"', ": 1, ", '"b": 2}']
    client = door.answers(called(*pieces))
    stream = await client.chat.completions.create(model="oai-caller", messages=HELLO, tools=[ADD], stream=True)
    deltas = [chunk.choices[0].delta async for chunk in stream if chunk.choices]
    said = [call.function.arguments for delta in deltas for call in delta.tool_calls or () if call.function]
    assert said == ["", *pieces]
    assert "".join(delta.content or "" for delta in deltas) == "Let me see."
    tool: Any = {"type": "function", **ADD["function"]}
    made = await client.responses.create(model="oai-caller", input="Add", tools=[tool], stream=True)
    events = [event async for event in made]
    deltas_of = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert deltas_of == pieces
    number = events[0].response.id  # type: ignore[union-attr] - the first event is `response.created`
    again = await client.responses.retrieve(number, stream=True)
    assert [event async for event in again] == events


async def test_a_call_that_does_not_fit_asks_for_no_result(door: Door) -> None:
    client = door.answers(called('{"a": "one"}'), called('{"a": 1, "b": 2}'), WHOLE)
    messages: list[Any] = list(HELLO)
    async with client.chat.completions.stream(model="oai-caller", messages=messages, tools=[ADD]) as stream:
        message = (await stream.get_final_completion()).choices[0].message
    assert message.content == "Let me see.\n\nLet me see."
    calls = message.tool_calls or []
    assert len(calls) == 2
    messages.append(message.model_dump(exclude_none=True, exclude={"parsed"}))
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "3"} for call in calls]
    answer = await client.chat.completions.create(model="oai-caller", messages=messages, tools=[ADD])
    assert answer.choices[0].message.content == "A knot."
    assert answer.id.split("-")[1] == str(calls[0].id).split("_")[1]


async def test_the_client_asks_again_where_that_may_help(door: Door) -> None:
    client = door.answers(BUSY, BUSY, WHOLE)  # girih itself asks twice
    answer = await client.chat.completions.create(model="echo", messages=HELLO)
    assert answer.choices[0].message.content == "A knot."
    assert len(door.models.asked) == 3
    once = door.answers(BUSY).with_options(max_retries=0)
    with pytest.raises(openai.RateLimitError) as caught:
        await once.chat.completions.create(model="echo", messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "2"


async def test_what_is_spent_is_not_asked_for_again(door: Door) -> None:
    client = door.answers(WHOLE)
    await client.chat.completions.create(model="echo", messages=HELLO)
    headers = {"authorization": f"Bearer {client.api_key}"}
    async with httpx.AsyncClient(base_url=door.url, headers=headers, trust_env=False) as plain:
        budget = await plain.put("/v1/budgets", json={"target": "project", "period": "day", "tokens": 1})
        assert budget.is_success, budget.text
        try:
            with pytest.raises(openai.RateLimitError) as caught:
                await client.chat.completions.create(model="echo", messages=HELLO)
        finally:
            await plain.delete(f"/v1/budgets/{budget.json()['id']}")
    assert caught.value.code == "insufficient_quota"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert caught.value.response.request.headers["x-stainless-retry-count"] == "0"


async def test_every_error_says_how_long_it_took(door: Door) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        await door.client.with_options(api_key="wrong").models.list()
    headers = caught.value.response.headers
    assert int(headers["openai-processing-ms"]) >= 0
    assert headers["openai-version"]
    assert headers["x-request-id"]
