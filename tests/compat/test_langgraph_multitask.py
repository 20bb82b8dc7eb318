"""Several runs on a thread, asked for by many clients at two processes: what becomes of each is what was asked for."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import ConflictError
from tests.api.process import api_process
from tests.compat.conftest import Served

COUNT = 8


@pytest.fixture(scope="module")
def elsewhere(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another process on the same database."""
    with api_process(served.database_url, tmp_path_factory.mktemp("elsewhere")) as api:
        yield api.url


@pytest.fixture
async def clients(served: Served, elsewhere: str) -> AsyncIterator[list[LangGraphClient]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(get_client(url=f"{url}/langgraph", api_key=served.key))
            for url in (served.url, elsewhere)
        ]


async def thread_on(client: LangGraphClient) -> str:
    thread = str(uuid.uuid4())
    await client.threads.create(thread_id=thread)
    return thread


def standing(plain: httpx.Client, thread: str) -> list[str]:
    runs = plain.get("/v1/runs", params={"thread": thread}).json()["items"]
    return [run["status"] for run in runs]


async def read(client: LangGraphClient, thread: str, agent: str, n: int, how: Any) -> list[Any]:
    asked = client.runs.stream(thread, agent, input={"n": n}, multitask_strategy=how, stream_mode="values")
    return [part async for part in asked]


async def test_runs_in_line_are_done_one_after_the_other(clients: list[LangGraphClient]) -> None:
    thread = await thread_on(clients[0])
    streams = await asyncio.gather(*(read(clients[n % 2], thread, "lg-notes", 1, "enqueue") for n in range(COUNT)))
    assert all(parts[-1].data["status"] == "success" for parts in streams)
    firsts = sorted(next(part.data for part in parts if part.event == "values")["total"] for parts in streams)
    finals = sorted([part.data for part in parts if part.event == "values"][-1]["total"] for parts in streams)
    # Each began with what the one before it had left, whichever process it was asked for at.
    assert firsts == [11 * n for n in range(COUNT)]
    assert finals == [11 * n for n in range(1, COUNT + 1)]
    state = await clients[1].threads.get_state(thread)
    assert state["values"]["total"] == 11 * COUNT  # type: ignore[call-overload]


async def test_all_but_one_are_refused(clients: list[LangGraphClient]) -> None:
    thread = await thread_on(clients[0])
    asked = [
        clients[n % 2].runs.create(thread, "lg-patient", input={"n": n}, multitask_strategy="reject")
        for n in range(COUNT)
    ]
    told = await asyncio.gather(*asked, return_exceptions=True)
    accepted = [one for one in told if not isinstance(one, BaseException)]
    assert len(accepted) == 1
    assert all(isinstance(one, ConflictError) for one in told if isinstance(one, BaseException))
    await clients[1].runs.cancel(thread, accepted[0]["run_id"], wait=True)
    assert (await clients[0].runs.get(thread, accepted[0]["run_id"]))["status"] == "interrupted"


@pytest.mark.parametrize(("how", "kept"), [("interrupt", True), ("rollback", False)])
async def test_the_newest_takes_the_place_of_the_others(
    clients: list[LangGraphClient], plain: httpx.Client, how: Any, kept: bool
) -> None:
    thread = await thread_on(clients[0])
    reading = [asyncio.create_task(read(clients[n % 2], thread, "lg-patient", n, how)) for n in range(COUNT)]
    async with asyncio.timeout(60):
        while sorted(Counter(standing(plain, thread)).items()) != [("cancelled", COUNT - 1), ("interrupted", 1)]:
            await asyncio.sleep(0.05)  # until one waits for its event, and all others have ended
    [last] = [run for run in await clients[0].runs.list(thread) if run["status"] == "running"]
    done = await read(clients[1], thread, "lg-notes", 1, how)
    assert done[-1].data["status"] == "success"
    streams = await asyncio.gather(*reading)
    assert {parts[-1].data["status"] for parts in streams} == {"interrupted"}
    assert (await clients[1].runs.get(thread, last["run_id"]))["status"] == "interrupted"
    seen = (await clients[0].threads.get_state(thread))["values"]["seen"]  # type: ignore[call-overload]
    numbers = [one for one in seen if isinstance(one, int)]
    assert seen[len(numbers) :] == ["a", "left", "right"]
    assert bool(numbers) is kept
    assert len(set(numbers)) == len(numbers)


async def test_a_run_is_cancelled_at_the_other_process(clients: list[LangGraphClient]) -> None:
    thread = await thread_on(clients[0])
    run = await clients[0].runs.create(thread, "lg-patient", input={})
    reading = asyncio.create_task(clients[0].runs.join(thread, run["run_id"]))
    await clients[1].runs.cancel(thread, run["run_id"], wait=True)
    assert (await reading)["seen"] == [0]
