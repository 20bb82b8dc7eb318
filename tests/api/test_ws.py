"""Runs over WebSockets: the stream's events, its resume and its keys; strangers' pages stay outside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from tests.api.conftest import Client, ClientMaker
from tests.api.serving import served
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from girih.api.ws import KEY, PROTOCOL, RESTARTING
from girih.cli.stream import frames
from girih.db.tenancy import OrgScope


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    async with served(app, ws="auto", started=True) as url:
        yield url.replace("http://", "ws://")


def headers_of(client: Client) -> dict[str, str]:
    return {"authorization": client.headers["authorization"]}


async def a_run(client: Client) -> str:
    run = (await client.post("/v1/runs", json={"agent": "hello", "inputs": {"question": "why"}})).json()
    await client.get(f"/v1/runs/{run['id']}/events")
    return str(run["id"])


async def messages(url: str, **options: Any) -> list[dict[str, Any]]:
    async with connect(url, **options) as socket:
        return [json.loads(text) async for text in socket]


async def refused(url: str, **options: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, **options):
            raise AssertionError("it was accepted")
    return caught.value.response.status_code, json.loads(caught.value.response.body)


async def test_the_same_events_resumed_at_every_boundary(published: Client, address: str) -> None:
    run = await a_run(published)
    whole = list(frames([(await published.get(f"/v1/runs/{run}/events")).content]))
    url, headers = f"{address}/v1/runs/{run}/ws", headers_of(published)
    assert await messages(url, additional_headers=headers) == whole
    for after in range(len(whole) + 1):
        assert await messages(f"{url}?from={after}", additional_headers=headers) == whole[after:]
    assert await messages(url, additional_headers=headers | {"last-event-id": "2"}) == whole[2:]


async def test_a_browser_brings_its_key_as_a_protocol(published: Client, address: str) -> None:
    run = await a_run(published)
    key = headers_of(published)["authorization"].removeprefix("Bearer ")
    async with connect(f"{address}/v1/runs/{run}/ws", subprotocols=[PROTOCOL, KEY + key]) as socket:  # type: ignore[list-item]
        assert socket.subprotocol == PROTOCOL
        assert [json.loads(text) async for text in socket][-1]["type"] == "run.finished"


async def test_what_is_refused(published: Client, address: str, other_scope: OrgScope, client_for: ClientMaker) -> None:
    run = await a_run(published)
    url, headers = f"{address}/v1/runs/{run}/ws", headers_of(published)
    stranger = headers_of(await client_for(other_scope))
    weak = headers_of(await client_for(other_scope, frozenset({"agents:read"})))
    for bad in ("-1", "abc", "99999", "1.5"):
        status, problem = await refused(f"{url}?from={bad}", additional_headers=headers)
        assert (status, problem["code"]) == (400, "bad_cursor")
    assert (await refused(f"{url}?key=1", additional_headers=headers))[0] == 422
    assert (await refused(url))[0] == 401
    assert (await refused(url, additional_headers={"authorization": "Bearer girih_dev_wrong"}))[0] == 401
    assert (await refused(url, additional_headers=weak))[0] == 403
    foreign = await refused(url, additional_headers=stranger)
    absent = await refused(f"{address}/v1/runs/{uuid4()}/ws", additional_headers=stranger)
    assert (foreign[0], absent[0]) == (404, 404)
    assert (await refused(f"{address}/v1/runs/nonsense/ws", additional_headers=headers))[0] == 404
    status, problem = await refused(url, additional_headers=headers, origin="https://evil.example")
    assert (status, problem["code"]) == (403, "forbidden")
    own = address.replace("ws://", "http://")
    assert await messages(url, additional_headers=headers, origin=own)


async def test_a_stop_ends_it_so_that_the_client_goes_on_elsewhere(
    published: Client, address: str, app: FastAPI
) -> None:
    spec = published  # a run that waits for nobody ends too soon: this one speaks slowly
    slow = (
        'kind: graph/v1\nname: slowly\nuse: { model: model://demo }\nnodes:\n  a:\n    llm: model\n    prompt: "x"\n'
        '    params: { tokens: 100, delay_ms: 50 }\n    next: $end\noutputs: { text: "${ a.text }" }\n'
    )
    await spec.post("/v1/workspace/apply", json={"files": {"slowly.yaml": slow}})
    run = (await spec.post("/v1/runs", json={"agent": "slowly"})).json()["id"]
    seen = []
    with pytest.raises(ConnectionClosed) as caught:
        async with connect(f"{address}/v1/runs/{run}/ws", additional_headers=headers_of(spec)) as socket:
            while True:
                seen.append(json.loads(await socket.recv()))
                if len(seen) == 5:
                    for pump in tuple(app.state.streams._open):
                        pump.cancel()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == RESTARTING
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    await spec.post(f"/v1/runs/{run}/cancel")


async def test_those_who_leave_leave_nothing_behind(published: Client, address: str, app: FastAPI) -> None:
    run = await a_run(published)
    before = asyncio.all_tasks()
    for _ in range(20):
        options: dict[str, Any] = {"additional_headers": headers_of(published), "max_queue": None}
        async with connect(f"{address}/v1/runs/{run}/ws", **options) as socket:
            await socket.recv()
    for _ in range(200):
        left = asyncio.all_tasks() - before
        if not left and not len(app.state.streams):
            return
        await asyncio.sleep(0.02)
    raise AssertionError([str(task) for task in left])
