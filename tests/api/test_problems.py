"""Faults as callers see them: a sentence, a way out, and nothing of the inside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import text
from structlog.testing import capture_logs
from tests.api.conftest import Client, client_of, is_problem, settings_for

from girih.api.app import create_app
from girih.api.errors import STATUS, status_of
from girih.db.tenancy import OrgScope
from girih.errors import GirihError, NodeError, Unavailable
from girih.wiring.server import Girih, open_girih


async def test_an_unknown_address_is_404(client: Client) -> None:
    is_problem(await client.get("/v1/nothing"), 404, "not_found")


async def test_a_wrong_method_is_405_and_says_which_are_right(client: Client) -> None:
    answer = await client.patch("/v1/agents")
    is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


async def test_a_slash_too_many_is_no_redirect(client: Client) -> None:
    is_problem(await client.get("/v1/agents/", follow_redirects=False), 404)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/runs", {"agent": "hello", "graph": {}}, "body.graph"),
        ("/v1/runs", {"agent": "hello", "org_id": "x"}, "body.org_id"),
        ("/v1/runs", {}, "body.agent"),
        ("/v1/runs", {"agent": 5}, "body.agent"),
        ("/v1/runs", {"agent": "hello", "inputs": []}, "body.inputs"),
        ("/v1/keys", {"name": "a", "permissions": ["agents:read"], "id": "x"}, "body.id"),
        ("/v1/keys", {"name": "a", "permissions": ["everything"]}, "body.permissions.0"),
        ("/v1/workspace/apply", {"files": {"a.yaml": ""}, "force": True}, "body.force"),
        ("/v1/workspace/apply", {"files": {"a.yaml": 5}}, "body.files.a.yaml"),
        ("/v1/collections/shelf/search", {"query": "x", "colour": "red"}, "body.colour"),
        ("/v1/collections/shelf/search", {"query": "x", "top_k": 1001}, "body.top_k"),
    ],
)
async def test_each_field_that_does_not_fit_is_named(client: Client, path: str, body: object, field: str) -> None:
    problem = is_problem(await client.post(path, json=body), 422, "invalid_input")
    assert field in [item["path"] for item in problem["errors"]]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"agent": "x", "input": {}}', "body.input: there is no such field"),
        (b"{}", "body.agent: is missing"),
        (b"[]", "body: must be a JSON object"),
        (b'{"agent":', "body: is not JSON"),
    ],
)
async def test_what_does_not_fit_is_said_in_plain_words(client: Client, content: bytes, words: str) -> None:
    answer = await client.post("/v1/runs", content=content, headers={"content-type": "application/json"})
    assert str(is_problem(answer, 422, "invalid_input")["detail"]).startswith(words)


async def test_an_id_that_is_none_is_said(client: Client) -> None:
    problem = is_problem(await client.get("/v1/runs/yesterday"), 422, "invalid_input")
    assert str(problem["detail"]).startswith("path.run_id: is not an id")


@pytest.mark.parametrize("content", [b"{", b"", b"null", b"[]", b'"x"', b"\xff", b"NaN", b'{"agent": "x"' + b" " * 10])
async def test_what_is_no_json_object_is_422(client: Client, content: bytes) -> None:
    answer = await client.post("/v1/runs", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    is_problem(answer, answer.status_code)


async def test_deep_nesting_is_refused_not_a_crash(client: Client) -> None:
    content = b'{"agent": "hello", "inputs": {"question": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    answer = await client.post("/v1/runs", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 404, 422)
    is_problem(answer, answer.status_code)


async def test_another_media_type_is_refused(client: Client) -> None:
    answer = await client.post("/v1/runs", content=b'{"agent": "x"}', headers={"content-type": "text/plain"})
    is_problem(answer, 422)


async def test_an_unknown_parameter_is_refused_and_the_known_are_named(client: Client) -> None:
    problem = is_problem(await client.get("/v1/runs", params={"stat": "running"}), 422, "invalid_input")
    assert "'stat'" in str(problem["detail"])
    assert "status" in str(problem["help"])


async def test_a_body_over_the_limit_is_refused_by_its_length(client: Client) -> None:
    answer = await client.post("/v1/workspace/validate", json={"files": {"a.yaml": "x" * 6_000_000}})
    is_problem(answer, 413, "too_large")


async def test_a_body_over_the_limit_is_refused_while_it_arrives(client: Client) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b" " * 2**20

    answer = await client.post("/v1/runs", content=endless(), headers={"content-type": "application/json"})
    is_problem(answer, 413, "too_large")
    assert sent < 10


async def test_the_unforeseen_is_an_id_and_nothing_else(
    girih: Girih, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("password=hunter2 in /etc/girih")

    monkeypatch.setattr(girih.agents, "agents_page", fail)
    with capture_logs() as logs:
        problem = is_problem(await client.get("/v1/agents"), 500, "internal")
    assert "hunter2" not in str(problem)
    assert "RuntimeError" not in str(problem)
    assert [line["error"] for line in logs if line["log_level"] == "error"] == ["RuntimeError"]


def test_every_fault_has_a_status() -> None:
    def kinds(base: type[GirihError]) -> set[type[GirihError]]:
        return {base, *(kind for child in base.__subclasses__() for kind in kinds(child))}

    known = {kind for kind in kinds(GirihError) if kind.__module__ == "girih.errors"} - {GirihError}
    assert all(any(issubclass(kind, listed) for listed in STATUS) for kind in known)
    assert status_of(NodeError("rate_limit", "busy")) == 503
    assert status_of(NodeError("internal", "odd")) == 502
    assert status_of(Unavailable("away")) == 503


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80))
def test_a_request_id_from_outside_is_taken_only_if_it_is_harmless(given_id: str) -> None:
    from girih.api.middleware import _SAFE_ID

    if _SAFE_ID.fullmatch(given_id):
        assert given_id.isascii()
        assert given_id.isprintable()


async def test_the_answer_carries_the_id_the_caller_gave(client: Client) -> None:
    answer = await client.get("/v1/nothing", headers={"x-request-id": "abc-123-def"})
    assert is_problem(answer, 404)["error_id"] == "abc-123-def"
    answer = await client.get("/v1/nothing", headers={"x-request-id": "a\tb<script>"})
    assert answer.headers["x-request-id"] != "a\tb<script>"


async def test_answers_are_not_kept_framed_or_sniffed(client: Client) -> None:
    headers = (await client.get("/v1/agents")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.fixture
async def narrow(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Girih, FastAPI]]:
    """An app with two database connections in all."""
    async with open_girih(settings_for(database_url, tmp_path, database_pool=1)) as girih:
        yield girih, create_app(girih)


async def test_a_busy_pool_is_503_and_recovers(narrow: tuple[Girih, FastAPI], scope: OrgScope) -> None:
    girih, app = narrow
    key = (await girih.identity.create_key(scope, "test", ["agents:read"])).key
    client = client_of(app, key)
    assert (await client.get("/v1/agents")).status_code == 200
    girih.identity._uow._sessions.kw["bind"].pool._timeout = 600  # it is the request that waits no longer
    free = asyncio.Event()

    async def hold() -> None:
        async with girih.identity._uow(scope) as work:
            await work.session.execute(text("SELECT 1"))
            await free.wait()

    holders = [asyncio.create_task(hold()) for _ in range(2)]
    await asyncio.sleep(0.1)
    answer = await client.get("/v1/agents")
    health = await client.get("/healthz")
    free.set()
    await asyncio.gather(*holders)
    is_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]
    assert health.status_code == 200
    assert (await client.get("/v1/agents")).status_code == 200


async def test_browsers_of_listed_origins_only(database_url: str, tmp_path: Path) -> None:
    origin = "https://app.example.com"
    async with open_girih(settings_for(database_url, tmp_path, cors_origins=[origin])) as girih:
        client = client_of(create_app(girih), None)
        asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        good = await client.options("/v1/runs", headers={"origin": origin, **asked})
        bad = await client.options("/v1/runs", headers={"origin": origin + ".evil.com", **asked})
    assert good.headers["access-control-allow-origin"] == origin
    assert "access-control-allow-credentials" not in good.headers
    assert "access-control-allow-origin" not in bad.headers


def test_secrets_in_settings_do_not_print(tmp_path: Path) -> None:
    shown = repr(settings_for("postgresql://u:p@h/d", tmp_path, OPENAI_API_KEY="sk-very-secret"))
    assert "sk-very-secret" not in shown
    assert isinstance(settings_for("x", tmp_path).openai_api_key, SecretStr)
