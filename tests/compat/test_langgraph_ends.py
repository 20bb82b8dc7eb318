"""What follows the end of a run for LangGraph's clients: webhooks that are told, and runs that are kept or removed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from langgraph_sdk.client import SyncLangGraphClient
from langgraph_sdk.errors import NotFoundError
from tests.compat.conftest import Served
from tests.compat.langgraph_clients import opened
from tests.compat.shop import Shop

from girih.db.engine import make_engine, make_sessions
from girih.db.unit_of_work import UnitOfWork
from girih.services.runs import removal_repository

pytestmark = pytest.mark.timeout(120)

Start = Callable[..., str]


@pytest.fixture
def client(trading: Served) -> Iterator[SyncLangGraphClient]:
    with opened(trading.url, trading.key) as made:
        yield made


@pytest.fixture
def girih(trading: Served) -> Iterator[httpx.Client]:
    with trading.client() as made:
        yield made


@pytest.fixture(params=["create", "stream", "wait"])
def start(request: pytest.FixtureRequest, client: SyncLangGraphClient, girih: httpx.Client) -> Start:
    """Each way to start a run; gives its id."""

    def started(thread: str | None, agent: str, **given: Any) -> str:
        begun: list[str] = []
        given = {"input": {"messages": ["Please."]}, "on_run_created": lambda run: begun.append(run["run_id"])} | given
        made = getattr(client.runs, request.param)(thread, agent, **given)
        if request.param == "stream":
            list(made)
        return begun[0]

    return started


async def remove_unwanted(served: Served) -> None:
    """What the server does itself a minute after the end of runs that are not to stay."""
    engine = make_engine(served.database_url)
    uow = UnitOfWork(make_sessions(engine), lambda *_: None)
    async with uow.reading_for("reconcile") as work:
        found = await removal_repository.unwanted_runs(work, after=timedelta(0), limit=100)
    for scope, runs in found.items():
        async with uow(scope) as work:
            await removal_repository.remove_unwanted(work, scope, runs)
    await engine.dispose()


def new_thread(client: SyncLangGraphClient) -> str:
    return str(client.threads.create()["thread_id"])


def test_a_webhook_is_told_of_the_end(
    client: SyncLangGraphClient, girih: httpx.Client, shop: Shop, start: Start
) -> None:
    thread = new_thread(client)
    run = start(thread, "lgt-buyer", webhook=f"{shop.url}/hook?token=t", metadata={"order": 7})
    (told,) = shop.of_run(run, "run.finished")
    assert (told["data"]["run"]["thread_id"], told["data"]["run"]["metadata"]["order"]) == (thread, 7)
    assert told["data"]["run"]["outputs"] == {"text": "Tea costs four."}
    headers, body = next((head, sent) for head, sent in shop.told if json.loads(sent) == told)
    secret = girih.get("/v1/webhook-secret").json()["secret"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_a_webhook_is_told_that_a_run_waits_and_then_that_it_ended(client: SyncLangGraphClient, shop: Shop) -> None:
    thread = new_thread(client)
    hook: Any = {"input": {"messages": ["Please."]}, "webhook": f"{shop.url}/hook"}
    asked: Any = client.runs.wait(thread, "lgt-clerk", **hook)
    run = client.runs.list(thread)[0]["run_id"]
    (waits,) = shop.of_run(run, "run.interrupted")
    assert [one["id"] for one in waits["data"]["interrupts"]] == [one["id"] for one in asked["__interrupt__"]]
    client.runs.wait(thread, "lgt-clerk", command={"resume": {"approved": False}})
    assert [one["type"] for one in shop.of_run(run, "run.finished")] == ["run.interrupted", "run.finished"]


def test_a_webhook_is_told_of_a_run_that_is_stopped(client: SyncLangGraphClient, shop: Shop) -> None:
    thread = new_thread(client)
    run = client.runs.create(thread, "lg-patient", input={}, webhook=f"{shop.url}/hook")["run_id"]
    client.runs.cancel(thread, run, wait=True)
    assert shop.of_run(run, "run.cancelled")[-1]["data"]["run"]["status"] == "cancelled"


async def test_a_run_that_is_not_to_stay_is_told_of_and_goes(
    trading: Served, client: SyncLangGraphClient, shop: Shop, start: Start
) -> None:
    run = start(None, "lgt-buyer", webhook=f"{shop.url}/hook", on_completion="delete")
    (told,) = shop.of_run(run, "run.finished")
    assert told["data"]["run"]["status"] == "succeeded"
    assert client.runs.get(run, run)["status"] == "success"  # whoever waited for it may still look
    await remove_unwanted(trading)
    with pytest.raises(NotFoundError):
        client.runs.get(run, run)
    with pytest.raises(NotFoundError):
        client.threads.get(run)


def test_a_run_that_is_to_stay_has_a_thread_that_goes_on(
    client: SyncLangGraphClient, girih: httpx.Client, start: Start
) -> None:
    run = start(None, "lgt-buyer", on_completion="keep")
    thread = girih.get(f"/v1/runs/{run}").json()["thread_id"]
    client.runs.join(thread, run)
    assert [one["type"] for one in _messages(client, thread)] == ["human", "ai", "tool", "tool", "ai"]
    more: Any = client.runs.wait(thread, "lgt-buyer", input={"messages": ["And now?"]})
    assert len(more["messages"]) == 10


def test_without_a_word_a_run_is_kept_and_has_no_thread(client: SyncLangGraphClient, start: Start) -> None:
    run = start(None, "lgt-buyer")
    client.runs.join(run, run)
    assert client.runs.get(run, run)["status"] == "success"
    with pytest.raises(NotFoundError):
        client.threads.get(run)


def _messages(client: SyncLangGraphClient, thread: str) -> list[dict[str, Any]]:
    values: Any = client.threads.get_state(thread)["values"]
    return list(values["messages"])
