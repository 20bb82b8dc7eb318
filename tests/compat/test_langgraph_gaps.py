"""Silences that are broken, logs that are no longer whole, and streams gone on with: through LangGraph's clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from langgraph_sdk.client import SyncLangGraphClient
from tests.api.process import api_process
from tests.compat.clients import node
from tests.compat.conftest import AGENTS, Served, publish
from tests.compat.langgraph_clients import opened
from tests.conftest import make_scope

from girih.db.engine import make_engine, make_sessions
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.schemas import PERMISSIONS
from girih.services.identity.service import IdentityService
from girih.services.retention.service import RetentionService
from girih.services.retention.sweeper import Sweeper

pytestmark = pytest.mark.timeout(120)

RESTLESS = """
import girih.api.open_streams
from girih.launch import launch
girih.api.open_streams.HEARTBEAT = 0.02
raise SystemExit(launch("girih.api.server"))
"""
"""The server, with so little patience that it breaks each silence."""


@pytest.fixture(scope="module")
def restless(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("restless")
    with api_process(served.database_url, folder, program=("-c", RESTLESS)) as api:
        yield Served(api.url, served.key, served.database_url)


def test_clients_do_not_mind_what_breaks_a_silence(restless: Served) -> None:
    given: dict[str, Any] = {"input": {"messages": ["One?"]}}
    body = {"assistant_id": "ui-slow", **given, "stream_mode": ["values", "messages-tuple"]}
    with restless.client() as plain:
        raw = plain.post("/langgraph/runs/stream", json=body).content
        assert raw.count(b": ping\n") > 10
        assert plain.post("/langgraph/runs/wait", json={"assistant_id": "ui-slow", **given}).text.startswith("\n\n")
    with opened(restless.url, restless.key) as client:
        modes: list[Any] = ["values", "messages-tuple"]
        parts = list(client.runs.stream(None, "ui-slow", **given, stream_mode=modes))
        assert {part.event for part in parts} == {"metadata", "messages", "values", "end"}
        values: Any = client.runs.wait(None, "ui-slow", **given)
        assert values["messages"][-1]["content"] == "".join(
            p.data[0]["content"] for p in parts if p.event == "messages"
        )
    seen = node("langgraph_silences.mjs", f"{restless.url}/langgraph", restless.key)
    assert seen == {"events": ["end", "messages", "metadata", "values"], "same": True, "protocol": True}


@pytest.fixture
async def forgetful(trading: Served) -> AsyncIterator[Served]:
    """An organization of its own, of which all that is past its time can be removed."""
    engine = make_engine(trading.database_url)
    uow = UnitOfWork(make_sessions(engine), lambda *_: None)
    scope = await make_scope(uow)
    key = (await IdentityService(uow).create_key(scope, "forgetful", PERMISSIONS)).key
    await engine.dispose()
    found = Served(trading.url, key, trading.database_url, scope)
    publish(found, AGENTS / "tools")
    yield found


async def forget(served: Served) -> None:
    """The days are over for which events are kept."""
    assert served.scope is not None
    engine = make_engine(served.database_url)
    uow = UnitOfWork(make_sessions(engine), lambda *_: None)
    await Sweeper(uow, RetentionService(uow)).sweep(served.scope, datetime.now(UTC) + timedelta(days=91))
    await engine.dispose()


async def test_of_a_run_whose_log_is_gone_the_end_is_told(forgetful: Served) -> None:
    modes: list[Any] = ["values", "messages-tuple", "updates"]
    with opened(forgetful.url, forgetful.key) as client:
        thread = client.threads.create()["thread_id"]
        parts = list(client.runs.stream(thread, "lgt-buyer", input={"messages": ["How much?"]}, stream_mode=modes))
        run = parts[0].data["run_id"]
        assert list(client.runs.join_stream(thread, run, stream_mode=modes, last_event_id="-1")) == parts
        await forget(forgetful)
        told = list(client.runs.join_stream(thread, run, stream_mode=modes))
        assert [part.event for part in told] == ["metadata", "end"]
        for at in (0, 3):
            rest = list(client.runs.join_stream(thread, run, stream_mode=modes, last_event_id=parts[at].id))
            assert rest == [parts[-1]]
        joined: Any = client.runs.join(thread, run)
        assert joined["text"] == "Tea costs four."
        # What the thread holds is kept; the calls were told by the log alone.
        assert types(client, thread) == ["human", "ai"]
        client.runs.wait(thread, "lgt-buyer", input={"messages": ["And now?"]})
        assert types(client, thread) == ["human", "ai", "human", "ai", "tool", "tool", "ai"]


def types(client: SyncLangGraphClient, thread: str) -> list[str]:
    values: Any = client.threads.get_state(thread)["values"]
    return [one["type"] for one in values["messages"]]


@pytest.mark.parametrize("modes", [["debug", "tasks"], ["messages"], ["events", "checkpoints"]])
def test_a_stream_goes_on_in_the_modes_that_it_began_with(
    trading: Served, plain: httpx.Client, modes: list[Any]
) -> None:
    with opened(trading.url, trading.key) as client:
        thread = client.threads.create()["thread_id"]
        given: Any = {"input": {"messages": ["Please."]}, "stream_mode": modes}
        parts = list(client.runs.stream(thread, "lgt-clerk", **given))
        run = parts[0].data["run_id"]
        for at in (1, len(parts) - 2):
            assert list(client.runs.join_stream(thread, run, last_event_id=parts[at].id)) == parts[at + 1 :]
        # An answer that names no mode is told as the run began for whoever joins it.
        client.runs.create(thread, "lgt-clerk", command={"resume": {"approved": False}})
        client.runs.join(thread, run)
        rest = {part.event.partition("/")[0] for part in client.runs.join_stream(thread, run)}
        assert rest == {"metadata", "end", *modes}
