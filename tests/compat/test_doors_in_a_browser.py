"""Each chat door's own client in a page of another origin, in a real browser: let in where the operator says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.api.process import api_process
from tests.compat.conftest import Served
from tests.compat.pages import Page, open_browser, open_page, pages

pytestmark = pytest.mark.timeout(180)
CLIENTS = ("openai", "aiSdk", "agUi")


@dataclass(frozen=True)
class Room:
    """A page's origin, a browser, a server that lets the page in, and one that does not."""

    origin: str
    protocol: str
    open: str
    closed: str
    key: str

    def ask(self, client: str, agent: str, *, url: str | None = None, key: str | None = None) -> dict[str, Any]:
        """What the client in the page got."""
        given = urlencode({"url": url or self.open, "key": key or self.key})
        with open_page(self.protocol, f"{self.origin}/?{given}") as page:
            page.until("window.ready")
            return called(page, client, agent)


def called(page: Page, client: str, agent: str) -> dict[str, Any]:
    return dict(page.run(f"window.{client}({json.dumps(agent)})"))


@pytest.fixture(scope="module")
def room(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    make = tmp_path_factory.mktemp
    with (
        pages("doors_page.js", make("page")) as origin,
        api_process(served.database_url, make("cors"), GIRIH_CORS_ORIGINS=json.dumps([origin])) as api,
        open_browser(make("browser")) as protocol,
    ):
        yield Room(origin, protocol, api.url, served.url, served.key)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_page_of_another_origin_is_answered(room: Room, client: str) -> None:
    told = room.ask(client, "echo")
    assert "What is a knot?" in told.get("text", ""), told
    assert told.get("failures", []) == []
    if client == "openai":
        assert told["again"] == told["text"]
        assert told["run"], "the page may read which run it was"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_page_reads_what_was_wrong(room: Room, client: str) -> None:
    told = room.ask(client, "echo", key="girih_live_nothing")
    assert "key" in json.dumps(told), told
    told = room.ask(client, "no-such-agent")
    assert "no-such-agent" in json.dumps(told), told


@pytest.mark.parametrize("client", CLIENTS)
def test_a_page_that_nobody_let_in_gets_nothing(room: Room, client: str) -> None:
    told = room.ask(client, "echo", url=room.closed)
    assert not told.get("text"), told
