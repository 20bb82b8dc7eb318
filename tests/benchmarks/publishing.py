"""Measures how publishing keeps up with many agents and many versions: lists, references, plans and applies.

`python -m tests.benchmarks.publishing [AGENTS] [VERSIONS]` (500, 1,000): an organization of that many agents, one of
which has that many versions, on a database of its own. Everything is asked of the API, within one process.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from sqlalchemy import text
from tests.api.conftest import client_of, settings_for
from tests.conftest import fresh_database, make_scope

from girih.api.app import create_app
from girih.db.engine import make_engine, make_sessions
from girih.db.migrations import upgrade
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.schemas import PERMISSIONS
from girih.wiring.server import Girih, open_girih

REPEATS = 5
ENTRY = """\
kind: graph/v1
name: desk-{0}
title: Desk {0}
description: Answers questions of kind {0}
inputs: {{ question: string, tier: {{ enum: [free, gold] }} }}
use: {{ model: "model://default" }}
nodes:
  sort:
    llm: model
    prompt: "Is this of kind {0}, or of another one? ${{ inputs.question }}"
    returns: {{ urgent: boolean }}
    next:
      - if: sort.urgent
        to: answer
      - to: refuse
  answer: {{ llm: model, prompt: "Answer briefly: ${{ inputs.question }} {1}", next: $end }}
  refuse: {{ set: {{ text: "Not for us" }}, next: $end }}
outputs: {{ text: "${{ answer.?text.orValue(refuse.?text.orValue('')) }}" }}
"""
HALL = """\
kind: graph/v1
name: hall
inputs: { question: string }
use: { desk: "graph://desk-0" }
nodes:
  go: { graph: desk, with: { question: "${ inputs.question }", tier: free }, next: $end }
outputs: { text: "${ go.text }" }
"""
MORE = """\
INSERT INTO agent_versions SELECT (jsonb_populate_record(v, jsonb_build_object(
  'id', gen_random_uuid(), 'number', n, 'version', '1.0.' || (n - 1), 'digest', 'sha256:' || md5(n::text) || md5(n::text)
))).* FROM agent_versions v JOIN agents a ON a.id = v.agent_id, generate_series(2, :last) n
WHERE v.org_id = :org_id AND a.name = 'desk-0' AND v.number = 1
"""
NEWEST = """\
UPDATE agent_aliases SET version_id = v.id FROM agent_versions v JOIN agents a ON a.id = v.agent_id
WHERE agent_aliases.agent_id = a.id AND alias = 'latest' AND v.number = :last AND a.name = 'desk-0'
AND a.org_id = :org_id
"""


def workspace(agents: int, word: str = "") -> dict[str, str]:
    """Texts of that many agents, and of one that calls the first."""
    return {f"graphs/{n}.yaml": ENTRY.format(n, word) for n in range(agents)} | {"hall.yaml": HALL}


async def timed(name: str, ask: Callable[[], Awaitable[httpx.Response]]) -> dict[str, Any]:
    """Ask a few times; prints how long that took, and gives the last answer."""
    spent: list[float] = []
    worked: list[float] = []
    for _ in range(REPEATS):
        began, before = time.perf_counter(), time.process_time()
        answer = await ask()
        spent.append(time.perf_counter() - began)
        worked.append(time.process_time() - before)
        assert answer.is_success, answer.text
    figures = (min(spent), median(spent), median(worked))
    print(f"| {name} | " + " | ".join(f"{figure * 1000:.0f}" for figure in figures) + " |", flush=True)
    found: dict[str, Any] = answer.json()
    return found


async def measure(client: httpx.AsyncClient, agents: int) -> None:
    """The table."""
    everything, one = workspace(agents), {"graphs/0.yaml": ENTRY.format(0, "changed")}

    async def apply(files: dict[str, str], **more: object) -> httpx.Response:
        return await client.post("/v1/workspace/apply", json={"files": files, **more})

    print("| ms | shortest | median | processor of the API |\n|---|---:|---:|---:|")
    await timed("list agents, 200 of them", lambda: client.get("/v1/agents"))
    await timed("list agents, all", lambda: client.get("/v1/agents", params={"limit": 1000}))
    await timed("list versions of one agent, 200 of them", lambda: client.get("/v1/agents/desk-0/versions"))
    await timed(
        "list versions of one agent, all", lambda: client.get("/v1/agents/desk-0/versions", params={"limit": 1000})
    )
    await timed("one agent by ^1", lambda: client.get("/v1/agents/desk-0@^1"))
    await timed("one agent by a name that it has not", lambda: missing(client))
    await timed("plan one changed file", lambda: apply(one, dry_run=True))
    await timed("plan one changed file, with its caller", lambda: apply(one | {"hall.yaml": HALL}, dry_run=True))
    await timed("plan all files, one of them changed", lambda: apply(everything | one, dry_run=True))
    await timed("plan one changed file and prune all but it", lambda: apply(one, dry_run=True, prune=True))
    await timed("plan all files, all of them changed", lambda: apply(workspace(agents, "anew"), dry_run=True))


async def missing(client: httpx.AsyncClient) -> httpx.Response:
    """Ask for an alias that is not there."""
    answer = await client.get("/v1/agents/desk-0@nowhere")
    assert answer.status_code == 404
    return httpx.Response(200, json={})


async def fill(girih: Girih, scope: OrgScope, owner: str, agents: int, versions: int) -> None:
    """Publish the agents, and copy the first one's version as the database's owner: the 1,000 applies would take long."""
    await girih.agents.apply(scope, workspace(agents))
    engine = make_engine(owner, role=None, pool_size=1)
    async with engine.begin() as connection:
        values = {"org_id": scope.org_id, "last": versions}
        for statement in ("SELECT set_config('app.org_id', :org, true)",):
            await connection.execute(text(statement), {"org": str(scope.org_id)})
        await connection.execute(text(MORE), values)
        await connection.execute(text(NEWEST), values)
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("ANALYZE"))
    await engine.dispose()


async def main(agents: int, versions: int) -> None:
    """Make a database, fill it, measure."""
    async with fresh_database() as database:
        await upgrade(database.owner)
        engine = make_engine(database.app, pool_size=2)
        scope = await make_scope(UnitOfWork(make_sessions(engine), lambda *_: None))
        with tempfile.TemporaryDirectory() as folder:
            async with open_girih(settings_for(database.app, Path(folder))) as girih:
                began = time.perf_counter()
                await fill(girih, scope, database.owner, agents, versions)
                print(f"filled in {time.perf_counter() - began:.1f} s: {agents} agents, {versions} versions of one")
                key = (await girih.identity.create_key(scope, "bench", PERMISSIONS)).key
                app = create_app(girih)
                async with app.router.lifespan_context(app), client_of(app, key) as client:
                    await measure(client, agents)
        await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(*[int(given) for given in sys.argv[1:3]] or [500, 1_000]))
