"""Every way out, given every spelling of an address that nobody may have asked; and the ways back: redirects and bodies."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from tests.api.urls import SPELLINGS
from tests.providers.servers import Answer, Asked, says, serving
from tests.watched import watching

from girih.errors import GirihError
from girih.providers.loaders.base import ItemFault
from girih.providers.loaders.door import Door
from girih.providers.models.openai import openai_model
from girih.providers.outbound import OutboundClient, OutboundError, provider_clients
from girih.providers.stores.base import VectorStores  # noqa: F401 - its clients go through `guarded_transport`
from girih.providers.tools.http import HttpTools
from girih.providers.tools.mcp import McpTools
from girih.providers.tools.mcp_sessions import McpSessions
from girih.providers.tools.reaching import Reach

CONTRACT = {"name": "far", "parameters": {}, "returns": {"name": "string"}}
NAMES = {"rebind.example": "127.0.0.1", "inside.example": "10.0.0.7", "printer.local": "192.168.0.9"}
NUMBER = re.compile(r"[0-9a-fx.]+|[0-9a-f:.]+(%\w+)?", re.IGNORECASE)
REDIRECTS = (301, 302, 303, 307, 308)


@pytest.fixture(autouse=True)
def _resolving(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Names lead where an attacker's server of names would have them lead."""
    real = socket.getaddrinfo

    def lookup(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        plain = host.decode() if isinstance(host, bytes) else str(host)
        if not NUMBER.fullmatch(plain) and plain not in NAMES:
            if plain.rstrip(".").lower().rpartition(".")[2] != "localhost":
                raise socket.gaierror("nobody knows this name")
            plain = "127.0.0.1"
        return real(NAMES.get(plain, plain), port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    yield


async def request(client: OutboundClient, url: str) -> None:
    await client.request("POST", url, timeout=2, content=b"{}")  # webhooks, rerankers, issuers, key services


async def stream(client: OutboundClient, url: str) -> None:
    async with client.stream(url, {}, 1000):
        pass


async def load(client: OutboundClient, url: str) -> None:
    await Door(client, base="https://pages.example", token="secret").read(url, 1000)


async def http_tool(client: OutboundClient, url: str) -> None:
    binding = {"url": url, "path": "/x"}
    await HttpTools(client, {}).call({**CONTRACT, "http": binding}, {}, timeout=2, idempotency_key="k")


async def mcp_tool(client: OutboundClient, url: str) -> None:
    binding = {"url": url, "tool": "x", "pin": "sha256:0"}
    tools = McpTools(Reach(client, {}), McpSessions(), "here")
    await tools.call({**CONTRACT, "mcp": binding}, {}, timeout=2, idempotency_key="k")


async def provider(client: OutboundClient, url: str) -> None:
    del client
    clients = provider_clients(None, 2)
    try:
        await clients.http.post(url, content=b"{}", follow_redirects=True)
    finally:
        await clients.aclose()


WAYS: dict[str, Callable[[OutboundClient, str], Awaitable[None]]] = {
    "request": request, "stream": stream, "loader": load, "http tool": http_tool, "mcp tool": mcp_tool, "provider": provider,
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
async def test_no_way_out_leads_to_any_of_them(way: str) -> None:
    client = OutboundClient(["http://10.9.9.9/crm"])
    with watching("socket.connect") as watch:
        for url in SPELLINGS:
            with pytest.raises((GirihError, httpx.HTTPError, httpx.InvalidURL)):
                await WAYS[way](client, url)
    await client.aclose()
    assert [one.about for one in watch.seen] == []


@pytest.mark.parametrize("status", REDIRECTS)
async def test_no_redirect_leads_to_any_of_them(status: int) -> None:
    places = [url for url in SPELLINGS if url.isascii() and url.isprintable()]
    follows = [says(status, "", location=url) for url in places]
    async with serving(*follows) as server:
        client = OutboundClient([server.url])
        port = server.url.rpartition(":")[2]
        with watching("socket.connect") as watch:
            for _ in places:
                with pytest.raises((ItemFault, OutboundError)):
                    await Door(client, base=server.url, token="canary").read(f"{server.url}/x", 1000)
                server.answers[:] = server.answers[1:]
                server.asked.clear()
            for way in (request, http_tool, mcp_tool):
                server.answers[:] = [says(status, "", location="http://127.0.0.1:1/")]
                with pytest.raises(GirihError):
                    await way(client, server.url)
        await client.aclose()
    assert {one.about for one in watch.seen if port not in one.about} == set()


@pytest.mark.parametrize("status", REDIRECTS)
async def test_a_redirect_to_another_host_takes_no_credential_along(status: int) -> None:
    async with serving(says(200, "ok")) as other, serving(says(status, "", location=f"{other.url}/x")) as server:
        client = OutboundClient([server.url, other.url])
        door = Door(client, base=server.url, token="canary")
        assert await door.read(f"{server.url}/x", 1000) == b"ok"
        await client.aclose()
    assert server.asked[0].headers["authorization"] == "Bearer canary"
    assert "canary" not in json.dumps([one.headers for one in other.asked])


async def test_the_operators_list_is_exact() -> None:
    async with serving(says(200, "ok")) as server:
        client, host = OutboundClient([f"{server.url}/crm"]), server.url.removeprefix("http://")
        assert (await client.request("GET", f"{server.url}/crm/x", timeout=2)).body == b"ok"
        port = int(host.rpartition(":")[2])
        others = [
            f"http://localhost:{port}/crm/x", f"http://127.1:{port}/crm/x", f"http://[::ffff:127.0.0.1]:{port}/crm/x",
            f"https://{host}/crm/x", f"http://127.0.0.1:{port + 1}/crm/x", "http://127.0.0.1/crm/x", f"http://{host}/CRM/x",
            f"http://{host}/crmx", f"http://{host}//crm/x", f"http://{host}/x/../../y", f"http://{host}/crm/../x",
            f"http://{host}/crm/%2e%2e/x", f"http://{host}/crm/..%2fx", f"http://{host}/crm/..%5cx", f"http://{host}/",
            f"http://0x7f000001:{port}/crm/x", f"http://2130706433:{port}/crm/x", f"http://127.0.0.1.:{port}/crm/x",
        ]  # fmt: skip
        for url in others:
            with pytest.raises(OutboundError) as caught:
                await client.request("GET", url, timeout=2)
            assert caught.value.reason in ("forbidden", "invalid_url", "unreachable"), url
        await client.aclose()
    assert len(server.asked) == 1


async def test_a_name_that_leads_elsewhere_at_the_second_look_is_never_looked_up_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first look-up is checked and is the one that is connected to: one by one, and for each request anew."""
    looks: list[str] = []
    connected: list[str] = []

    def turning(host: Any, port: int, *rest: Any, **more: Any) -> Any:
        looks.append(str(host))
        address = "93.184.216.34" if len(looks) % 2 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async def connect(self: Any, host: str, port: int, *rest: Any, **more: Any) -> Any:
        connected.append(host)
        raise OSError("nobody is there")

    monkeypatch.setattr(socket, "getaddrinfo", turning)
    monkeypatch.setattr("httpcore._backends.auto.AutoBackend.connect_tcp", connect)
    client = OutboundClient()
    for number in range(6):
        with pytest.raises(OutboundError) as caught:
            await client.request("GET", "https://turns.example/", timeout=2)
        assert caught.value.reason == ("unreachable" if number % 2 == 0 else "forbidden")
    await client.aclose()
    assert looks == ["turns.example"] * 6
    assert connected == ["93.184.216.34"] * 3


def unending(head: bytes, piece: bytes) -> Answer:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        with suppress(ConnectionError):
            while True:
                writer.write(piece)
                await writer.drain()

    return answer


BOMB = gzip.compress(b"\0" * 50_000_000)
LAYERS = gzip.compress(BOMB)
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
BODIES: dict[str, tuple[Answer, str]] = {
    "gzip": (says(200, BOMB, content_encoding="gzip"), "too_large"),
    "deflate": (says(200, zlib.compress(b"\0" * 50_000_000), content_encoding="deflate"), "too_large"),
    "x-gzip": (says(200, BOMB, content_encoding="X-GZIP"), "too_large"),
    "layers": (says(200, LAYERS, content_encoding="gzip, gzip"), "unreadable"),
    "br": (says(200, b"\x00" * 100, content_encoding="br"), "unreadable"),
    "zstd": (says(200, b"\x28\xb5\x2f\xfd", content_encoding="zstd"), "unreadable"),
    "compress": (says(200, b"\x1f\x9d", content_encoding="compress"), "unreadable"),
    "endless": (unending(CHUNKED, b"1000\r\n" + b"x" * 4096 + b"\r\n"), "too_large"),
    "no length": (unending(OK + b"\r\n", b"x" * 4096), "too_large"),
    "headers": (unending(OK, b"x-a: " + b"y" * 1000 + b"\r\n"), "unreadable"),
    "one header": (unending(OK + b"x-a: ", b"y" * 4096), "unreadable"),
    "status": (unending(b"HTTP/1.1 200 ", b"O" * 4096), "unreadable"),
    "chunk sizes": (unending(CHUNKED, b"0" * 4096), "unreadable"),
    "continue": (unending(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "timeout"),
}


@pytest.mark.parametrize("body", BODIES)
async def test_no_answer_fills_the_memory_or_lasts_for_ever(body: str) -> None:
    answer, reason = BODIES[body]
    async with serving(answer) as server:
        client = OutboundClient([server.url], max_bytes=100_000)
        with pytest.raises(OutboundError) as caught:
            await client.request("GET", server.url, timeout=3)
        await client.aclose()
    assert caught.value.reason == reason


async def drip_head(asked: Asked, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        for one in OK + b"x-slow: " + b"y" * 1000:
            writer.write(bytes([one]))
            await writer.drain()
            await asyncio.sleep(0.02)


async def test_a_server_that_sends_a_byte_now_and_then_ends_with_the_time() -> None:
    async with serving(drip_head) as server:
        client = OutboundClient([server.url])
        with pytest.raises(OutboundError) as caught:
            await client.request("GET", server.url, timeout=0.5)
        await client.aclose()
    assert caught.value.reason == "timeout"


def test_no_model_client_follows_a_redirect_or_asks_the_environment() -> None:
    model = openai_model("m", api_key="k", base_url="", timeout=1)
    assert model.http_async_client is not None and not model.http_async_client.follow_redirects
    assert not model.http_async_client.trust_env
