"""Schedules over the API: what is refused, what each change does to the next moment, and strangers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.api.conftest import WORKSPACE, Client, ClientMaker, is_problem

from girih.db.tenancy import OrgScope

NIGHTLY = {"name": "nightly", "cron": "0 3 * * *", "run": {"agent": "hello", "inputs": {"question": "why"}}}


async def publish(client: Client, hello: str) -> None:
    answer = await client.post("/v1/workspace/apply", json={"files": {"hello.yaml": hello}})
    assert answer.status_code == 200, answer.text


async def made(client: Client, **body: Any) -> dict[str, Any]:
    answer = await client.post("/v1/schedules", json=NIGHTLY | body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/schedules/{answer.json()['id']}"
    return dict(answer.json())


@pytest.mark.parametrize(
    "body",
    [
        {"cron": "whenever it suits"},
        {"cron": "0 3 * *"},
        {"cron": "61 3 * * *"},
        {"cron": "0 0 30 2 *"},
        {"cron": "@daily   "},
        {"timezone": "Mars/Olympus"},
        {"timezone": "../etc/passwd"},
        {"timezone": ""},
        {"name": ""},
        {"name": "a\nb"},
        {"overlap": "queue"},
        {"catch_up": "some"},
        {"run": {"inputs": {}}},
        {"run": {"agent": "hello", "when": "now"}},
        {"run": None},
        {"every": "day"},
    ],
)
async def test_what_makes_no_schedule_is_refused(published: Client, body: dict[str, Any]) -> None:
    is_problem(await published.post("/v1/schedules", json=NIGHTLY | body), 422)
    known = await made(published)
    change = {name: value for name, value in body.items() if value is not None}
    if change:
        is_problem(await published.patch(f"/v1/schedules/{known['id']}", json=change), 422)
    assert (await published.get("/v1/schedules")).json()["items"] == [known]


async def test_a_schedule_is_changed_paused_and_resumed(published: Client) -> None:
    one = await made(published, timezone="Asia/Tehran")
    path = f"/v1/schedules/{one['id']}"
    moment = datetime.fromisoformat(one["next_at"]).astimezone(UTC)
    assert (moment.hour, moment.minute) == (23, 30)
    later = (await published.patch(path, json={"cron": "30 4 * * *", "timezone": "UTC"})).json()
    moment = datetime.fromisoformat(later["next_at"])
    assert (moment.hour, moment.minute, later["run"]) == (4, 30, one["run"])
    assert datetime.now(UTC) < moment <= datetime.now(UTC) + timedelta(days=1)
    paused = (await published.post(f"{path}/pause")).json()
    assert (paused["enabled"], paused["next_at"]) == (False, None)
    assert (await published.patch(path, json={"cron": "0 5 * * *"})).json()["next_at"] is None
    resumed = (await published.post(f"{path}/resume")).json()
    assert (resumed["enabled"], datetime.fromisoformat(resumed["next_at"]).hour) == (True, 5)
    assert (await published.post(f"{path}/resume")).json() == resumed
    is_problem(await published.post("/v1/schedules", json=NIGHTLY), 409, "conflict")
    other = await made(published, name="other", enabled=False)
    is_problem(await published.patch(f"/v1/schedules/{other['id']}", json={"name": "nightly"}), 409, "conflict")
    assert (await published.patch(path, json={"name": "nightly"})).status_code == 200


async def test_now_is_a_moment_of_its_own_and_its_failure_is_told(published: Client) -> None:
    one = await made(published)
    path = f"/v1/schedules/{one['id']}"
    run = await published.post(f"{path}/run")
    assert run.status_code == 201, run.text
    await published.get(f"/v1/runs/{run.json()['id']}/wait")
    is_problem(await published.patch(path, json={"run": {"agent": "gone"}}), 404, "not_found")
    await publish(published, WORKSPACE["hello.yaml"].replace("question", "topic"))
    is_problem(await published.post(f"{path}/run"), 422, "invalid_input")
    failed, started = (await published.get(f"{path}/history")).json()["items"]
    assert (failed["outcome"], failed["manual"], failed["run_id"]) == ("failed", True, None)
    assert "'topic' is missing" in failed["error"]
    assert (started["outcome"], started["run_id"]) == ("started", run.json()["id"])
    assert len((await published.get(f"{path}/history?limit=1")).json()["items"]) == 1
    assert (await published.get(path)).json()["next_at"] == one["next_at"]
    assert (await published.delete(path)).status_code == 204
    is_problem(await published.delete(path), 404, "not_found")
    assert (await published.get(f"/v1/runs/{run.json()['id']}")).status_code == 200


async def test_schedules_come_in_pages_and_only_ones_own(
    published: Client, client_for: ClientMaker, other_scope: OrgScope
) -> None:
    names = [(await made(published, name=f"n{n}"))["name"] for n in range(5)]
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (
            await published.get("/v1/schedules", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [one["name"] for one in page["items"]]
        cursor = page["next"]
    assert seen == names[::-1]
    assert (await published.get("/v1/schedules?cursor=x")).status_code == 400
    stranger = await client_for(other_scope)
    assert (await stranger.get("/v1/schedules")).json() == {"items": [], "next": None}
    theirs = (await published.get("/v1/schedules")).json()["items"][0]["id"]
    for number in (theirs, str(uuid4())):
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/run"), ("GET", "/history")):
            is_problem(await stranger.request(method, f"/v1/schedules/{number}{path}"), 404, "not_found")
    await publish(stranger, WORKSPACE["hello.yaml"])
    # A name is taken within a project only.
    assert (await stranger.post("/v1/schedules", json=NIGHTLY)).status_code == 201
    is_problem(await published.get("/v1/schedules/none"), 422)
