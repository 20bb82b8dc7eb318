"""Two server processes on one database: what one of them began, the other one shows, streams, cancels and goes on with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from tests.api.process import api_process
from tests.compat.conftest import AGENTS, Served, publish
from tests.compat.test_openai_chat import ADD as CHAT_ADD
from tests.compat.test_openai_responses import ADD, told
from tests.conftest import make_scope

from girih.db.engine import make_engine, make_sessions
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.schemas import PERMISSIONS
from girih.services.identity.service import IdentityService

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
    seen: list[Any] = [next(stream) for _ in range(6)]
    number: str = seen[0].response.id
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


async def test_what_another_project_has_is_not_there(served: Served, here: OpenAI) -> None:
    engine = make_engine(served.database_url)
    try:
        uow = UnitOfWork(make_sessions(engine), lambda *_: None)
        key = (await IdentityService(uow).create_key(await make_scope(uow), "strangers", PERMISSIONS)).key
    finally:
        await engine.dispose()
    publish(Served(served.url, key, served.database_url), AGENTS)
    strangers = here.with_options(api_key=key)
    asked = here.responses.create(model="oai-caller", input="Add", tools=[ADD])
    for call in (strangers.responses.retrieve, strangers.responses.cancel, strangers.responses.delete):
        with pytest.raises(openai.NotFoundError):
            call(asked.id)
    with pytest.raises(openai.BadRequestError) as caught:
        strangers.responses.create(model="oai-caller", input=told(asked), previous_response_id=asked.id)
    assert asked.id in caught.value.message or caught.value.param == "input"
    items: Any = [{"role": "user", "content": "Add"}, *[item.to_dict() for item in asked.output], *told(asked)]
    fresh = strangers.responses.create(model="oai-caller", input=items, tools=[ADD])
    assert fresh.id.split("_")[1] != asked.id.split("_")[1]
    assert here.responses.retrieve(asked.id) == asked
