"""Streams of threads as LangGraph's Python client reads them: joined as a whole, and by the event-streaming protocol."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from tests.compat.conftest import Served


@pytest.fixture
async def client(served: Served) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=f"{served.url}/langgraph", api_key=served.key) as made:
        yield made


async def until(parts: AsyncIterator[Any], count: int, status: str = "run_done") -> list[Any]:
    """What comes until so many runs are done."""
    found: list[Any] = []
    async with asyncio.timeout(60):
        async for part in parts:
            found.append(part)
            count -= part.event == "metadata" and part.data["status"] == status
            if count == 0:
                break
    await parts.aclose()  # type: ignore[attr-defined] # - it is a generator
    return found


async def test_a_thread_is_joined_over_several_runs(client: LangGraphClient) -> None:
    thread = (await client.threads.create())["thread_id"]
    reading = asyncio.create_task(until(await client.threads.join_stream(thread, last_event_id="-1"), 2))
    for n in range(2):
        await client.runs.wait(thread, "lg-notes", input={"n": n})
    parts = await reading
    runs = [part.data["run_id"] for part in parts if part.event == "metadata" and part.data["status"] == "run_done"]
    assert runs == [run["run_id"] for run in reversed(await client.runs.list(thread))]
    values = [part.data for part in parts if part.event == "values"]
    assert values[-1]["total"] == 21
    assert len({part.id for part in parts}) == len(parts)
    for at in range(0, len(parts) - 1, 5):
        rest = await until(
            await client.threads.join_stream(thread, last_event_id=parts[at].id),
            sum(one.event == "metadata" and one.data["status"] == "run_done" for one in parts[at + 1 :]),
        )
        assert [(one.id, one.event, one.data) for one in rest] == [
            (one.id, one.event, one.data) for one in parts[at + 1 :]
        ]


async def test_only_what_was_asked_for_is_told_of_a_thread(client: LangGraphClient) -> None:
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "lg-notes", input={})
    news = await until(await client.threads.join_stream(thread, last_event_id="-1", stream_mode="lifecycle"), 1)
    assert [(part.event, part.data["status"]) for part in news] == [
        ("metadata", "run_running"),
        *[("metadata", "run_waiting")] * (len(news) - 2),
        ("metadata", "run_done"),
    ]
    with pytest.raises(Exception, match="stream_mode"):
        await anext(await client.threads.join_stream(thread, stream_mode="nothing"))  # type: ignore[arg-type,call-overload]


async def test_the_protocol_streams_messages_and_values(client: LangGraphClient) -> None:
    async with client.threads.stream(assistant_id="echo") as thread:
        started = await thread.run.start(input={"messages": [{"role": "user", "content": "hello"}]})
        assert started["run_id"]
        messages = [message async for message in thread.messages]
        texts = [await message.text for message in messages]
        ids = [message.message_id for message in messages]
        final = await thread.output
    assert [message["type"] for message in final["messages"]] == ["human", "ai"]
    assert texts == [final["messages"][-1]["content"]]
    assert ids == [final["messages"][-1]["id"]]


async def test_the_protocol_streams_values(client: LangGraphClient) -> None:
    async with client.threads.stream(assistant_id="lg-notes") as thread:
        await thread.run.start(input={"n": 4})
        values = [snapshot async for snapshot in thread.values]
        assert values[-1]["total"] == 14
        assert (await thread.output)["total"] == 14


async def test_an_existing_thread_goes_on_by_the_protocol(client: LangGraphClient) -> None:
    number = (await client.threads.create())["thread_id"]
    for turn in range(2):
        async with client.threads.stream(thread_id=number, assistant_id="lg-notes") as thread:
            await thread.run.start(input={"n": 1})
            async with asyncio.timeout(60):
                assert (await thread.output)["seen"][-1] == "right"
        assert len((await client.threads.get_state(number))["values"]["seen"]) == 3 * (turn + 1)  # type: ignore[call-overload]
        await asyncio.sleep(2.1)  # what has ended lately is told to those who come


async def test_what_is_asked_is_answered_by_the_protocol(client: LangGraphClient) -> None:
    async with client.threads.stream(assistant_id="lg-ask") as thread, asyncio.timeout(60):
        await thread.run.start(input={"question": "hm"})
        while not thread.interrupted:
            await asyncio.sleep(0.02)
        (asked,) = thread.interrupts
        assert asked["value"]["message"] == "Are you sure?"
        with pytest.raises(RuntimeError, match="invalid_argument"):
            await thread.run.respond({"choice": "perhaps"})
        await thread.run.respond({"choice": "yes"})
        assert (await thread.output)["messages"][-1]["type"] == "ai"


async def test_subgraphs_are_found_by_the_protocol(client: LangGraphClient) -> None:
    async with client.threads.stream(assistant_id="lg-outer") as thread, asyncio.timeout(60):
        await thread.run.start(input={})
        found = [child async for child in thread.subgraphs]
        assert [child.graph_name for child in found] == ["inner"]
        assert found[0].status == "completed"


async def test_a_failed_run_is_raised_by_the_protocol(client: LangGraphClient) -> None:
    async with client.threads.stream(assistant_id="lg-broken") as thread, asyncio.timeout(60):
        await thread.run.start(input={})
        with pytest.raises(RuntimeError, match="Run errored"):
            await thread.output


async def test_commands_that_are_not_served_say_so(client: LangGraphClient, served: Served) -> None:
    thread = (await client.threads.create())["thread_id"]
    with httpx.Client(
        base_url=f"{served.url}/langgraph/threads/{thread}", headers={"x-api-key": served.key}, trust_env=False
    ) as plain:
        told = plain.post("/commands", json={"id": 1, "method": "input.inject", "params": {}}).json()
        assert (told["type"], told["error"]) == ("error", "not_supported")
        told = plain.post(
            "/commands", json={"id": 2, "method": "run.start", "params": {"assistant_id": "no-such"}}
        ).json()
        assert (told["id"], told["error"]) == (2, "no_such_run")
        told = plain.post("/commands", json={"id": 3, "method": "run.start", "params": {"input": 1}}).json()
        assert told["error"] == "invalid_argument"
        assert "assistant_id" in told["message"]
        told = plain.post(
            "/commands", json={"id": 4, "method": "input.respond", "params": {"interrupt_id": "x"}}
        ).json()
        assert told["error"] == "no_such_interrupt"
        assert plain.post("/stream/events", json={"channels": ["nothing"]}).status_code == 422
        missing = f"{served.url}/langgraph/threads/{uuid.uuid4()}/stream/events"
        assert plain.post(missing, json={"channels": ["values"]}).status_code == 404


async def test_events_are_numbered_and_go_on_after_each(client: LangGraphClient, served: Served) -> None:
    number = (await client.threads.create())["thread_id"]
    async with client.threads.stream(thread_id=number, assistant_id="lg-notes") as thread:
        await thread.run.start(input={})
        await thread.output
        seen: list[Any] = []
        async for event in thread.events:
            seen.append(event)
            if event["method"] == "lifecycle" and event["params"]["data"]["event"] == "completed":
                break
    numbers = [event["seq"] for event in seen]
    assert numbers == sorted(set(numbers))
    async with httpx.AsyncClient(headers={"x-api-key": served.key}, trust_env=False, timeout=60) as plain:
        body = {
            "channels": [
                "values",
                "updates",
                "lifecycle",
                "tasks",
                "messages",
                "tools",
                "custom",
                "input",
                "checkpoints",
            ]
        }
        for at in range(0, len(seen) - 1, 4):
            rest: list[int] = []
            asked = {**body, "since": numbers[at]}
            address = f"{served.url}/langgraph/threads/{number}/stream/events"
            async with plain.stream("POST", address, json=asked) as answer:
                async for line in answer.aiter_lines():
                    if line.startswith("id: "):
                        rest.append(int(line[4:]))
                    if len(rest) == len(numbers) - at - 1:
                        break
            assert rest == numbers[at + 1 :]
