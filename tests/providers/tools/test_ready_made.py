"""The ready-made tools, against local servers that speak the protocols their services document."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.providers.servers import Server, serving
from tests.providers.tools.services import SERVICES, TOKEN

from girih.errors import NodeError
from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.providers.credentials import Destination
from girih.providers.outbound import OutboundClient
from girih.providers.tools.http import HttpTools

SPECS = compile_workspace(read_folder(Path(__file__).parents[3] / "agent_specs"))
TOOLS = {
    spec.name: spec.document
    for spec in SPECS.others
    if spec.kind == "tool/v1" and spec.name.partition(".")[0] in SERVICES
}
REPO = {"owner": "o", "repo": "r"}
RANGE = {"start_time": "2026-12-01T00:00:00Z", "end_time": "2026-12-30T00:00:00Z"}
TYPE = "https://api.calendly.com/event_types/A"
USER = "https://api.calendly.com/users/U"


class Caller:
    """Calls each tool at the local server of its service."""

    def __init__(self, servers: dict[str, Server], token: str = TOKEN) -> None:
        self.servers = servers
        self.token = token
        self.client = OutboundClient([server.url for server in servers.values()])

    async def call(self, name: str, /, **arguments: Any) -> Any:
        async def secret(_: str, to: Destination) -> str:
            return self.token

        service = name.partition(".")[0]
        http = {key: value for key, value in TOOLS[name]["http"].items() if key != "url"}
        tool = {**TOOLS[name], "http": {**http, "endpoint": service}}
        tools = HttpTools(self.client, {service: self.servers[service].url}, secret)
        return await tools.call(tool, arguments, timeout=5, idempotency_key="k")


@pytest.fixture
async def services() -> AsyncIterator[Caller]:
    async with (
        serving(SERVICES["github"]) as github,
        serving(SERVICES["calendly"]) as calendly,
        serving(SERVICES["weather"]) as weather,
    ):
        caller = Caller({"github": github, "calendly": calendly, "weather": weather})
        yield caller
        await caller.client.aclose()


def test_each_names_where_it_is_documented() -> None:
    assert len(TOOLS) == 12
    for spec in SPECS.others:
        if spec.name in TOOLS:
            text = (Path(__file__).parents[3] / "agent_specs" / spec.path).read_text()
            assert "\n# https://" in text, spec.path
            assert spec.document["http"]["url"].startswith("https://")


async def test_github(services: Caller) -> None:
    issue = await services.call("github.issues.get", **REPO, number=7)
    assert (issue["title"], issue["body"], issue["user"]) == ("It is slow", None, {"login": "ada", "id": 2})
    assert "reactions" not in issue
    page = await services.call("github.issues.list", **REPO, per_page=2, page=3)
    assert [one["number"] for one in page["items"]] == [5]
    found = await services.call("github.issues.list", **REPO, labels=["bug", "slow"], state="all")
    assert len(found["items"]) == 1
    assert services.servers["github"].asked[-1].path.endswith("/issues?labels=bug%2Cslow&state=all")
    made = await services.call("github.issues.create", **REPO, title="A", body="B", labels=["bug"])
    assert (made["title"], made["body"]) == ("A", "B")
    assert services.servers["github"].asked[-1].json() == {"title": "A", "body": "B", "labels": ["bug"]}
    assert (await services.call("github.issues.comment", **REPO, number=7, body="Yes"))["id"] == 9
    found = await services.call("github.repos.search", q="graph language:python", sort="stars")
    assert found["items"] == [
        {"full_name": "o/r", "html_url": "https://github.com/o/r", "description": None, "language": None}
    ]
    found = await services.call("github.code.search", q="token repo:o/r")
    assert found["items"][0]["repository"] == {"full_name": "o/r"}


async def test_calendly(services: Caller) -> None:
    first = await services.call("calendly.event-types", user=USER, active=True)
    assert [one["name"] for one in first["collection"]] == ["Talk"]
    token = first["pagination"]["next_page_token"]
    last = await services.call("calendly.event-types", user=USER, page_token=token)
    assert last["pagination"]["next_page_token"] is None
    events = await services.call("calendly.events", user=USER, min_start_time="2026-12-01T00:00:00Z")
    assert events["collection"][0]["invitees_counter"] == {"total": 1, "active": 1, "limit": 1}
    invitees = await services.call("calendly.invitees", uuid="E")
    assert invitees["collection"][0]["email"] == "bob@example.com"
    times = await services.call("calendly.times", event_type=TYPE, **RANGE)
    assert times["collection"][0]["invitees_remaining"] == 1


async def test_weather(services: Caller) -> None:
    found = await services.call("weather.places", name="Hanoi", country_code="VN")
    assert found["results"][0]["latitude"] == 21.0245
    assert "countryCode=VN" in services.servers["weather"].asked[-1].path
    assert await services.call("weather.places", name="Nowhere") == {}
    weather = await services.call("weather.forecast", latitude=21.0, longitude=105.8)
    assert weather["current"]["temperature_2m"] == 1.5
    assert len(weather["daily"]["time"]) == 3
    assert weather["timezone"] == "auto"


@pytest.mark.parametrize(
    ("name", "arguments", "kind", "details"),
    [
        ("github.issues.get", {**REPO, "number": 8}, "tool_error", {"status": 404}),
        ("github.issues.create", {**REPO, "title": " "}, "tool_error", {"status": 422}),
        ("github.repos.search", {"q": "limited"}, "rate_limit", {"status": 403, "retry_after": 9.0}),
        ("github.repos.search", {"q": "often"}, "rate_limit", {"status": 429, "retry_after": 60.0}),
        ("github.code.search", {"q": "::"}, "tool_error", {"status": 422}),
        ("calendly.event-types", {}, "tool_error", {"status": 400}),
        ("calendly.invitees", {"uuid": "none"}, "tool_error", {"status": 404}),
        ("calendly.events", {"status": "canceled"}, "rate_limit", {"status": 429, "retry_after": 60.0}),
        ("calendly.times", {"event_type": TYPE, **RANGE, "end_time": "2027-01-30T00:00:00Z"}, "tool_error", {"status": 400}),
        ("weather.forecast", {"latitude": 1.0, "longitude": 1.0, "timezone": "?"}, "tool_error", {"status": 400}),
    ],
)  # fmt: skip
async def test_their_refusals(services: Caller, name: str, arguments: Any, kind: str, details: Any) -> None:
    with pytest.raises(NodeError) as caught:
        await services.call(name, **arguments)
    assert (caught.value.kind, caught.value.details) == (kind, details)
    assert caught.value.can_pass is (kind == "rate_limit")


@pytest.mark.parametrize("name", ["github.repos.search", "calendly.events"])
async def test_a_wrong_token_is_refused_for_good(services: Caller, name: str) -> None:
    services.token = "wrong"
    with pytest.raises(NodeError, match="answered HTTP 401") as caught:
        await services.call(name, **({"q": "x"} if "github" in name else {}))
    assert caught.value.can_pass is False


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("weather.forecast", {"latitude": 91.0, "longitude": 0.0}),
        ("weather.forecast", {"latitude": 1.0, "longitude": 0.0, "daily": ["sun"]}),
        ("github.issues.list", {**REPO, "per_page": 101}),
        ("calendly.times", {"event_type": "talk", **RANGE}),
    ],
)
async def test_what_their_documentation_forbids_is_not_sent(services: Caller, name: str, arguments: Any) -> None:
    with pytest.raises(NodeError, match="do not fit"):
        await services.call(name, **arguments)
    assert services.servers[name.partition(".")[0]].asked == []
