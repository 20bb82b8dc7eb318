"""Two server processes on one database: what one of them began, the other one shows, streams, cancels and goes on with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI
from tests.api.process import api_process
from tests.compat.conftest import Served
from tests.compat.test_openai_chat import ADD as CHAT_ADD
from tests.compat.test_openai_responses import ADD, told

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def here(served: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{served.url}/openai/v1", api_key=served.key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def there(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    with (
        api_process(served.database_url, tmp_path_factory.mktemp("other")) as api,
        OpenAI(base_url=f"{api.url}/openai/v1", api_key=served.key, max_retries=0) as client,
    ):
        yield client


def test_streams_are_the_same_in_both(here: OpenAI, there: OpenAI) -> None:
    stream = iter(here.responses.create(model="oai-talkative", input="Talk", stream=True))
    seen = [next(stream) for _ in range(6)]
    number: str = seen[0].response.id  # type: ignore[union-attr] - the first event holds the response
    assert there.responses.retrieve(number).status == "in_progress"
    rest = list(there.responses.retrieve(number, stream=True, starting_after=seen[-1].sequence_number))
    assert [*seen, *stream] == [*seen, *rest] == list(there.responses.retrieve(number, stream=True))
    assert here.responses.retrieve(number) == there.responses.retrieve(number)


def test_cancelled_by_the_other(here: OpenAI, there: OpenAI) -> None:
    begun = here.responses.create(model="oai-talkative", input="Talk", background=True)
    there.responses.cancel(begun.id)
    last = list(here.responses.retrieve(begun.id, stream=True))[-1]
    assert last.type == "response.failed"
    assert last.response.status == "cancelled"


def test_results_go_to_the_other(here: OpenAI, there: OpenAI) -> None:
    asked = here.responses.create(model="oai-caller", input="Add", tools=[ADD])
    second = there.responses.create(model="oai-caller", input=told(asked), previous_response_id=asked.id)
    third = here.responses.create(model="oai-caller", input=told(second), previous_response_id=second.id)
    assert third.output_text == "It is ten."
    behind = there.responses.create(model="echo", input="And?", previous_response_id=third.id)
    assert behind.status == "completed"


def test_a_chat_goes_on_with_the_other(here: OpenAI, there: OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "Add"}]
    for client in (here, there, here):
        message = (
            client.chat.completions.create(model="oai-caller", messages=messages, tools=[CHAT_ADD]).choices[0].message
        )
        messages.append(message.model_dump(exclude_none=True))
        messages += [{"role": "tool", "tool_call_id": call.id, "content": "3"} for call in message.tool_calls or ()]
    assert messages[-1]["content"] == "It is ten."
