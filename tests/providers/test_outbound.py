"""The guarded client: what it must never reach, in every spelling, and how it ends answers that do not end."""

from __future__ import annotations

import asyncio
import gzip
import socket
from typing import Any

import pytest
from tests.providers.servers import Asked, breaks_off, cuts, hangs, says, serving, streams

from girih.providers.outbound import OutboundClient, OutboundError, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.127.255.254", "192.0.0.1", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "192.88.99.1", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
        "2002:7f00:1::", "2001:0:7f00:1::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
        "fec0::1", "2001:db8::1", "2001:10::1", "3fff::1", "5f00::1", "100::1", "nonsense", "",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_addresses_that_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "LOCALHOST", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "[::1]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0", "0.0.0.0", "127.0.0.1.", "１２７.0.0.1", "①②⑦.0.0.1",
    ],
)  # fmt: skip
async def test_no_spelling_of_the_loopback_gets_through(host: str) -> None:
    async with serving(says(200, "secret")) as server:
        client = OutboundClient()
        with pytest.raises(OutboundError) as caught:
            await client.request("GET", server.url.replace("127.0.0.1", host), timeout=2)
        await client.aclose()
    assert caught.value.reason in ("forbidden", "invalid_url", "unreachable")
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "file:///etc/passwd", "gopher://127.0.0.1/", "//127.0.0.1/", "http:///x", "http://",
        "http://user:pw@example.com/", "unix:///var/run/docker.sock", "http://[::1", "http://a:99999/", "",
    ],
)  # fmt: skip
async def test_urls_that_are_no_plain_web_address(url: str) -> None:
    with pytest.raises(OutboundError) as caught:
        await OutboundClient(["http://127.0.0.1"]).request("GET", url, timeout=1)
    assert caught.value.reason == "invalid_url"


async def test_a_host_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def two(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", (address, port)) for address in ("93.184.216.34", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    with pytest.raises(OutboundError, match="not on the public network"):
        await OutboundClient().request("GET", "http://rebind.example/", timeout=1)


async def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look-up would lead to the loopback: it must never happen."""
    calls: list[str] = []

    def once(host: Any, port: int, *rest: Any, **more: Any) -> list[Any]:
        calls.append(host)
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.1", port))]

    async with serving(says(200, "hello")) as server:
        port = server.url.rpartition(":")[2]
        monkeypatch.setattr(socket, "getaddrinfo", once)
        monkeypatch.setattr("girih.providers.outbound.is_public", lambda address: True)
        client = OutboundClient()
        response = await client.request("GET", f"http://api.example:{port}/x?y=1", timeout=2)
        await client.aclose()
    assert response.body == b"hello"
    assert [call for call in calls if call != "127.0.0.1"] == ["api.example"]
    assert server.asked[0].headers["host"] == f"api.example:{port}"
    assert server.asked[0].path == "/x?y=1"


async def test_what_the_operator_allowed_may_be_private_but_only_below_it() -> None:
    async with serving(says(200, "ok")) as server:
        client = OutboundClient([f"{server.url}/api"])
        assert (await client.request("GET", f"{server.url}/api/x", timeout=2)).body == b"ok"
        assert (await client.request("GET", f"{server.url}/api", timeout=2)).status == 200
        for path in (
            "/admin",
            "/apix",
            "/api/../admin",
            "/api/%2e%2e/admin",
            "/api/%252e%252e/admin",
            "/api/..\\admin",
        ):
            with pytest.raises(OutboundError) as caught:
                await client.request("GET", f"{server.url}{path}", timeout=2)
            assert caught.value.reason == "forbidden", path
        await client.aclose()
    assert len(server.asked) == 2


async def test_redirects_are_not_followed() -> None:
    async with serving(says(200, "secret")) as inside, serving(says(302, "", location=f"{inside.url}/")) as server:
        with pytest.raises(OutboundError) as caught:
            await OutboundClient([server.url]).request("GET", server.url, timeout=2)
    assert caught.value.reason == "redirect"
    assert inside.asked == []


async def test_the_environments_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(says(200, "proxied")) as proxy, serving(says(200, "direct")) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        response = await OutboundClient([server.url]).request("GET", server.url, timeout=2)
    assert response.body == b"direct"
    assert proxy.asked == []


async def says_nothing_known(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (says(200, b"x" * 2000), "too_large"),
        (says(200, gzip.compress(b"x" * 50_000_000), content_encoding="gzip"), "too_large"),
        (says(200, b"not gzip", content_encoding="gzip"), "unreadable"),
        (says(200, b"x", content_encoding="br"), "unreadable"),
        (hangs, "timeout"),
        (streams(*["drip"] * 100, pause=0.05), "timeout"),
        (cuts, "unreachable"),
        (breaks_off, "unreachable"),
        (says_nothing_known, "unreadable"),
    ],
    ids=["large", "bomb", "broken-gzip", "unasked", "hang", "drip", "cut", "half-close", "no-http"],
)
async def test_answers_that_do_not_end_well(answer: Any, reason: str) -> None:
    async with serving(answer) as server:
        client = OutboundClient([server.url], max_bytes=1000)
        with pytest.raises(OutboundError) as caught:
            await client.request("GET", server.url, timeout=0.5)
        await client.aclose()
    assert caught.value.reason == reason


async def test_compressed_answers_are_read() -> None:
    async with serving(says(200, gzip.compress(b"hello"), content_encoding="gzip")) as server:
        assert (await OutboundClient([server.url]).request("GET", server.url, timeout=2)).body == b"hello"


async def test_nobody_listens() -> None:
    with pytest.raises(OutboundError) as caught:
        await OutboundClient(["http://127.0.0.1:1"]).request("GET", "http://127.0.0.1:1/", timeout=2)
    assert caught.value.reason == "unreachable"
