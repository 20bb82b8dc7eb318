"""Callers are told how much they may still ask, and are refused in words when it was too much."""

from __future__ import annotations

from pathlib import Path

from tests.api.conftest import client_of, is_problem, settings_for

from girih.api.app import create_app
from girih.db.tenancy import OrgScope
from girih.services.identity.schemas import PERMISSIONS
from girih.wiring.server import open_girih


async def test_a_caller_is_counted_and_refused(database_url: str, tmp_path: Path, scope: OrgScope) -> None:
    settings = settings_for(database_url, tmp_path, requests_per_minute=12, request_burst=0.25)
    async with open_girih(settings) as girih:
        app = create_app(girih)
        one, other = [
            client_of(app, (await girih.identity.create_key(scope, name, PERMISSIONS)).key) for name in ("a", "b")
        ]
        answers = [await one.get("/v1/agents") for _ in range(3)]
        assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0"]
        assert answers[-1].headers["ratelimit-limit"] == "3"
        for path in ("/v1/agents", "/langgraph/threads/search", "/openai/v1/models"):
            refused = await (one.post(path, json={}) if "search" in path else one.get(path))
            assert refused.status_code == 429, path
            assert 0 < int(refused.headers["retry-after"]) <= 5
            assert refused.headers["ratelimit-remaining"] == "0"
        problem = is_problem(await one.get("/v1/agents"), 429, "rate_limited")
        assert "send it again in" in str(problem["help"])
        assert (await other.get("/v1/agents")).status_code == 200
        assert (await client_of(app, None).get("/healthz")).status_code == 200


async def test_an_organization_is_counted_as_a_whole(database_url: str, tmp_path: Path, scope: OrgScope) -> None:
    settings = settings_for(database_url, tmp_path, requests_per_minute_per_org=4, request_burst=0.5)
    async with open_girih(settings) as girih:
        app = create_app(girih)
        for name, status in (("a", 200), ("b", 200), ("c", 429)):
            made = await girih.identity.create_key(scope, name, PERMISSIONS)
            assert (await client_of(app, made.key).get("/v1/agents")).status_code == status


async def test_without_a_rate_nothing_is_said(database_url: str, tmp_path: Path, scope: OrgScope) -> None:
    async with open_girih(settings_for(database_url, tmp_path)) as girih:
        made = await girih.identity.create_key(scope, "a", PERMISSIONS)
        answer = await client_of(create_app(girih), made.key).get("/v1/agents")
        assert "ratelimit-limit" not in answer.headers
