"""What is open ends once its caller may no longer have it, and nobody else's does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tests.api.conftest import CURIOUS, settings_for
from tests.api.serving import served
from tests.services.identity.people import PASSWORD
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from girih.api import open_streams
from girih.api.app import create_app
from girih.api.ws import RESTARTING
from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.services.identity import tokens
from girih.services.identity.schemas import PERMISSIONS
from girih.wiring.server import Girih, open_girih


@pytest.fixture
async def girih(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Girih]:
    monkeypatch.setattr(open_streams, "LOOK", 0.05)
    async with open_girih(settings_for(database_url, tmp_path)) as girih:
        yield girih


@pytest.fixture
async def address(girih: Girih) -> AsyncIterator[str]:
    app: FastAPI = create_app(girih)
    async with served(app, ws="auto") as url:
        yield url


class Reader:
    """Somebody who reads the events of a run until the stream ends, or until the test does."""

    def __init__(self, address: str, key: str) -> None:
        self.reading: asyncio.Task[None] | None = None
        self.http = httpx.AsyncClient(
            base_url=address, headers={"authorization": f"Bearer {key}"}, timeout=30, trust_env=False
        )
        self.begun = asyncio.Event()

    async def a_run(self) -> str:
        """A run that waits for an answer."""
        await self.http.post("/v1/workspace/apply", json={"files": {"curious.yaml": CURIOUS}})
        return str((await self.http.post("/v1/runs", json={"agent": "curious"})).json()["id"])

    async def read(self, run: str) -> None:
        """Read to the end of the stream."""
        async with self.http.stream("GET", f"/v1/runs/{run}/events") as answer:
            assert answer.status_code == 200
            async for _ in answer.aiter_bytes():
                self.begun.set()

    async def begin(self, run: str) -> asyncio.Task[None]:
        """Read in the background; comes back when the first bytes have arrived."""
        self.reading = asyncio.create_task(self.read(run))
        await asyncio.wait_for(self.begun.wait(), 20)
        return self.reading

    async def aclose(self) -> None:
        """Read no more."""
        if self.reading is not None:
            self.reading.cancel()
            await asyncio.wait({self.reading})
        await self.http.aclose()


ReaderMaker = Callable[[str], Reader]


@pytest.fixture
async def reader_of(address: str) -> AsyncIterator[ReaderMaker]:
    async with AsyncExitStack() as stack:

        def make(key: str) -> Reader:
            reader = Reader(address, key)
            stack.push_async_callback(reader.aclose)
            return reader

        yield make


async def test_a_revoked_key_has_no_streams(girih: Girih, reader_of: ReaderMaker, scope: OrgScope) -> None:
    one, other = [await girih.identity.create_key(scope, name, PERMISSIONS) for name in "ab"]
    mine, theirs = reader_of(one.key), reader_of(other.key)
    run = await mine.a_run()
    gone, stays = await mine.begin(run), await theirs.begin(run)
    await girih.identity.revoke_key(scope, one.id)
    await asyncio.wait_for(gone, 20)
    assert (await mine.http.get(f"/v1/runs/{run}/events")).status_code == 401
    assert not stays.done()


PATIENT = """\
kind: graph/v1
name: patient
inputs: { message: { type: string } }
chat: { input: message, output: text }
nodes:
  rest: { wait: 60, next: last }
  last: { set: { text: "${ inputs.message }" }, next: $end }
outputs: { text: "${ last.text }" }
"""
FOLLOWED = (
    "/v1/runs/{run}/events",
    "/langgraph/runs/{run}/stream",
    "/langgraph/threads/{thread}/runs/{run}/stream",
    "/langgraph/threads/{thread}/stream",
)
SAID = {"id": "m", "role": "user", "content": "x"}
BEGUN = (
    ("/v1/runs/stream", {"agent": "patient", "inputs": {"message": "x"}}),
    ("/langgraph/runs/stream", {"assistant_id": "patient", "input": {"message": "x"}}),
    ("/openai/v1/responses", {"model": "patient", "input": "x", "stream": True}),
    (
        "/openai/v1/chat/completions",
        {"model": "patient", "messages": [{"role": "user", "content": "x"}], "stream": True},
    ),
    ("/ag-ui/patient", {"threadId": "t", "runId": "r", "messages": [SAID], "tools": [], "context": [], "state": {}}),
)
"""Where streams are opened: that follow a run, and that begin one."""


async def test_a_revoked_key_has_no_streams_at_any_door(girih: Girih, reader_of: ReaderMaker, scope: OrgScope) -> None:
    made = await girih.identity.create_key(scope, "a", PERMISSIONS)
    http = reader_of(made.key).http
    assert (await http.post("/v1/workspace/apply", json={"files": {"patient.yaml": PATIENT}})).is_success
    thread = (await http.post("/v1/threads", json={})).json()["id"]
    run = (await http.post(f"/v1/threads/{thread}/runs", json=BEGUN[0][1])).json()["id"]
    asked: list[tuple[str, str, object]] = [("GET", path.format(run=run, thread=thread), None) for path in FOLLOWED]
    asked += [("POST", path, body) for path, body in BEGUN]
    opened, gone = asyncio.Event(), []
    begun: set[str] = set()

    async def read(method: str, path: str, body: object) -> None:
        async with http.stream(method, path, json=body) as answer:
            assert answer.status_code == 200, (path, await answer.aread())
            begun.add(path)
            if len(begun) == len(asked):
                opened.set()
            with suppress(httpx.RemoteProtocolError):
                async for _ in answer.aiter_bytes():
                    pass
        gone.append(path)

    async with asyncio.timeout(60), asyncio.TaskGroup() as readers:
        for one in asked:
            readers.create_task(read(*one))
        await opened.wait()
        still = set(begun) - set(gone)
        await girih.identity.revoke_key(scope, made.id)
    assert len(still) > 6, f"most of them were open: {still}"
    for method, path, body in asked:
        assert (await http.request(method, path, json=body)).status_code == 401


async def test_a_member_who_is_suspended_has_no_streams(girih: Girih, reader_of: ReaderMaker, scope: OrgScope) -> None:
    invited = await girih.people.members.invite(scope, f"{new_id()}@example.com", "publisher")
    person = await girih.people.members.accept(invited.token, "Ann", PASSWORD, "test")
    reader = reader_of(person.access_token)
    gone = await reader.begin(await reader.a_run())
    member_id = girih.people.accounts.tokens.read(person.access_token).account_id
    await girih.people.members.suspend(scope, member_id, suspended=True)
    await asyncio.wait_for(gone, 20)


async def test_a_token_may_run_out_while_something_is_open(
    girih: Girih, reader_of: ReaderMaker, scope: OrgScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    invited = await girih.people.members.invite(scope, f"{new_id()}@example.com", "publisher")
    person = await girih.people.members.accept(invited.token, "Ann", PASSWORD, "test")
    reader = reader_of(person.access_token)
    stays = await reader.begin(await reader.a_run())
    monkeypatch.setattr(tokens._CLAIMS, "_now", lambda: int(time.time()) + 2 * tokens.LIFETIME)
    assert (await reader.http.get("/v1/agents")).status_code == 401
    await asyncio.sleep(0.3)  # some looks later
    assert not stays.done()


async def test_a_revoked_key_has_no_sockets(
    girih: Girih, address: str, reader_of: ReaderMaker, scope: OrgScope
) -> None:
    key = await girih.identity.create_key(scope, "a", PERMISSIONS)
    run = await reader_of(key.key).a_run()
    url = address.replace("http://", "ws://") + f"/v1/runs/{run}/ws"
    async with connect(url, additional_headers={"authorization": f"Bearer {key.key}"}) as socket:
        await socket.recv()
        await girih.identity.revoke_key(scope, key.id)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await asyncio.wait_for(socket.recv(), 20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == RESTARTING


async def test_while_the_database_is_away_nobody_loses_a_stream(
    girih: Girih, reader_of: ReaderMaker, scope: OrgScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await girih.identity.create_key(scope, "a", PERMISSIONS)
    reader = reader_of(key.key)
    stays = await reader.begin(await reader.a_run())

    async def away(_: str, **__: object) -> OrgScope:
        raise OSError("the database is away")

    monkeypatch.setattr(girih.identity, "authenticate", away)
    await asyncio.sleep(0.3)  # some looks later
    assert not stays.done()
