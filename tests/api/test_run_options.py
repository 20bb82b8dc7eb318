"""Options of runs over HTTP, with one process that accepts and another one that executes: leaving, later, webhooks."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.conftest import is_problem
from tests.api.process import ApiProcess, api_process
from tests.providers.servers import Asked, Server, hangs, says, serving
from websockets.asyncio.client import connect

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.service import IdentityService

SLOW = """\
kind: graph/v1
name: slow
use: { slow: tool://slow }
nodes:
  ask: { call: slow, with: {}, timeout: 60, next: $end }
"""
TOOL = """\
kind: tool/v1
name: slow
description: Never answers.
http: { endpoint: slow, method: GET, path: /slow }
parameters: {}
returns: { done: boolean }
"""
LINE = """\
kind: graph/v1
name: line
nodes:
  lookup: { set: { n: 1 }, next: draft }
  draft: { set: { n: 2 }, next: $end }
outputs: { n: "${ draft.n }" }
"""
FILES = {"slow.yaml": SLOW, "tools/slow.yaml": TOOL, "line.yaml": LINE}
DONE = ("succeeded", "failed", "cancelled", "expired")


async def outside(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """A service that never answers, and a receiver of webhooks that does."""
    await (says(204) if asked.path.startswith("/hook") else hangs)(asked, writer)


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Server]:
    async with serving(outside) as server:
        yield server


def options(server: Server, **more: str) -> dict[str, str]:
    return {"GIRIH_RUN_LEASE": "2.5", "GIRIH_ENDPOINTS": json.dumps({"slow": server.url})} | more


@pytest.fixture(scope="module")
def processes(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, server: Server
) -> Iterator[tuple[ApiProcess, ApiProcess]]:
    """One that only accepts, and one that executes."""
    with ExitStack() as stack:
        idle, busy = (tmp_path_factory.mktemp(name) for name in ("idle", "busy"))
        yield (
            stack.enter_context(api_process(database_url, idle, **options(server, GIRIH_RUN_SLOTS="0"))),
            stack.enter_context(api_process(database_url, busy, **options(server))),
        )


@pytest.fixture
async def key(uow: UnitOfWork, scope: OrgScope, processes: tuple[ApiProcess, ApiProcess]) -> str:
    made = await IdentityService(uow).create_key(scope, "options", scope.permissions)
    async with client_of(processes[0], made.key) as client:
        answer = await client.post("/v1/workspace/apply", json={"files": FILES})
        assert answer.is_success, answer.text
    return made.key


def client_of(process: ApiProcess, key: str) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=process.url, headers=headers, timeout=60, trust_env=False)


@pytest.fixture
async def door(processes: tuple[ApiProcess, ApiProcess], key: str) -> AsyncIterator[httpx.AsyncClient]:
    """The process that executes nothing."""
    async with client_of(processes[0], key) as client:
        yield client


async def until_it_works(lines: AsyncIterator[str]) -> None:
    """Read until the run's only node has begun, in the other process."""
    async with asyncio.timeout(30):
        async for line in lines:
            if line == "event: node.started":
                return
    raise AssertionError("the stream ended")


async def ended(client: httpx.AsyncClient, run: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            found = (await client.get(f"/v1/runs/{run}/wait?timeout=20")).json()
            if found["status"] in DONE:
                return dict(found)


async def only_run(client: httpx.AsyncClient) -> dict[str, Any]:
    (found,) = (await client.get("/v1/runs")).json()["items"]
    return dict(found)


async def test_who_leaves_ends_the_run_only_if_that_was_asked_for(door: httpx.AsyncClient) -> None:
    async with door.stream("POST", "/v1/runs/stream", json={"agent": "slow"}) as answer:
        await until_it_works(answer.aiter_lines())
    run = await only_run(door)
    # Another reader comes and goes, and so does one who wants it to end with them.
    async with door.stream("GET", f"/v1/runs/{run['id']}/events") as answer:
        await until_it_works(answer.aiter_lines())
    assert (await door.get(f"/v1/runs/{run['id']}")).json()["status"] == "running"
    async with door.stream("GET", f"/v1/runs/{run['id']}/events?cancel_on_disconnect=true") as answer:
        await until_it_works(answer.aiter_lines())
    assert (await ended(door, run["id"]))["status"] == "cancelled"


async def test_a_run_ends_with_the_stream_that_began_it(door: httpx.AsyncClient) -> None:
    body = {"agent": "slow", "on_disconnect": "cancel"}
    async with door.stream("POST", "/v1/runs/stream", json=body) as answer:
        await until_it_works(answer.aiter_lines())
    assert (await ended(door, (await only_run(door))["id"]))["status"] == "cancelled"


async def test_a_socket_may_end_the_run_as_well(
    door: httpx.AsyncClient, processes: tuple[ApiProcess, ApiProcess]
) -> None:
    run = (await door.post("/v1/runs", json={"agent": "slow"})).json()["id"]
    url = f"{processes[0].url.replace('http', 'ws')}/v1/runs/{run}/ws"
    headers = {"authorization": door.headers["authorization"]}
    for address in (url, f"{url}?cancel_on_disconnect=true"):
        assert (await door.get(f"/v1/runs/{run}")).json()["status"] not in DONE
        async with asyncio.timeout(30), connect(address, additional_headers=headers) as socket:
            while json.loads(await socket.recv())["type"] != "node.started":
                continue
    assert (await ended(door, run))["status"] == "cancelled"


async def test_a_server_that_stops_ends_no_run(
    database_url: str, tmp_path: Path, server: Server, door: httpx.AsyncClient, key: str
) -> None:
    with api_process(database_url, tmp_path, **options(server, GIRIH_RUN_SLOTS="0")) as third:
        async with client_of(third, key) as client:
            body = {"agent": "slow", "on_disconnect": "cancel"}
            async with client.stream("POST", "/v1/runs/stream", json=body) as answer:
                lines = answer.aiter_lines()
                await until_it_works(lines)
                third.process.send_signal(signal.SIGTERM)
                async for _ in lines:
                    continue
            third.process.wait(30)
    run = await only_run(door)
    assert run["status"] == "running"
    await door.post(f"/v1/runs/{run['id']}/cancel")


async def test_only_who_may_cancel_may_end_it_by_leaving(
    door: httpx.AsyncClient, uow: UnitOfWork, scope: OrgScope
) -> None:
    run = (await door.post("/v1/runs", json={"agent": "line"})).json()["id"]
    reader = await IdentityService(uow).create_key(scope, "reader", frozenset({"runs:read"}))
    address, headers = f"/v1/runs/{run}/events", {"authorization": f"Bearer {reader.key}"}
    assert (await door.get(address, headers=headers)).is_success
    is_problem(await door.get(f"{address}?cancel_on_disconnect=true", headers=headers), 403)


async def test_a_later_run_outlives_all_who_knew_of_it(
    database_url: str, tmp_path: Path, server: Server, door: httpx.AsyncClient, key: str
) -> None:
    with api_process(database_url, tmp_path, **options(server)) as third:
        async with client_of(third, key) as client:
            made = (await client.post("/v1/runs", json={"agent": "line", "after_seconds": 2})).json()
        third.stop(signal.SIGKILL)
    assert (made["status"], made["started_at"]) == ("queued", None)
    found = (await door.get("/v1/runs?delayed=true")).json()["items"]
    assert [one["id"] for one in found] in ([made["id"]], [])
    run = await ended(door, made["id"])
    assert run["status"] == "succeeded"
    assert run["started_at"] >= made["not_before"]
    assert (await door.get("/v1/runs?delayed=true")).json()["items"] == []


async def test_a_webhook_is_told_and_shows_what_became_of_it(door: httpx.AsyncClient, server: Server) -> None:
    body = {"agent": "line", "webhook": f"{server.url}/hook/7?token=t", "interrupt_before": ["draft"]}
    made = (await door.post("/v1/runs", json=body)).json()
    assert made["webhook"] == server.url
    async with asyncio.timeout(30):
        while (await door.get(f"/v1/runs/{made['id']}")).json()["status"] != "interrupted":
            await asyncio.sleep(0.05)
    assert (await door.post(f"/v1/runs/{made['id']}/resume", json={})).is_success
    await ended(door, made["id"])
    async with asyncio.timeout(30):
        while True:
            shown = (await door.get(f"/v1/runs/{made['id']}/webhook")).json()
            if [one["state"] for one in shown["deliveries"]] == ["delivered"] * 2:
                break
            await asyncio.sleep(0.05)
    assert (shown["origin"], [one["last_status"] for one in shown["deliveries"]]) == (server.url, [204, 204])
    asked = [one for one in server.asked if one.path == "/hook/7?token=t"]
    assert sorted(one.json()["type"] for one in asked) == ["run.finished", "run.interrupted"]
    secret = (await door.get("/v1/webhook-secret")).json()["secret"]
    for one in asked:
        content = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
        digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), content, hashlib.sha256).digest()
        assert one.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"webhook": "http://127.0.0.1:1/x"}, "`webhook` cannot be used: the host 127.0.0.1 is not on the public"),
        ({"interrupt_after": ["drafts"]}, "`interrupt_after` names 'drafts', which is no node of agent 'line'"),
        ({"after_seconds": 9, "ttl": 3}, "the run would expire after 3 s"),
        ({"after_seconds": 0}, "after_seconds"),
        ({"on_completion": "forget"}, "on_completion"),
    ],
)
async def test_what_cannot_be_done_is_refused(door: httpx.AsyncClient, option: dict[str, Any], said: str) -> None:
    body = is_problem(await door.post("/v1/runs", json={"agent": "line"} | option), 422)
    assert said in json.dumps(body, ensure_ascii=False)
