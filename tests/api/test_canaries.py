"""Values of secrets, once used, are nowhere: not in answers, streams, traces, logs, files, or any table."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from tests.api.process import api_process
from tests.providers.servers import Asked, serving

from girih.db.engine import make_engine
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.service import IdentityService

CANARY = "canary/7f31+e5=b2"
TOLD = "told-and-kept-4d8a"
"""What the tool answers besides: it has to be found, or the sweep would prove nothing."""
TOOL = """\
kind: tool/v1
name: canaries.echo
description: Says what it heard.
http: { endpoint: echo, path: /say, auth: { bearer: "secret://canary.key" } }
parameters: { how: string }
returns: { heard: string, note: string }
"""
GRAPH = """\
kind: graph/v1
name: canaries
inputs: { how: string }
use: { echo: tool://canaries.echo }
nodes:
  say: { call: echo, with: { how: "${ inputs.how }" }, write: { kept: "${ say.heard }" }, next: $end }
state: { kept: { type: string, merge: last, default: "" } }
outputs: { heard: "${ say.heard }", note: "${ say.note }" }
"""
SHELF = "kind: collection/v1\nname: canaries\ndescription: Pages\nembedder: hashing\n"


async def echo(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """A service that repeats the credential it was shown, in its answers and in its failures."""
    heard = asked.headers.get("authorization", "")
    body = json.dumps({"heard": heard, "note": TOLD})
    if "how=badly" in asked.path:
        body, status = f"no such key: {heard}", 401
    elif "how=oddly" in asked.path:
        body, status = json.dumps({"heard": {"odd": heard}}), 200
    else:
        status = 401 if asked.path.startswith("/page") else 200
    data = body.encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\nconnection: close"
    writer.write(f"{head}\r\n\r\n".encode() + data)


@pytest.fixture
async def answers(
    database_url: str, uow: UnitOfWork, scope: OrgScope, tmp_path: Path
) -> AsyncIterator[tuple[list[str], list[str], Path]]:
    """What a server said over HTTP while the secret was used, the signing secret's value, and the server's folder."""
    key = (await IdentityService(uow).create_key(scope, "canaries", scope.permissions)).key
    said: list[str] = []
    async with serving(echo) as service:
        settings = {"GIRIH_ENDPOINTS": json.dumps({"echo": service.url}), "GIRIH_LOG_LEVEL": "debug"}
        with api_process(database_url, tmp_path, **settings) as api:
            async with httpx.AsyncClient(
                base_url=api.url, headers={"authorization": f"Bearer {key}"}, timeout=60, trust_env=False
            ) as http:
                signing = (await http.get("/v1/webhook-secret")).json()["secret"]
                await _use(http, service.url, said)
            assert {one.headers.get("authorization") for one in service.asked if one.method == "GET"} == {
                f"Bearer {CANARY}"
            }
            assert any(one.method == "POST" and "webhook-signature" in one.headers for one in service.asked)
            api.stop()
        yield said, [CANARY, signing], tmp_path


async def _use(http: httpx.AsyncClient, service: str, said: list[str]) -> None:
    async def ask(method: str, path: str, **more: Any) -> Any:
        answer = await http.request(method, path, **more)
        said.append(f"{method} {path} {answer.status_code} {answer.headers} {answer.text}")
        return answer

    await ask("PUT", "/v1/secrets/canary.key", json={"value": CANARY})
    files = {"tool.yaml": TOOL, "graph.yaml": GRAPH, "shelf.yaml": SHELF}
    assert (await ask("POST", "/v1/workspace/apply", json={"files": files})).is_success
    for how in ("well", "badly", "oddly"):
        body = {"agent": "canaries", "inputs": {"how": how}, "webhook": f"{service}/told"}
        run = (await ask("POST", "/v1/runs/wait", json=body)).json()
        assert run["status"] == ("succeeded" if how == "well" else "failed"), run
        for part in ("", "/events", "/trace", "/state", "/webhook"):
            await ask("GET", f"/v1/runs/{run['id']}{part}")
        for _ in range(100):
            told = (await http.get(f"/v1/runs/{run['id']}/webhook")).json()["deliveries"]
            if told and told[0]["state"] == "delivered":
                break
            await asyncio.sleep(0.05)
    source = {"kind": "web", "endpoint": "echo", "urls": [f"{service}/page"], "token": "secret://canary.key"}
    made = await ask("POST", "/v1/data-stores", json={"name": "c", "collection": "canaries", "source": source})
    await ask("POST", f"/v1/data-stores/{made.json()['id']}/test")
    wrong = source | {"urls": [f"{service}/page?{CANARY}", 7]}
    await ask("POST", "/v1/data-stores", json={"name": "d", "collection": "canaries", "source": wrong} | {"x": 1})
    for path in ("/v1/secrets", "/v1/agents", "/v1/data-stores", "/v1/usage", "/v1/events", "/v1/runs"):
        await ask("GET", path)


async def holding(owner_url: str, scope: OrgScope, words: list[str]) -> set[str]:
    """The tables in which one of the words stands, as text or in bytes, as far as they are the organization's."""
    engine = make_engine(owner_url, role=None, pool_size=1)
    async with engine.connect() as connection:
        await connection.execute(text("SELECT set_config('app.org_id', :org, false)"), {"org": str(scope.org_id)})
        tables = await connection.execute(
            text("SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'shelves')")
        )
        found = set()
        for schema, table in tables.all():
            query = text(f'SELECT EXISTS (SELECT FROM {schema}."{table}" AS r WHERE strpos(r::text, :word) > 0)')
            for word in words:
                if await connection.scalar(query, {"word": word}):
                    found.add(table)
    await engine.dispose()
    return found


def forms(word: str) -> list[str]:
    """A word as it may stand in texts, in JSON, in URLs, in bytes that are shown as hex, and in base64."""
    coded = [
        word.encode().hex(),
        base64.b64encode(word.encode()).decode(),
        httpx.QueryParams({"x": word}).__str__()[2:],
    ]
    return [word, json.dumps(word)[1:-1], word.replace("/", "\\/"), *coded]


async def test_a_secret_that_was_used_is_nowhere(
    answers: tuple[list[str], list[str], Path], owner_database_url: str, scope: OrgScope
) -> None:
    said, values, folder = answers
    everything = "\n".join(said)
    files = [path for path in folder.rglob("*") if path.is_file()]
    kept = {path.name: path.read_bytes() for path in files}
    assert TOLD in everything and "[secret canary.key]" in everything
    assert {"runs", "run_events"} <= await holding(owner_database_url, scope, forms(TOLD))
    assert any(b"webhook" in content or b"run" in content for content in kept.values())
    for value in values:
        # Whoever asked with a value in the address was refused with it: that was no secret's use.
        assert [line for line in said if value in line] == []
        assert await holding(owner_database_url, scope, forms(value)) == set()
        assert [name for name, content in kept.items() for form in forms(value) if form.encode() in content] == []
