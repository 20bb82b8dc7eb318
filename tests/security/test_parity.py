"""All ways to have an agent run ask the same of callers, are bounded by the same limits, and hide the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI
from tests.api.conftest import client_of, settings_for
from tests.api.test_canaries import CANARY, echo
from tests.conftest import make_scope
from tests.providers.servers import serving
from tests.security.entries import BEGINNING, ENTRIES, FILES, QUESTION, STARTS_NOTHING, Entry, refused_inside

from girih.api.app import create_app
from girih.api.deps import declarations
from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.key_limits import KeyLimits
from girih.services.identity.key_scopes import is_of_all_agents
from girih.services.identity.schemas import PERMISSIONS
from girih.wiring.server import Girih, open_girih

IDS = [f"{entry.route} {entry.prepare.__name__}" for entry in ENTRIES]
every = pytest.mark.parametrize("entry", ENTRIES, ids=IDS)


@dataclass(frozen=True)
class Desk:
    """A server with the agents published, and keys to it."""

    girih: Girih
    app: FastAPI
    scope: OrgScope
    owner: httpx.AsyncClient

    async def key(self, permissions: frozenset[str] = PERMISSIONS, **limits: object) -> httpx.AsyncClient:
        """Somebody with these permissions, limited like that."""
        bounds = KeyLimits(**limits)  # type: ignore[arg-type]
        made = await self.girih.identity.create_key(self.scope, "k", permissions, limits=bounds)
        return client_of(self.app, made.key)


@pytest.fixture(scope="module")
async def desk(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    engine = make_engine(database_url)
    scope = await make_scope(UnitOfWork(make_sessions(engine), lambda *_: None))
    await engine.dispose()
    async with serving(echo) as service:
        settings = settings_for(database_url, tmp_path_factory.mktemp("parity"), endpoints={"echo": service.url})
        async with open_girih(settings) as girih:
            app = create_app(girih)
            async with app.router.lifespan_context(app):
                key = (await girih.identity.create_key(scope, "owner", PERMISSIONS)).key
                owner = client_of(app, key)
                assert (await owner.put("/v1/secrets/echo.key", json={"value": CANARY})).is_success
                answer = await owner.post("/v1/workspace/apply", json={"files": FILES})
                assert answer.is_success, answer.text
                yield Desk(girih, app, scope, owner)


def test_no_way_in_is_left_out(desk: Desk) -> None:
    """Every route whose permission lets agents run is one of the ways in, or known to have nothing run."""
    known = {entry.route for entry in ENTRIES} | STARTS_NOTHING.keys()
    beginning = {name for name, permission in declarations(desk.app) if permission in BEGINNING}
    assert beginning <= known
    assert known <= {name for name, _ in declarations(desk.app)}


@every
async def test_it_asks_who_calls_and_what_he_may(desk: Desk, entry: Entry) -> None:
    made = await entry.prepare(desk.owner)
    permission = dict(declarations(desk.app))[entry.route]
    assert (await entry.use(client_of(desk.app, None), made)).status_code == 401
    assert (await entry.use(client_of(desk.app, "garbage"), made)).status_code == 401
    assert (await entry.use(await desk.key(PERMISSIONS - {str(permission)}), made)).status_code == 403


@every
async def test_it_counts_requests(desk: Desk, entry: Entry) -> None:
    made = await entry.prepare(desk.owner)
    hurried = await desk.key(requests_per_minute=1)
    while (answer := await hurried.get("/v1/agents")).status_code == 200:
        pass
    assert answer.status_code == 429
    refused = await entry.use(hurried, made)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0


@every
async def test_it_reads_no_more_than_it_takes(desk: Desk, entry: Entry) -> None:
    made = await entry.prepare(desk.owner)
    headers = {"content-type": "application/json", "content-length": str(64 * 2**20)}
    refused = await entry.use(desk.owner, made, json=None, content=b"{}", headers=headers)
    assert refused.status_code == 413


@every
async def test_it_hides_what_is_secret(desk: Desk, entry: Entry) -> None:
    """Secrets are in no answer, and what the graph wants left out is in no trace."""
    made = await entry.prepare(desk.owner)
    answer = await entry.use(desk.owner, made)
    assert answer.is_success, answer.text
    run = made.get("run_id") if entry.goes_on else None
    if run is None:
        run = (await desk.owner.get("/v1/runs", params={"limit": 1})).json()["items"][0]["id"]
    ended = (await desk.owner.get(f"/v1/runs/{run}/wait")).json()
    assert ended["status"] == "succeeded", ended
    told = [answer.text, json.dumps(ended)]
    told += [(await desk.owner.get(f"/v1/runs/{run}/{part}")).text for part in ("events", "trace")]
    assert not [text for text in told if CANARY in text]
    if made["agent"] != "outer":
        assert QUESTION not in told[-1]
        assert "[secret echo.key]" in told[1]


@every
async def test_a_key_for_other_agents_opens_none_of_them(desk: Desk, entry: Entry) -> None:
    made = await entry.prepare(desk.owner)
    held = frozenset(one for one in PERMISSIONS if not is_of_all_agents(one))
    narrow = await desk.key(held, agents=("somebody-else",))
    answer = await entry.use(narrow, made)
    if answer.is_success:
        assert f"no agent `{made['agent']}` is published" in answer.text, answer.text
    else:
        assert answer.status_code in (400, 403, 404), answer.text
    if entry.goes_on:
        run = (await desk.owner.get(f"/v1/runs/{made['run_id']}")).json()
        assert run["status"] == "interrupted", run


@pytest.fixture(scope="module")
async def spent(desk: Desk) -> dict[str, dict[str, str]]:
    """What each entry needs, made before the project's budget is set below what it has spent."""
    prepared = {key: await entry.prepare(desk.owner) for key, entry in zip(IDS, ENTRIES, strict=True)}
    limit = {"target": "project", "period": "month", "tokens": 1}
    assert (await desk.owner.put("/v1/budgets", json=limit)).is_success
    body = {"agent": "desk", "inputs": {"question": QUESTION}}
    while (await desk.owner.post("/v1/runs/wait", json=body)).status_code != 429:
        await asyncio.sleep(0.05)
    return prepared


@every
async def test_it_spends_no_more_than_the_budget(desk: Desk, spent: dict[str, dict[str, str]], entry: Entry) -> None:
    made = spent[IDS[ENTRIES.index(entry)]]
    answer = await entry.use(desk.owner, made)
    if entry.goes_on:
        ended = (await desk.owner.get(f"/v1/runs/{made['run_id']}/wait")).json()
        assert (ended["status"], ended["error"]["kind"]) == ("failed", "budget"), ended
    elif answer.status_code != 429:
        assert refused_inside(answer), answer.text
    else:
        assert "budget" in answer.text
