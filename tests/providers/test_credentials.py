"""Which hosts a secret may go to: exactly those it is for, however an address is written."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from girih.errors import GirihError, InvalidInput
from girih.providers.credentials import Destination, NotForThere, hosts_of, require_host, sound_hosts

BOUND = ("api.example.com", "*.example.org", "2001:db8::1")


def may_go(hosts: tuple[str, ...] | None, url: str, *, is_chosen: bool = False) -> bool:
    try:
        require_host("key", hosts, Destination(url, is_chosen=is_chosen))
    except NotForThere as refused:
        assert "key" in refused.message and "girih secrets set key --host" in str(refused.help)
        return False
    return True


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com", "https://API.example.com:8443/v1?a=b", "https://api.example.com./", "http://api.example.com#x",
        "https://a.example.org/", "https://a.b.example.org", "postgresql://a.example.org,b.example.org:5432/shop",
        "http://[2001:DB8::1]:80/x",
    ],
)  # fmt: skip
def test_addresses_of_its_hosts(url: str) -> None:
    assert may_go(BOUND, url) and may_go(BOUND, url, is_chosen=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/", "https://example.org/", "https://evil-api.example.com/", "https://api.example.com.evil.net/",
        "https://evil.net/api.example.com", "https://evil.net/?https://api.example.com", "https://evil.net#api.example.com",
        "https://api.example.com@evil.net/", "https://evil.net\\@api.example.com/", "https://api.example.com\\.evil.net/",
        "https://evil.net\t.example.org/", "https://evil.net%2f.example.org/", "https://api.example.com\n.evil.net/",
        "https://api．example．com/", "https://ａpi.example.com/", "https://api。example.com/", "//api.example.com/", "",
        "https://", "https:///api.example.com", "mongodb://a.example.org,evil.net/db", "https://xexample.org", " https://api.example.com",
        "https://[2001:db8::2]/", "https://api.example.com%00.evil.net/", "https://aexample.org/",
    ],
)  # fmt: skip
def test_every_other_one(url: str) -> None:
    assert not may_go(BOUND, url) and not may_go(BOUND, url, is_chosen=True)


def test_one_without_hosts_goes_where_somebody_entitled_chose_the_address() -> None:
    assert may_go((), "https://crm.internal/", is_chosen=True)
    assert not may_go((), "https://crm.internal/")


def test_one_from_before_there_were_hosts_goes_where_it_went() -> None:
    assert may_go(None, "https://anywhere.example/")


@pytest.mark.parametrize(
    "host",
    ["", "*", "*.", "*.com", "a b", "https://a.example", "a.example/x", "a.example:443", "a..b", "-a.example", "é.example",
     "a.*.example", "**.example.com", "a,b", "x" * 254],
)  # fmt: skip
def test_what_is_no_host(host: str) -> None:
    with pytest.raises(InvalidInput):
        sound_hosts([host])


def test_hosts_are_compared_in_one_spelling() -> None:
    assert sound_hosts([" API.Example.com. ", "api.example.com", "*.Example.org"]) == (
        "api.example.com",
        "*.example.org",
    )
    with pytest.raises(InvalidInput, match="at most 20"):
        sound_hosts(f"h{number}.example" for number in range(21))


PIECES = some.sampled_from(
    ["api.example.com", "evil.net", "@", "\\", "/", "?", "#", ":", ":80", "//", ".", "%2e", "%40", "\t", "\n", " ", "[", "]",
     "::1", ",", ";", "．", "。", "ａ", "é", "xn--", "*", "user:pw@", "\x00", "-", "_"]
)  # fmt: skip


@given(some.lists(PIECES, max_size=6).map("".join))
def test_no_address_is_read_otherwise_by_the_client_that_asks(rest: str) -> None:
    """Where a secret may go to a host, the HTTP client goes to that host and no other."""
    url = f"https://{rest}"
    if not may_go(("api.example.com",), url):
        return
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        return  # no client goes there at all
    hosts = {part.partition(":")[0].rstrip(".").lower() for part in target.host.split(",")} - {""}
    assert hosts == {"api.example.com"} == set(hosts_of(url))


def test_a_refusal_is_one_that_doors_can_tell() -> None:
    assert issubclass(NotForThere, GirihError) and NotForThere.code == "secret_host"
