"""Which code opens connections: the guarded client, the database's driver and Redis', and nothing else."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from tests.api.conftest import HELLO, ClientMaker, settings_for
from tests.language.bundles.bundling import BUNDLE
from tests.providers.servers import Asked, Server, chunk, serving, streams, used
from tests.watched import CONNECTING, EXECUTING, WITHIN, Event, watching

from girih.db.tenancy import OrgScope
from girih.embedded.valkey import ValkeyServer, start_valkey
from girih.language.programs.syntax import PROGRAM
from girih.providers import outbound
from girih.wiring.server import Girih, open_girih

GUARD = "the guarded client"
DOORS = {"the database's driver": "/asyncpg/", "the driver of Redis": "/redis/"}
"""Whoever else may connect, by what stands in the path of its code."""
UNAME = "('uname', ['uname', '-p']"
"""The one process: Python's `platform` asks for the processor, once, as the provider's library names its surroundings."""
TOOL = """\
kind: tool/v1
name: echo.say
description: Says what it heard.
http: { endpoint: echo, path: /say }
parameters: { how: string }
returns: { heard: string }
"""
MODEL = "kind: model/v1\nname: writer\nprovider: openai\nmodel: large\n"
GRAPH = """\
kind: graph/v1
name: worldly
inputs: { how: string }
use: { echo: tool://echo.say, m: model://writer }
nodes:
  say: { call: echo, with: { how: "${ inputs.how }" }, next: write }
  write: { llm: m, prompt: "${ say.heard }", next: $end }
outputs: { text: "${ write.text }" }
"""
SHELF = "kind: collection/v1\nname: pages\ndescription: Pages\nembedder: hashing\n"
WORLD = {"echo.yaml": TOOL, "writer.yaml": MODEL, "worldly.yaml": GRAPH, "pages.yaml": SHELF}
HOSTILE = {
    "evil.yaml": "kind: graph/v1\nname: evil\nnodes:\n  a:\n    set: { x: !!python/object/apply:os.system [id] }\n",
    "code.yaml": 'kind: graph/v1\nname: code\nnodes:\n  a:\n    set: { x: \'${ __import__("os").system("id") }\' }\n'
    "    next: $end\n",
    "p.md": "{{ ''.__class__.__mro__[1].__subclasses__() }} {% include '/etc/passwd' %}",
    "template.yaml": "kind: graph/v1\nname: template\nuse: { m: 'model://demo' }\nnodes:\n  a:\n    llm: m\n"
    "    prompt: { file: p.md }\n    next: $end\n",
    "program.yaml": "kind: graph/v1\nname: program\nnodes:\n  a:\n    code: |\n      import os\n"
    "      os.system('id')\n      { 'x': 1 }\n    returns: { x: integer }\n    next: $end\n",
    "lc.json": json.dumps({"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {"command": "id"}}),
}


async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """A service, a model and a page in one."""
    if asked.path.endswith("/chat/completions"):
        await streams(chunk("Hello"), chunk(finish="stop"), used(1, 1))(asked, writer)
        return
    kind = "text/html" if asked.path.startswith("/page") else "application/json"
    data = b"<html><body>Words</body></html>" if kind == "text/html" else b'{"heard": "well"}'
    head = f"HTTP/1.1 200 X\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\nconnection: close\r\n\r\n"
    writer.write(head.encode() + data)


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[Server]:
    async with serving(answer) as service:
        yield service


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Any:
    server = start_valkey(tmp_path_factory.mktemp("broker") / "valkey")
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def girih(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, service: Server, broker: ValkeyServer
) -> AsyncIterator[Girih]:
    more = {"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": f"{service.url}/v1", "redis_url": broker.url}
    settings = settings_for(database_url, tmp_path_factory.mktemp("girih"), endpoints={"echo": service.url}, **more)
    async with open_girih(settings) as girih:
        yield girih


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes through the guard is marked, also in tasks that are begun there."""
    through = outbound._Guard.handle_async_request

    async def marked(self: Any, request: httpx.Request) -> httpx.Response:
        token = WITHIN.set(GUARD)
        try:
            return await through(self, request)
        finally:
            WITHIN.reset(token)

    monkeypatch.setattr(outbound._Guard, "handle_async_request", marked)


def door_of(event: Event) -> str | None:
    """Through whom a connection was opened."""
    if event.within == GUARD:
        return GUARD
    return next((name for name, path in DOORS.items() if any(path in file for file in event.files)), None)


@pytest.mark.usefixtures("guarded")
async def test_nothing_else_opens_a_connection(
    girih: Girih, client_for: ClientMaker, scope: OrgScope, service: Server
) -> None:
    http = await client_for(scope)
    with watching("socket.connect", "socket.sendto", "subprocess.Popen", "os.system") as watch:
        assert (await http.post("/v1/workspace/apply", json={"files": WORLD})).is_success
        body = {"agent": "worldly", "inputs": {"how": "well"}, "webhook": f"{service.url}/told"}
        run = (await http.post("/v1/runs/wait", json=body)).json()
        assert run["status"] == "succeeded", run
        assert (
            await http.post("/v1/tools/echo.say/test", json={"arguments": {"how": "x"}, "confirm": True})
        ).is_success
        source = {"kind": "web", "endpoint": "echo", "urls": [f"{service.url}/page"]}
        store = {"name": "pages", "collection": "pages", "source": source}
        made = (await http.post("/v1/data-stores", json=store)).json()
        assert (await http.post(f"/v1/data-stores/{made['id']}/test")).is_success
        assert (await girih.readiness()).queue == "ok"
        async with asyncio.timeout(30):
            while not any(asked.path == "/told" for asked in service.asked):
                await asyncio.sleep(0.05)
    doors = [(door_of(event), event) for event in watch.seen if not event.about.startswith(UNAME)]
    assert [event for door, event in doors if door is None] == []
    assert {door for door, _ in doors} >= {GUARD, "the driver of Redis"}
    asked = {asked.path for asked in service.asked}
    assert {"/told", "/v1/chat/completions"} <= asked and any(path.startswith("/say") for path in asked)


async def test_checking_planning_comparing_and_importing_execute_nothing(
    client_for: ClientMaker, scope: OrgScope
) -> None:
    """Over the API, with specs that would like to be executed: the database is all that is connected to."""
    http = await client_for(scope)
    assert (await http.post("/v1/workspace/apply", json={"files": {"hello.yaml": HELLO}})).is_success
    bundle = base64.b64encode(BUNDLE).decode()
    asked = [
        ("/v1/workspace/validate", {"files": WORLD}),
        ("/v1/workspace/plan", {"files": WORLD}),
        ("/v1/workspace/apply", {"files": WORLD, "dry_run": True}),
        *((f"/v1/workspace/{what}", {"files": HOSTILE}) for what in ("validate", "plan")),
        ("/v1/workspace/diff", {"old": "hello", "new": {"files": HOSTILE | {"hello.yaml": HELLO}, "name": "hello"}}),
        ("/v1/bundles", {"bundle": bundle, "allow_unsigned": True, "dry_run": True}),
        ("/v1/bundles", {"bundle": base64.b64encode(b"PK\x05\x06" + bytes(18)).decode(), "allow_unsigned": True}),
    ]

    async def ask_all() -> list[int]:
        return [(await http.post(path, json=body)).status_code for path, body in asked]

    with structlog.testing.capture_logs():
        statuses = await ask_all()  # once before, so that what is loaded lazily is loaded
        assert 404 not in statuses and 405 not in statuses and max(statuses) < 500, statuses
        with watching(*EXECUTING, *CONNECTING) as watch:
            assert await ask_all() == statuses
    # Python says "compile" where a program is read into a syntax tree, which makes nothing that could be run.
    harmless = [event for event in watch.seen if event.name == "compile" and PROGRAM in event.about]
    foreign = [event for event in watch.seen if event not in harmless and door_of(event) != "the database's driver"]
    assert foreign == []
    assert not Path("id").exists()
