"""Threads over the API: made, run on, waited for, paged through, edited, forked; and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from tests.api.conftest import Client, ClientMaker, is_problem

from girih.db.tenancy import OrgScope
from girih.services.identity.schemas import PERMISSIONS

COUNTER = """\
kind: graph/v1
name: counter
inputs: { by: { type: integer, default: 1 } }
state:
  total: { type: integer, merge: sum, default: 0 }
nodes:
  add: { set: { n: "${ inputs.by }" }, write: { total: "${ add.n }" }, next: $end }
outputs: { n: "${ add.n }" }
"""
ASKING = """\
kind: graph/v1
name: asking
nodes:
  sure: { ask: { message: Sure? }, next: $end }
outputs: { said: "${ sure.answer }" }
"""
SLOW = """\
kind: graph/v1
name: slow
use: { model: model://demo }
nodes:
  answer: { llm: model, prompt: hello, params: { tokens: 40, delay_ms: 50 }, next: $end }
outputs: { text: "${ answer.text }" }
"""
FILES = {"counter.yaml": COUNTER, "asking.yaml": ASKING, "slow.yaml": SLOW}


@pytest.fixture
async def counting(client: Client) -> Client:
    answer = await client.post("/v1/workspace/apply", json={"files": FILES})
    assert answer.status_code == 200, answer.text
    return client


async def thread(client: Client, **body: Any) -> str:
    answer = await client.post("/v1/threads", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/threads/{answer.json()['id']}"
    return str(answer.json()["id"])


async def run_on(client: Client, here: str, **body: Any) -> dict[str, Any]:
    """A run on the thread, when it has ended."""
    made = await client.post(f"/v1/threads/{here}/runs", json={"agent": "counter", **body})
    assert made.status_code == 201, made.text
    return dict((await client.get(f"/v1/runs/{made.json()['id']}/wait")).json())


async def total(client: Client, here: str) -> int:
    return int((await client.get(f"/v1/threads/{here}/state")).json()["state"].get("total", 0))


async def test_runs_on_a_thread_by_its_address(counting: Client) -> None:
    here = await thread(counting)
    for n in range(1, 4):
        run = await run_on(counting, here, inputs={"by": n})
        assert (run["status"], run["thread_id"]) == ("succeeded", here)
    assert await total(counting, here) == 6
    named = await counting.post(f"/v1/threads/{here}/runs", json={"agent": "counter", "thread_id": here})
    assert named.status_code == 201
    assert named.headers["location"] == f"/v1/runs/{named.json()['id']}"
    problem = is_problem(
        await counting.post(f"/v1/threads/{here}/runs", json={"agent": "counter", "thread_id": str(uuid4())}), 422
    )
    assert "leave `thread_id` out" in str(problem["help"])
    listed = (await counting.get(f"/v1/threads/{here}/runs")).json()["items"]
    assert listed[0]["id"] == named.json()["id"]
    assert len(listed) == 4


async def test_a_key_makes_one_run_on_the_thread(counting: Client) -> None:
    here = await thread(counting)
    key = {"idempotency-key": "k1"}
    body = {"agent": "counter", "multitask": "enqueue"}
    made = [await counting.post(f"/v1/threads/{here}/runs", json=body, headers=key) for _ in range(3)]
    assert len({one.json()["id"] for one in made}) == 1
    await counting.get(f"/v1/runs/{made[0].json()['id']}/wait")
    assert await total(counting, here) == 1


async def test_start_and_wait_answers_when_it_has_ended_waits_or_the_time_is_over(counting: Client) -> None:
    done = await counting.post("/v1/runs/wait", json={"agent": "counter", "inputs": {"by": 4}})
    assert (done.status_code, done.json()["status"], done.json()["outputs"]) == (200, "succeeded", {"n": 4})
    assert done.headers["location"] == f"/v1/runs/{done.json()['id']}"
    asks = await counting.post("/v1/runs/wait", json={"agent": "asking"})
    assert (asks.status_code, asks.json()["status"]) == (200, "interrupted")
    late = await counting.post("/v1/runs/wait?timeout=0.1", json={"agent": "slow"})
    assert (late.status_code, late.json()["status"]) == (202, "running")
    rest = (await counting.get(f"/v1/runs/{late.json()['id']}/wait")).json()
    assert rest["status"] == "succeeded"
    for timeout in ("-1", "301", "soon"):
        is_problem(await counting.post(f"/v1/runs/wait?timeout={timeout}", json={"agent": "counter"}), 422)
    is_problem(await counting.post("/v1/runs/wait", json={"agent": "nobody"}), 404)
    is_problem(await counting.post("/v1/runs/wait", json={"agent": "counter", "inputs": {"by": "x"}}), 422)
    before = len((await counting.get("/v1/runs")).json()["items"])
    assert before == 3


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"ttl": 0}),
        ("POST", "", {"ttl": -1}),
        ("POST", "", {"name": "x"}),
        ("POST", "", {"metadata": {"x": "\0"}}),
        ("POST", "", {"agent": "counter", "state": {"total": "many"}}),
        ("POST", "", {"agent": "counter", "state": {"sum": 1}}),
        ("PATCH", "/{id}", {"ttl": 0}),
        ("PATCH", "/{id}", {"metadata": []}),
        ("POST", "/{id}/state", {}),
        ("POST", "/{id}/state", {"agent": "counter", "state": {"total": "many"}}),
        ("POST", "/{id}/state", {"agent": "counter", "state": {"total": 1}, "version": -1}),
        ("POST", "/{id}/fork", {"run_id": str(uuid4())}),
        ("POST", "/{id}/fork", {"checkpoint_id": "x"}),
        ("POST", "/{id}/fork", {"state_id": "none"}),
        ("POST", "/{id}/copy", {"metadata": {"x": "\0"}}),
        ("POST", "/{id}/runs", {"agent": "counter", "multitask": "all"}),
        ("POST", "/{id}/runs", {}),
        ("GET", "?status=gone", None),
        ("GET", "?limit=0", None),
        ("GET", "/{id}/history?limit=201", None),
        ("GET", "/{id}/state?state_id=none", None),
    ],
)
async def test_what_makes_no_sense_is_refused(counting: Client, method: str, path: str, body: Any) -> None:
    here = await thread(counting)
    answer = await counting.request(method, f"/v1/threads{path.format(id=here)}", json=body)
    is_problem(answer, 422)
    assert (await counting.get(f"/v1/threads/{here}")).json()["version"] == 0


@pytest.mark.parametrize("path", ["?cursor=x", "/{id}/history?cursor=x", "/{id}/runs?cursor=x"])
async def test_a_cursor_that_is_none_is_refused(counting: Client, path: str) -> None:
    here = await thread(counting)
    assert (await counting.get(f"/v1/threads{path.format(id=here)}")).status_code in (400, 422)


async def test_history_and_lists_come_in_pages(counting: Client) -> None:
    here = await thread(counting, metadata={"of": "pages"})
    for _ in range(5):
        await run_on(counting, here)
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await counting.get(f"/v1/threads/{here}/history?limit=2{cursor}")).json()
        assert len(page["items"]) <= 2
        seen += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [one["state"]["total"] for one in seen] == [5, 4, 3, 2, 1]
    assert [one["parent_id"] for one in seen] == [one["id"] for one in seen[1:]] + [None]
    assert {one["source"] for one in seen} == {"run"}
    earlier = (await counting.get(f"/v1/threads/{here}/state?state_id={seen[3]['id']}")).json()
    assert earlier["state"] == {"total": 2}
    others = [await thread(counting) for _ in range(2)]
    listed = (await counting.get("/v1/threads?limit=2")).json()
    assert [one["id"] for one in listed["items"]] == others[::-1]
    assert [one["id"] for one in (await counting.get(f"/v1/threads?cursor={listed['next']}")).json()["items"]] == [here]


async def test_an_edit_needs_the_version_it_was_made_for_and_an_idle_thread(counting: Client) -> None:
    here = await thread(counting)
    await run_on(counting, here)
    edit = {"state": {"total": 10}, "version": 1}
    both = await asyncio.gather(*(counting.post(f"/v1/threads/{here}/state", json=edit) for _ in range(2)))
    assert sorted(answer.status_code for answer in both) == [200, 409]
    conflict = next(answer for answer in both if answer.status_code == 409)
    assert "is at version 2, not 1" in str(is_problem(conflict, 409)["detail"])
    run = (await counting.post("/v1/runs/wait", json={"agent": "asking", "thread_id": here})).json()
    busy: Any = is_problem(await counting.post(f"/v1/threads/{here}/state", json={"state": {}}), 409)
    assert busy["details"]["runs"] == [run["id"]]
    refused: Any = is_problem(await counting.post(f"/v1/threads/{here}/runs", json={"agent": "counter"}), 409)
    assert refused["details"]["runs"] == [run["id"]]
    assert (await counting.get(f"/v1/threads/{here}")).json()["status"] == "interrupted"
    await counting.post(f"/v1/runs/{run['id']}/cancel")
    assert (await run_on(counting, here))["status"] == "succeeded"
    assert await total(counting, here) == 11


async def test_forks_and_copies_go_their_own_way(counting: Client) -> None:
    here = await thread(counting, metadata={"a": 1})
    runs = [await run_on(counting, here) for _ in range(3)]
    history = (await counting.get(f"/v1/threads/{here}/history")).json()["items"]
    fork = (await counting.post(f"/v1/threads/{here}/fork", json={"state_id": history[2]["id"]})).json()
    copy = (await counting.post(f"/v1/threads/{here}/copy", json={"metadata": {"b": 2}})).json()
    assert (fork["metadata"], copy["metadata"]) == ({"a": 1}, {"b": 2})
    assert (await total(counting, fork["id"]), await total(counting, copy["id"])) == (1, 3)
    assert len((await counting.get(f"/v1/threads/{copy['id']}/history")).json()["items"]) == 3
    assert (await counting.get(f"/v1/threads/{copy['id']}/runs")).json()["items"] == []
    await run_on(counting, fork["id"], inputs={"by": 100})
    assert [await total(counting, one) for one in (here, fork["id"], copy["id"])] == [3, 101, 3]
    (place, *_) = (await counting.get(f"/v1/runs/{runs[0]['id']}/checkpoints")).json()["items"]
    from_run = {"run_id": runs[0]["id"], "checkpoint_id": place["id"]}
    assert await total(counting, (await counting.post(f"/v1/threads/{here}/fork", json=from_run)).json()["id"]) == 1
    is_problem(await counting.post(f"/v1/threads/{here}/fork", json={"state_id": str(uuid4())}), 404)
    is_problem(await counting.post(f"/v1/threads/{copy['id']}/fork", json={"state_id": history[0]["id"]}), 404)
    is_problem(await counting.post(f"/v1/threads/{here}/fork", json=from_run | {"checkpoint_id": "x"}), 404)
    await counting.delete(f"/v1/threads/{here}")
    is_problem(await counting.get(f"/v1/runs/{runs[0]['id']}"), 404)
    assert await total(counting, fork["id"]) == 101


async def test_foreign_threads_and_states_are_not_there(
    counting: Client, client_for: ClientMaker, other_scope: OrgScope, scope: OrgScope
) -> None:
    here = await thread(counting)
    await run_on(counting, here)
    stranger = await client_for(other_scope)
    theirs = await thread(stranger)
    state = (await counting.get(f"/v1/threads/{here}/state")).json()["id"]
    await stranger.post("/v1/workspace/apply", json={"files": FILES})
    for body in ({"agent": "counter"}, {"agent": "counter", "multitask": "rollback"}):
        is_problem(await stranger.post(f"/v1/threads/{here}/runs", json=body), 404, "not_found")
        is_problem(await stranger.post("/v1/runs/wait", json=body | {"thread_id": here}), 404, "not_found")
    is_problem(await stranger.get(f"/v1/threads/{theirs}/state?state_id={state}"), 404, "not_found")
    is_problem(await stranger.post(f"/v1/threads/{theirs}/fork", json={"state_id": state}), 404, "not_found")
    assert (await stranger.get("/v1/threads")).json()["items"][0]["id"] == theirs
    reader = await client_for(scope, PERMISSIONS - {"runs:create"})
    is_problem(await reader.post(f"/v1/threads/{here}/runs", json={"agent": "counter"}), 403, "forbidden")
    assert len((await counting.get("/v1/runs")).json()["items"]) == 1
