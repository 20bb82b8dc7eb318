"""How much may be open at once: runs of a key and of an organization, and streams of a key."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.conftest import CURIOUS, client_of, is_problem, settings_for
from tests.api.serving import served
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from girih.api.app import create_app
from girih.db.tenancy import OrgScope
from girih.services.identity.key_limits import KeyLimits
from girih.services.identity.schemas import PERMISSIONS
from girih.wiring.server import Girih, open_girih

SLOW = """\
kind: graph/v1
name: slow
nodes:
  wait: { set: { x: 1 }, next: $end }
outputs: { x: "${ wait.x }" }
"""
LATER = {"agent": "slow", "background": True}
"""A run that waits for a worker: there is none."""


async def key(girih: Girih, scope: OrgScope, **limits: Any) -> str:
    made = await girih.identity.create_key(scope, "a", PERMISSIONS, limits=KeyLimits(**limits))
    return made.key


@pytest.fixture
def patient(database_url: str, tmp_path: Path) -> Any:
    """Settings of a server that takes no run in the place of workers."""
    return lambda **more: settings_for(database_url, tmp_path, background_after=3600, **more)


async def test_a_key_has_so_many_runs_at_once(patient: Any, scope: OrgScope) -> None:
    async with open_girih(patient()) as girih:
        app = create_app(girih)
        one, other = client_of(app, await key(girih, scope, runs_at_once=2)), client_of(app, await key(girih, scope))
        assert (await one.post("/v1/workspace/apply", json={"files": {"a.yaml": SLOW}})).is_success
        answers = await asyncio.gather(*(one.post("/v1/runs", json=LATER) for _ in range(6)))
        begun = [answer for answer in answers if answer.is_success]
        assert 0 < len(begun) <= 2, "never more, however many ask at the same moment"
        while len(begun) < 2:  # they may have stood in each other's way
            begun.append(await one.post("/v1/runs", json=LATER))
        problem = is_problem(await one.post("/v1/runs", json=LATER), 429, "too_many_at_once")
        assert problem["details"]["limit"] == 2  # type: ignore[index] - it is JSON
        refused = await one.post("/langgraph/runs", json={"assistant_id": "slow", "input": {}})
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        assert (await other.post("/v1/runs", json=LATER)).is_success
        assert (await one.post(f"/v1/runs/{begun[0].json()['id']}/cancel")).is_success
        assert (await one.post("/v1/runs", json=LATER)).is_success


async def test_an_organization_has_so_many_runs_at_once(patient: Any, scope: OrgScope, other_scope: OrgScope) -> None:
    async with open_girih(patient(runs_at_once_per_org=1, runs_at_once=5)) as girih:
        app = create_app(girih)
        for place in (scope, other_scope):
            one, other = [client_of(app, await key(girih, place)) for _ in range(2)]
            assert (await one.post("/v1/workspace/apply", json={"files": {"a.yaml": SLOW}})).is_success
            assert (await one.post("/v1/runs", json=LATER)).is_success
            problem = is_problem(await other.post("/v1/runs", json=LATER), 429, "too_many_at_once")
            assert "your organization may have 1 runs" in str(problem["detail"])


async def test_a_key_has_so_many_streams_at_once(database_url: str, tmp_path: Path, scope: OrgScope) -> None:
    async with AsyncExitStack() as stack:
        girih = await stack.enter_async_context(open_girih(settings_for(database_url, tmp_path, streams_at_once=1)))
        address = await stack.enter_async_context(served(create_app(girih), ws="auto"))
        shown = {"authorization": f"Bearer {await key(girih, scope)}"}
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=address, headers=shown, timeout=30, trust_env=False)
        )
        await http.post("/v1/workspace/apply", json={"files": {"curious.yaml": CURIOUS}})
        run = (await http.post("/v1/runs", json={"agent": "curious"})).json()["id"]
        async with http.stream("GET", f"/v1/runs/{run}/events") as first:
            assert first.status_code == 200
            is_problem(await http.get(f"/v1/runs/{run}/events"), 429, "too_many_at_once")
            assert (await http.get(f"/langgraph/runs/{run}")).status_code != 429, "what is no stream is none too many"
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{address.replace('http', 'ws')}/v1/runs/{run}/ws", additional_headers=shown)
            assert refused.value.response.status_code == 429
        for _ in range(200):
            async with http.stream("GET", f"/v1/runs/{run}/events") as again:
                if again.status_code == 200:
                    break
            await asyncio.sleep(0.02)
        assert again.status_code == 200, "the place came back"
