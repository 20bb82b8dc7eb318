"""What every answer carries, and who is not let in at all: hosts, pages of strangers, and cookies that are stolen easily."""

from __future__ import annotations

import ast
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers
from tests.api.conftest import Client, client_of, is_problem, settings_for
from tests.api.serving import served
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

import girih.api
from girih.api.app import create_app
from girih.api.deps import declarations
from girih.api.shell import HSTS, SAFE_HEADERS, Site, _refused
from girih.errors import InvalidInput
from girih.wiring.environment import names_of
from girih.wiring.server import open_girih

PUBLIC = "https://girih.example.com"
PAGE = "https://app.example.com"
STRANGER = "https://evil.example"
BODY = {"agent": "hello", "inputs": {"question": "x"}}


@pytest.fixture(scope="module")
async def behind_https(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    """The app as it stands behind a proxy that people reach over https, called by pages of one other origin."""
    given = settings_for(
        database_url,
        tmp_path_factory.mktemp("girih"),
        public_url=PUBLIC,
        cors_origins=[PAGE],
        allowed_hosts=["10.0.0.5", "*.inside.example"],
    )
    async with open_girih(given) as girih:
        yield create_app(girih)


def inventory(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every route with ids that are nobody's."""
    for name, _ in declarations(app):
        methods, _, path = name.partition(" ")
        for method in methods.split(",") if methods else ():
            yield method, re.sub(r"\{[^}]*\}", lambda _: str(uuid4()), path)


def is_dressed(answer: httpx.Response, *, secure: bool = False) -> None:
    missing = {name for name in SAFE_HEADERS if name not in answer.headers}
    assert not missing, (answer.request.method, answer.request.url, missing)
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers.get("strict-transport-security") == (HSTS if secure else None)
    assert "server" not in answer.headers
    for cookie in answer.headers.get_list("set-cookie"):
        parts = {part.strip().lower() for part in cookie.split(";")}
        assert cookie.startswith("__Host-"), cookie
        assert {"secure", "httponly", "path=/"} <= parts, cookie
        assert parts & {"samesite=lax", "samesite=strict"}, cookie
    kept = {part.strip() for part in answer.headers["cache-control"].split(",")}
    assert kept & {"no-store", "private"} or answer.request.url.path in KEPT, answer.request.url


KEPT = frozenset({"/.well-known/jwks.json"})
"""What holds nothing of anybody, and may be kept by whoever fetched it."""


async def test_every_route_answers_everybody_with_safe_headers(published: Client, app: FastAPI) -> None:
    nobody, seen = client_of(app, None), 0
    for method, path in inventory(app):
        is_dressed(await nobody.request(method, path))
        if method == "GET":
            is_dressed(await published.get(path))
        seen += 1
    assert seen > 150
    for answer in (
        await nobody.get("/nothing"),
        await nobody.patch("/healthz"),
        await published.post("/v1/runs", content=b"{"),
        await published.post("/v1/runs/stream", json=BODY),
        await published.post("/v1/runs", json={"agent": "nobody"}),
    ):
        is_dressed(answer)


async def test_over_https_all_of_it_says_so(behind_https: FastAPI) -> None:
    client = Client(transport=httpx.ASGITransport(behind_https), base_url=PUBLIC)
    preflight = {"origin": PAGE, "access-control-request-method": "POST"}
    for answer in (
        await client.get("/version"),
        await client.get("/v1/agents"),
        await client.get("/nothing"),
        await client.options("/v1/runs", headers=preflight),
        await client.options("/v1/runs", headers=preflight | {"origin": STRANGER}),
        await client.get("/version", headers={"host": "elsewhere.example"}),
        await client.post("/v1/runs", headers={"cookie": "a=b", "origin": STRANGER}),
    ):
        is_dressed(answer, secure=True)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("girih.example.com", 200),
        ("GIRIH.example.com:8443", 200),
        ("10.0.0.5:8321", 200),
        ("a.inside.example", 200),
        ("127.0.0.1:8321", 200),
        ("[::1]:8321", 200),
        ("localhost", 200),
        ("evil.example", 421),
        ("girih.example.com.evil.example", 421),
        ("inside.example", 421),
        ("10.0.0.50", 421),
        ("*", 400),
        ("girih.example.com@evil.example", 400),
        ("evil.example/girih.example.com", 400),
        ("girih.example.com, evil.example", 400),
        ("girih.example.com:99999999", 400),
        ("evil example", 400),
        ("", 400),
    ],
)
async def test_a_server_answers_to_its_own_names_alone(behind_https: FastAPI, host: str, status: int) -> None:
    client = Client(transport=httpx.ASGITransport(behind_https), base_url=PUBLIC)
    answer = await client.get("/version", headers={"host": host, "x-forwarded-host": "girih.example.com"})
    assert answer.status_code == status
    if status != 200:
        is_problem(answer, status)
        assert host not in answer.text or not host.strip("*")
    # Load balancers ask by address.
    assert (await client.get("/healthz", headers={"host": host})).status_code == 200


async def test_two_hosts_are_none(behind_https: FastAPI) -> None:
    client = Client(transport=httpx.ASGITransport(behind_https), base_url=PUBLIC)
    twice = [("host", "girih.example.com"), ("host", "evil.example")]
    is_problem(await client.get("/version", headers=twice), 400)


@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        ({"cookie": "a=b", "origin": PUBLIC}, True),
        ({"cookie": "a=b", "origin": PAGE}, True),
        ({"cookie": "a=b"}, True),
        ({"cookie": "a=b", "sec-fetch-site": "same-origin"}, True),
        ({"origin": STRANGER}, True),  # without a cookie it could as well be a program
        ({"cookie": "a=b", "origin": STRANGER}, False),
        ({"cookie": "a=b", "origin": "null"}, False),
        ({"cookie": "a=b", "origin": ""}, False),
        ({"cookie": "a=b", "origin": "http://girih.example.com"}, False),
        ({"cookie": "a=b", "origin": "https://girih.example.com.evil.example"}, False),
        ({"cookie": "a=b", "origin": "https://girih.example.com:8443"}, False),
        ({"cookie": "a=b", "sec-fetch-site": "cross-site"}, False),
        ({"cookie": "a=b", "sec-fetch-site": "same-site"}, False),
    ],
)
async def test_what_changes_something_takes_no_cookie_from_strangers(
    behind_https: FastAPI, headers: dict[str, str], is_let_in: bool
) -> None:
    client = Client(transport=httpx.ASGITransport(behind_https), base_url=PUBLIC)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = await client.request(method, "/v1/runs", headers=headers)
        assert (answer.status_code == 403) is not is_let_in, answer.text
    assert (await client.get("/version", headers=headers)).status_code == 200


async def test_a_strangers_page_opens_no_socket(behind_https: FastAPI) -> None:
    async with served(behind_https, "auto", started=True) as url:
        address = f"{url.replace('http', 'ws')}/v1/runs/{uuid4()}/ws"
        for origin, status in ((STRANGER, 403), ("null", 403), (PAGE, 401), (None, 401)):
            with pytest.raises(InvalidStatus) as refused:
                await connect(address, origin=origin)  # type: ignore[arg-type]
            assert refused.value.response.status_code == status
            assert refused.value.response.headers["content-security-policy"]
            assert refused.value.response.headers["strict-transport-security"] == HSTS
        with pytest.raises(InvalidStatus) as refused:
            await connect(address, additional_headers={"host": "evil.example"})
        assert refused.value.response.status_code in (400, 421)


_NAMES = st.text("abcdefgh.-*@:/[]0123456789", max_size=30)


@settings(max_examples=200, deadline=None)
@given(_NAMES)
def test_no_host_but_the_listed_ones_is_let_in(host: str) -> None:
    site = Site(("girih.example.com", "[::1]"))
    scope = {"type": "http", "method": "GET", "path": "/version"}
    refusal = _refused(scope, Headers({"host": host}), site)
    assert refusal is not None or re.fullmatch(r"(girih\.example\.com|\[::1\])(:\d+)?", host)


@pytest.mark.parametrize(
    "more",
    [{"allowed_hosts": ["*"]}, {"allowed_hosts": ["https://x"]}, {"allowed_hosts": ["a*b"]}, {"public_url": "girih"}],
)
def test_names_that_are_none_are_refused_at_start(tmp_path: Path, more: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="GIRIH_"):
        names_of(settings_for("", tmp_path, **more))


def test_cookies_are_set_with_all_that_protects_them() -> None:
    """Each place that sets one, in the code of the doors."""
    for path in Path(girih.api.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "set_cookie":
                said = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert said.get("secure") == said.get("httponly") == "True", path
                assert said.get("samesite") in ("'lax'", "'strict'"), path
                assert "domain" not in said, path
                assert "__Host-" in path.read_text(), path


MANGLED = {
    "two lengths": b"POST /v1/runs HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "a length and chunks": b"POST /v1/runs HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n"
    b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a length that is none": b"POST /v1/runs HTTP/1.1\r\nhost: x\r\ncontent-length: +2\r\n\r\n{}",
    "an unknown coding": b"POST /v1/runs HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": b"POST /v1/runs HTTP/1.1\r\nhost: x\r\ncontent-length : 2\r\n\r\n{}",
    "a folded line": b"GET /version HTTP/1.1\r\nhost: x\r\nx-a: b\r\n c: d\r\n\r\n",
    "a bare return": b"GET /version HTTP/1.1\r\nhost: x\r\nx-a: b\rc: d\r\n\r\n",
    "a nul": b"GET /version HTTP/1.1\r\nhost: x\r\nx-a: b\0c\r\n\r\n",
    "two hosts": b"GET /version HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n",
}


@pytest.mark.parametrize("request_", MANGLED.values(), ids=MANGLED)
async def test_a_request_that_two_servers_read_differently_is_refused(behind_https: FastAPI, request_: bytes) -> None:
    """Behind a proxy it would end elsewhere than where the proxy thinks; the connection is not used on."""
    import asyncio

    hidden = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    async with served(behind_https, started=True) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(request_ + hidden)
        await writer.drain()
        said = await asyncio.wait_for(reader.read(), 20)
        writer.close()
    assert said.startswith(b"HTTP/1.1 4"), said
    assert b" 200 " not in said, "what hid behind it was answered"
