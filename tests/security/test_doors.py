"""Streams, WebSockets, uploads and the doors for other projects' clients: what is somebody else's is not there."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from tests.api.serving import served
from tests.security.asking import Operation, of_doors
from tests.security.entries import ENTRIES
from tests.security.places import NOTHING, Place, World
from tests.security.test_foreign import _OWN
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from girih.api import open_streams
from girih.api.ws import RESTARTING
from girih.services.identity.schemas import PERMISSIONS

SECONDS = 3.0
"""So long an answer is waited for: a stream may be open before there is anything to follow."""

BEGUN = {entry.route: entry.body for entry in ENTRIES}


def named(place: Place, ids: dict[str, str]) -> dict[str, str]:
    """What the parameters of doors mean; in `ids`, what nothing has."""
    agent = place.words["hello"] if ids is place.ids else NOTHING
    run = ids["run_id"]
    return {
        **ids,
        "agent": agent,
        "model": agent,
        "assistant_id": agent,
        "cron_id": ids["schedule_id"],
        "chat_id": ids["thread_id"],
        "chat": ids["thread_id"],
        "response_id": f"resp_{run.replace('-', '')}",
        "namespace": "one",
        "rest": run,
    }


def body_of(operation: Operation, ids: dict[str, str]) -> Any:
    """A body that names things wherever the door's protocol has a place for one."""
    begun = BEGUN.get(f"{operation.method} {operation.path.replace(':path', '')}")
    if begun is not None:
        return begun(ids)
    thread, run, agent = ids["thread_id"], ids["run_id"], ids["agent"]
    tail = operation.path.removeprefix("/langgraph")
    point = {"thread_id": thread, "checkpoint_id": ids["checkpoint_id"]}
    known: dict[str, Any] = {
        "/threads": {"metadata": {"of": ids["run_id"]}},  # a chosen id has to be new in the organization
        "/threads/search": {"ids": [thread]},
        "/threads/count": {"metadata": {"of": ids["run_id"]}},
        "/threads/prune": {"thread_ids": [thread]},
        "/threads/{thread_id}/state": {"values": {"x": 1}, "checkpoint": point},
        "/threads/{thread_id}/state/checkpoint": {"checkpoint": point},
        "/threads/{thread_id}/stream/events": {"channels": ["values"]},
        "/runs/cancel": {"thread_id": thread, "run_ids": [run]},
        "/runs/crons": {"assistant_id": agent, "schedule": "0 3 * * *"},
        "/threads/{thread_id}/runs/crons": {"assistant_id": agent, "schedule": "0 3 * * *"},
        "/runs/crons/search": {"assistant_id": agent, "thread_id": thread},
        "/runs/crons/count": {"assistant_id": agent, "thread_id": thread},
        "/assistants/search": {"graph_id": agent},
        "/assistants/count": {"graph_id": agent},
        "/assistants": {"graph_id": agent},
        "/assistants/{assistant_id}/latest": {"version": 1},
        "/store/items": {"namespace": ["a"], "key": ids["run_id"], "value": {"x": 1}},
        "/store/items/search": {"namespace_prefix": ["a"], "filter": {"of": ids["run_id"]}},
    }
    return known.get(tail, {})


async def said(place: Place, operation: Operation, ids: dict[str, str]) -> tuple[int, str]:
    """Status and body of what a door answers to the owner of a place."""
    path = operation.path.replace(":path}", "}").format(**ids)
    more = {} if operation.method in ("GET", "HEAD") else {"json": body_of(operation, ids)}
    headers = {"tus-resumable": "1.0.0"} if operation.method == "HEAD" else {}
    if operation.path == "/langgraph/store/items" and operation.method == "GET":
        more = {"params": {"namespace": "a", "key": ids["run_id"]}}
    try:
        async with asyncio.timeout(SECONDS):
            answer = await place.owner.request(operation.method, path, headers=headers, **more)
    except TimeoutError:
        return 0, "open"
    text = answer.text
    for word in sorted(set(ids.values()), key=len, reverse=True):
        text = text.replace(word, "·")
    return answer.status_code, _OWN.sub("·", text)


async def test_doors_know_nothing_of_others(world: World) -> None:
    """Every route of every door, with ids and names of another organization beside ones that nothing has."""
    operations = of_doors(world.app)
    wrong, statuses = [], []
    for own, other in ((world.away, world.home), (world.cellar, world.home)):
        absent = named(own, own.absent())
        for operation in operations:
            random = await said(own, operation, absent)
            foreign = await said(own, operation, named(other, other.ids))
            statuses.append(foreign[0])
            if foreign != random or foreign[0] >= 500:
                wrong.append(f"{operation.name} of {own.name}: {foreign} beside {random}")
            if other.mark in foreign[1] or other.secret in foreign[1]:
                wrong.append(f"{operation.name} of {own.name}: a mark")
    print(f"doors: {len(statuses)} cells, {statuses.count(404)} of them 404")
    assert not wrong, "\n".join(wrong[:30])
    assert statuses.count(404) > len(statuses) / 2


async def test_what_a_response_or_a_chat_goes_on_from(world: World) -> None:
    """OpenAI's `previous_response_id`, and the header that names a thread."""
    for own, other in ((world.away, world.home), (world.cellar, world.home)):
        found = []
        for ids in (named(other, other.ids), named(own, own.absent())):
            body = {"model": own.words["hello"], "input": "x", "previous_response_id": ids["response_id"]}
            behind = await own.owner.post("/openai/v1/responses", json=body)
            body = {"model": own.words["hello"], "messages": [{"role": "user", "content": "x"}]}
            headers = {"x-girih-thread": ids["thread_id"]}
            threaded = await own.owner.post("/openai/v1/chat/completions", json=body, headers=headers)
            texts = [_OWN.sub("·", answer.text.replace(ids["response_id"], "·")) for answer in (behind, threaded)]
            found.append((behind.status_code, threaded.status_code, texts))
            assert not [text for text in texts if other.says(text)]
        assert found[0] == found[1]


async def test_sockets_are_as_streams(world: World) -> None:
    run, nowhere = world.home.ids["run_id"], str(uuid4())
    poor = (await world.girih.identity.create_key(world.home.scope, "poor", PERMISSIONS - {"runs:read"})).key
    async with served(world.app, ws="auto", started=True) as url:
        tried = [
            (None, run, 401),
            ("Bearer garbage", run, 401),
            (f"Bearer {poor}", run, 403),
            (world.away.owner.headers["authorization"], run, 404),
            (world.away.owner.headers["authorization"], nowhere, 404),
            (world.cellar.owner.headers["authorization"], run, 404),
        ]
        bodies = []
        for shown, number, status in tried:
            headers = {"authorization": shown} if shown else {}
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"ws{url[4:]}/v1/runs/{number}/ws", additional_headers=headers):
                    raise AssertionError("it was accepted")
            assert refused.value.response.status_code == status
            bodies.append(_OWN.sub("·", refused.value.response.body.decode()))
        assert bodies[3] == bodies[4] == bodies[5]


async def test_what_is_open_ends_with_the_key_at_every_door(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream, a socket, and the streams of a thread as LangGraph's clients follow it."""
    monkeypatch.setattr(open_streams, "LOOK", 0.05)
    home = world.home
    thread = (await home.owner.post("/v1/threads", json={})).json()["id"]
    body = {"agent": "curious", "thread_id": thread}
    run = (await home.owner.post("/v1/runs", json=body)).json()["id"]
    made = await world.girih.identity.create_key(home.scope, "short", PERMISSIONS)
    client = world.speaker(home, made.key)
    shown = {"authorization": f"Bearer {made.key}"}
    async with (
        served(world.app, ws="auto", started=True) as url,
        connect(f"ws{url[4:]}/v1/runs/{run}/ws", additional_headers=shown) as socket,
    ):
        paths = [f"/v1/runs/{run}/events", f"/langgraph/threads/{thread}/stream"]
        reading = [asyncio.create_task(client.get(path)) for path in paths]
        await socket.recv()
        await asyncio.sleep(0.3)
        assert not [task for task in reading if task.done()]
        await world.girih.identity.revoke_key(home.scope, made.id)
        async with asyncio.timeout(10):
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await socket.recv()
            await asyncio.gather(*reading)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == RESTARTING
    assert (await client.get("/v1/agents")).status_code == 401
