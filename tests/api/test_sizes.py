"""What is too large, too deep or compressed is refused at every door, before it costs much."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest
from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts
from tests.api.conftest import Client
from tests.api.serving import served

from girih.api import heads
from girih.api.deps import JSON_LIMIT, GuardedRoute

PIECE = 64 * 1024


def taking(app: FastAPI) -> Iterator[tuple[str, str, int]]:
    """Every operation that may carry a body, at every door, and the most bytes that it takes."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, GuardedRoute):
            most = route.limit(Request({"type": "http", "app": app}))
            for method in sorted(set(context.methods or ()) & {"POST", "PUT", "PATCH"}):
                yield method, re.sub(r"{(\w+)(:\w+)?}", str(UUID(int=0)), context.path or ""), most


class Endless:
    """A body that comes in pieces and is longer than anything that is taken; it knows how much was asked for."""

    def __init__(self, length: int) -> None:
        self.taken = 0
        self._length = length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.taken < self._length:
            self.taken += PIECE
            yield b" " * PIECE


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[" * JSON_LIMIT, "application/json"),
        (b'{"inputs":' + b"[" * 900 + b"]" * 900 + b"}", "application/json"),
        (b"\xff{", "multipart/form-data; boundary=x"),
    ],
    ids=["never closed", "deep", "no text"],
)
async def test_no_body_is_a_fault_of_ours(app: FastAPI, client: Client, body: bytes, kind: str) -> None:
    seen = 0
    for method, path, _ in taking(app):
        answer = await client.request(method, path, content=body, headers={"content-type": kind})
        # What takes no body does what it is asked to all the same, and 501 is for what no door of ours has.
        assert answer.status_code < 500 or answer.status_code == 501, (method, path, answer.text[:300])
        seen += 400 <= answer.status_code < 500
    assert seen > 100


async def test_no_body_is_decompressed(app: FastAPI, client: Client) -> None:
    seen = 0
    for method, path, _ in taking(app):
        for encoding in ("gzip", "br, gzip"):
            answer = await client.request(method, path, content=b"{}", headers={"content-encoding": encoding})
            # A key is nobody, and some protocols want something else first.
            assert answer.status_code in (401, 412, 415), (method, path, answer.text[:300])
            seen += answer.status_code == 415
    assert seen > 200


async def test_no_more_is_read_than_a_route_takes(app: FastAPI, client: Client) -> None:
    refused = 0
    for method, path, most in taking(app):
        endless = Endless(most + 2**20)
        answer = await client.request(method, path, content=endless, headers={"content-type": "application/json"})
        assert answer.status_code < 500 or answer.status_code == 501, (method, path, answer.text[:300])
        assert endless.taken <= most + PIECE, (method, path)
        refused += answer.status_code == 413
    assert refused > 60


async def test_what_is_announced_too_large_is_not_read_at_all(app: FastAPI, client: Client) -> None:
    endless = Endless(JSON_LIMIT * 2)
    headers = {"content-type": "application/json", "content-length": str(JSON_LIMIT * 2)}
    answer = await client.post("/v1/runs", content=endless, headers=headers)
    assert (answer.status_code, endless.taken) == (413, 0)


@pytest.fixture(scope="module")
async def address(app: FastAPI) -> AsyncIterator[tuple[str, int]]:
    async with served(app, started=True) as url:
        yield "127.0.0.1", int(url.rpartition(":")[2])


async def said_to(address: tuple[str, int], *pieces: bytes) -> bytes:
    """What a server says to these bytes before it hangs up."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


BEGIN = b"GET /healthz HTTP/1.1\r\nhost: girih.test\r\n"
POST = b"POST /v1/auth/sign-in HTTP/1.1\r\nhost: girih.test\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        (BEGIN, *[b"x" * 32_768] * 12),
        (b"GET /" + b"x" * 32_768, *[b"x" * 32_768] * 12),
        (BEGIN, *[b"a: b\r\n" * 100] * 3),
        (BEGIN, *[b"a%d: b\r\n" % n for n in range(heads.MOST + 2)]),
        (POST, b"trailer: ", *[b"x" * 32_768] * 12),
    ],
    ids=["one header", "the path", "many headers", "many names", "after the body"],
)
async def test_heads_are_bounded(address: tuple[str, int], pieces: tuple[bytes, ...]) -> None:
    said = await said_to(address, *pieces)
    status = said.partition(b" ")[2][:3]
    # Whoever goes on sending may find the connection gone before he has read why.
    assert status in (b"431", b"400", b"422", b"415", b""), said


async def test_many_requests_on_one_connection_are_no_long_head(address: tuple[str, int]) -> None:
    padding = b"x-padding: " + b"x" * 8_000 + b"\r\n\r\n"
    last = BEGIN + b"connection: close\r\n\r\n"
    said = await said_to(address, *[BEGIN + padding] * 20, last)
    assert said.count(b"HTTP/1.1 200") == 21
