"""Retention over the API: days are shown and set, and readers are told what is not kept any more."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from tests.api.conftest import Client, is_problem
from tests.api.serving import served
from websockets.asyncio.client import connect

from girih.cli.stream import frames
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.retention.sweeper import Sweeper
from girih.wiring.server import Girih

DAYS = (
    "runs_days",
    "run_events_days",
    "checkpoints_days",
    "domain_events_days",
    "schedule_history_days",
    "versions_days",
    "yanked_days",
)


async def test_days_are_shown_and_set_as_a_whole(client: Client) -> None:
    shown = (await client.get("/v1/retention")).json()
    assert shown["effective"] == dict(zip(DAYS, (0, 90, 30, 90, 90, 0, 90), strict=True))
    assert (shown["own"], shown["swept_at"]) == (dict.fromkeys(DAYS), None)
    answer = await client.put("/v1/retention", json={"runs_days": 365, "checkpoints_days": 0.5})
    assert answer.status_code == 200, answer.text
    assert answer.json()["effective"] == dict(zip(DAYS, (365, 90, 0.5, 90, 90, 0, 90), strict=True))
    replaced = (await client.put("/v1/retention", json={"run_events_days": 0})).json()
    assert replaced["effective"] == dict(zip(DAYS, (0, 0, 30, 90, 90, 0, 90), strict=True))
    assert (await client.get("/v1/retention")).json() == replaced


@pytest.mark.parametrize(
    "body",
    [{"runs_days": -1}, {"runs_days": 40_000}, {"runs_days": "soon"}, {"days": 3}, [], None],
)
async def test_days_that_are_none_are_refused(client: Client, body: Any) -> None:
    is_problem(await client.put("/v1/retention", json=body), 422)


async def test_readers_are_told_of_the_gap_and_of_what_cannot_be_done_any_more(
    app: FastAPI, girih: Girih, published: Client, uow: UnitOfWork, scope: OrgScope
) -> None:
    made = await published.post("/v1/runs/wait", json={"agent": "hello", "inputs": {"question": "why"}})
    run = made.json()
    path = f"/v1/runs/{run['id']}"
    whole = list(frames([(await published.get(f"{path}/events")).content]))
    gone = await Sweeper(uow, girih.retention).sweep(scope, datetime.now(UTC) + timedelta(days=91))
    assert gone is not None
    assert gone["run_events"] == len(whole) - 1
    assert gone["checkpoints"] > 0
    for after in (0, 1, len(whole) - 2):
        gap, last = frames([(await published.get(f"{path}/events", headers={"last-event-id": str(after)})).content])
        assert (gap["type"], gap["seq"]) == ("stream.gap", len(whole) - 1)
        assert (gap["data"]["from"], gap["data"]["to"]) == (after + 1, len(whole) - 1)
        assert gap["data"]["run"]["outputs"] == run["outputs"]
        assert last == whole[-1]
    assert list(frames([(await published.get(f"{path}/events?from={len(whole) - 1}")).content])) == [whole[-1]]
    assert (await published.get(f"{path}/events?from={len(whole)}")).content.count(b"id:") == 0
    is_problem(await published.get(f"{path}/events?from={len(whole) + 1}"), 400)
    async with served(app, ws="auto", started=True) as url:
        headers = {"authorization": published.headers["authorization"]}
        address = f"{url.replace('http://', 'ws://')}{path}/ws?from=1"
        async with connect(address, additional_headers=headers) as socket:
            told = [json.loads(text) async for text in socket]
    assert [event["type"] for event in told] == ["stream.gap", "run.finished"]
    assert told[0]["data"]["run"]["status"] == "succeeded"
    assert (await published.get(f"{path}/checkpoints")).json()["items"] == []
    problem = is_problem(await published.post(f"{path}/retry", json={"checkpoint_id": "x"}), 409, "conflict")
    assert "not kept any more" in str(problem["detail"])
    assert "retention" in str(problem["help"])
    assert "not kept any more" in str(is_problem(await published.get(f"{path}/trace"), 404)["detail"])
    assert (await published.get(path)).json() == run
    assert (await published.get("/v1/retention")).json()["swept_at"] is not None


async def test_a_run_that_is_removed_is_one_that_never_was(
    girih: Girih, published: Client, uow: UnitOfWork, scope: OrgScope
) -> None:
    body = {"agent": "hello", "inputs": {"question": "why"}}
    key = {"idempotency-key": "once"}
    run = (await published.post("/v1/runs/wait", json=body, headers=key)).json()
    assert (await published.post("/v1/runs/wait", json=body, headers=key)).json() == run
    await published.put("/v1/retention", json={"runs_days": 7})
    await Sweeper(uow, girih.retention).sweep(scope, datetime.now(UTC) + timedelta(days=8))
    for path in ("", "/events", "/trace", "/checkpoints", "/wait", "/interrupts"):
        is_problem(await published.get(f"/v1/runs/{run['id']}{path}"), 404, "not_found")
    is_problem(await published.post(f"/v1/runs/{run['id']}/retry", json={}), 404, "not_found")
    again = (await published.post("/v1/runs/wait", json=body, headers=key)).json()
    assert again["id"] != run["id"]
