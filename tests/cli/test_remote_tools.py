"""`girih tools`, against a real server and a real MCP server: import, try, notice a change, pin again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.api.process import ApiProcess, api_process
from tests.cli.conftest import Girih
from tests.providers.tools.mcp_server import Standing, mcp_serving
from tests.providers.tools.plugin_package import install

OPENAPI = """\
openapi: 3.1.0
info: { title: Towns, version: "1" }
paths:
  /towns:
    get:
      operationId: listTowns
      responses: { "200": { description: ok, content: { application/json: { schema: { type: array } } } } }
"""


@contextmanager
def in_a_thread() -> Iterator[Standing]:
    """The MCP server in a loop of its own: commands have one, too."""
    begun, ending = threading.Event(), threading.Event()
    found: list[Standing] = []

    async def serve() -> None:
        async with mcp_serving() as standing:
            found.append(standing)
            begun.set()
            while not ending.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert begun.wait(30)
        yield found[0]
    finally:
        ending.set()
        thread.join()


@pytest.fixture(scope="module")
def mcp() -> Iterator[Standing]:
    with in_a_thread() as standing:
        yield standing


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory, mcp: Standing) -> Iterator[ApiProcess]:
    endpoints = f'{{"weather": "{mcp.url}"}}'
    with api_process(database_url, tmp_path_factory.mktemp("server"), GIRIH_ENDPOINTS=endpoints) as api:
        yield api


def test_from_import_to_review(girih: Girih, mcp: Standing, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    lost = girih("tools", "import", mcp.url, "--name", "weather")
    assert lost.code == 2
    assert "--endpoint NAME" in lost.err
    done = girih(
        "tools", "import", mcp.url, "--name", "weather", "--endpoint", "weather", "--tool", "forecast", "--tool", "say"
    )
    assert (done.code, done.err) == (0, "")
    assert sorted(path.name for path in tools.iterdir()) == ["weather-forecast.yaml", "weather-say.yaml"]
    assert girih("fmt", "--check", "tools").code == 0
    assert girih("validate", ".").code == 0
    assert girih("tools", "import", mcp.url, "--name", "weather", "--endpoint", "weather").code == 2
    assert girih("apply", ".").code == 0

    listed = girih("tools")
    assert "weather.forecast         mcp weather  (town_name, days)  idempotent" in listed.out
    tried = girih("tools", "test", "weather.forecast", "--with", '{"town_name": "Hanoi", "days": 3}')
    assert (tried.code, '"max_temp": 23.5' in tried.out) == (0, True)
    assert "POST " in tried.err
    assert "status 200" in tried.err
    assert girih("tools", "test", "weather.say", "--with", '{"words": ["a"]}').code == 1
    assert girih("tools", "test", "weather.say", "--with", '{"words": ["a"]}', "--yes").code == 0
    assert girih("tools", "test", "weather.say", "--with", "a").code == 2
    assert '"way": "mcp"' in girih("tools", "show", "weather.say").out

    assert girih("tools", "check", "--url", mcp.url).code == 0
    (tools / "weather-say.yaml").write_text("# Kept.\n" + (tools / "weather-say.yaml").read_text())
    say = mcp.server._tool_manager._tools["say"]
    say.parameters["properties"]["loud"] = {"type": "boolean"}
    changed = girih("tools", "check", "tools", "--url", mcp.url)
    assert changed.code == 3
    assert "tools/weather-say.yaml: 'say' changed at the MCP server" in changed.out
    assert "+  loud: boolean?" in changed.out
    assert "weather-forecast" not in changed.out
    pinned = girih("tools", "pin", "tools/weather-say.yaml", "--url", mcp.url)
    assert (pinned.code, pinned.out) == (0, "tools/weather-say.yaml\n")
    text = (tools / "weather-say.yaml").read_text()
    assert text.startswith("# Kept.\n")
    assert "loud: boolean?" in text
    assert girih("tools", "check", "--url", mcp.url).code == 0
    assert girih("apply", ".").code == 0


def test_other_sources(girih: Girih, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "towns.yaml").write_text(OPENAPI)
    place = ("--name", "towns", "--url", "https://example.com")
    assert "operations: listTowns" in girih("tools", "import", "towns.yaml", *place).err
    assert "did you mean 'listTowns'" in girih("tools", "import", "towns.yaml", *place, "--tool", "listTown").err
    assert girih("tools", "import", "towns.yaml", *place, "--tool", "listTowns").code == 0
    packages = tmp_path / ".packages"
    packages.mkdir()
    install(packages)
    monkeypatch.syspath_prepend(str(packages))
    assert girih("tools", "import", "python://shop.price", "--name", "shop").code == 0
    assert "is not installed here" in girih("tools", "import", "python://shop.prise", "--name", "shop").err
    assert girih("validate", ".").code == 0
    assert (tmp_path / "tools" / "towns-list-towns.yaml").exists()
    assert "currency: string?" in (tmp_path / "tools" / "shop-price.yaml").read_text()
    nothing = girih("tools", "import", "http://127.0.0.1:9/mcp", "--name", "x", "--endpoint", "x")
    assert (nothing.code, "the MCP server" in nothing.err) == (4, True)
    refused = girih("apply", ".")
    assert refused.code == 5
    assert "the plug-in 'shop.price' is not installed on this server" in refused.err
