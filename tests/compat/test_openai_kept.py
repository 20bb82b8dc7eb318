"""Responses whose runs have lost their events: a clear answer, and never another turn's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import openai
import pytest
from openai import OpenAI
from openai.types.responses import Response
from sqlalchemy import CursorResult, text
from tests.compat.conftest import AGENTS, Served, publish
from tests.compat.test_openai_chat import ADD as CHAT_ADD
from tests.compat.test_openai_responses import ADD, told
from tests.conftest import make_scope

from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.schemas import PERMISSIONS
from girih.services.identity.service import IdentityService

pytestmark = pytest.mark.timeout(120)
SWEPT = text("DELETE FROM run_events WHERE run_id = :id AND type NOT IN ('run.finished', 'run.failed')")


@dataclass(frozen=True)
class House:
    """An organization of its own on the server, whose rows may be removed."""

    client: OpenAI
    uow: UnitOfWork
    scope: OrgScope

    async def sweep(self, run_id: str) -> None:
        """Remove what the project's retention would, in the end."""
        async with self.uow(self.scope) as work:
            gone = await work.session.execute(SWEPT, {"id": UUID(run_id)})
            assert isinstance(gone, CursorResult)
            assert gone.rowcount > 1


@pytest.fixture(scope="module")
async def house(served: Served) -> AsyncIterator[House]:
    engine = make_engine(served.database_url)
    uow = UnitOfWork(make_sessions(engine), lambda *_: None)
    scope = await make_scope(uow)
    key = (await IdentityService(uow).create_key(scope, "kept", PERMISSIONS)).key
    publish(Served(served.url, key, served.database_url), AGENTS)
    with OpenAI(base_url=f"{served.url}/openai/v1", api_key=key, max_retries=0) as client:
        yield House(client, uow, scope)
    await engine.dispose()


def run_of(response: Response) -> str:
    return str(UUID(response.id.split("_")[1]))


async def test_the_answer_of_a_run_of_one_turn_stays(house: House) -> None:
    client = house.client
    made = client.responses.create(model="echo", input="What is a knot?")
    await house.sweep(run_of(made))
    again = client.responses.retrieve(made.id)
    assert (again.status, again.output_text, again.usage) == ("completed", made.output_text, made.usage)
    with pytest.raises(openai.NotFoundError, match="no longer kept"):
        list(client.responses.retrieve(made.id, stream=True))


async def test_turns_that_cannot_be_told_apart_are_no_longer_there(house: House) -> None:
    client = house.client
    first = client.responses.create(model="oai-caller", input="Add", tools=[ADD])
    second = client.responses.create(model="oai-caller", input=told(first), previous_response_id=first.id)
    last = client.responses.create(model="oai-caller", input=told(second), previous_response_id=second.id)
    assert last.output_text == "It is ten."
    await house.sweep(run_of(first))
    for response in (first, second, last):
        with pytest.raises(openai.NotFoundError, match="no longer kept") as caught:
            client.responses.retrieve(response.id)
        assert caught.value.code == "response_not_kept"
    follow_up = client.responses.create(model="oai-caller", input="And now?", previous_response_id=last.id)
    assert follow_up.status == "completed"


async def test_results_for_such_a_run_are_history(house: House) -> None:
    client = house.client
    messages: list[Any] = [{"role": "user", "content": "Add all these numbers"}]
    run = ""
    while True:
        asked = client.chat.completions.create(model="oai-caller", messages=messages, tools=[CHAT_ADD])
        message = asked.choices[0].message
        run = run or str(UUID(asked.id.split("-")[1]))
        if not message.tool_calls:
            break
        messages.append(message.model_dump(exclude_none=True))
        messages += [{"role": "tool", "tool_call_id": call.id, "content": "3"} for call in message.tool_calls]
    await house.sweep(run)
    again = client.chat.completions.create(model="oai-caller", messages=messages, tools=[CHAT_ADD])
    assert UUID(again.id.split("-")[1]) != UUID(run)
    assert again.choices[0].message.content or again.choices[0].message.tool_calls
