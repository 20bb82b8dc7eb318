"""Questions over the API: listed, answered once, typed; events that answer; requests that are safe to repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from tests.api.conftest import CURIOUS, Client, ClientMaker, is_problem

from girih.db.tenancy import OrgScope
from girih.services.identity.schemas import PERMISSIONS

REFUND = """\
kind: graph/v1
name: refund
inputs:
  order: string
nodes:
  approval:
    ask:
      message: "Refund ${ inputs.order }?"
      returns:
        approved: boolean
        note: { type: string, default: none }
      to: [finance]
    next: paid
  paid:
    wait:
      event: order.refunded
      match: { order: "${ inputs.order }" }
      returns: { amount: number }
    next: tell
  tell:
    emit: case.closed
    with: { order: "${ inputs.order }" }
    next: $end
outputs:
  approved: "${ approval.approved }"
  note: "${ approval.note }"
  amount: "${ paid.amount }"
  told: "${ tell.id }"
"""


@pytest.fixture
async def desk(client: Client) -> Client:
    """The client of an organization with agents that ask."""
    files = {"curious.yaml": CURIOUS, "refund.yaml": REFUND}
    answer = await client.post("/v1/workspace/apply", json={"files": files})
    assert answer.is_success, answer.text
    return client


async def until(client: Client, run_id: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The run, once something holds of it."""
    async with asyncio.timeout(20):
        while True:
            run: dict[str, Any] = (await client.get(f"/v1/runs/{run_id}")).json()
            if holds(run):
                return run
            await asyncio.sleep(0.01)


async def asked(client: Client, agent: str = "refund", **inputs: Any) -> tuple[str, list[dict[str, Any]]]:
    """A run that waits, and what it waits for."""
    run = (await client.post("/v1/runs", json={"agent": agent, "inputs": inputs})).json()
    await until(client, run["id"], lambda run: run["status"] == "interrupted")
    return run["id"], (await client.get(f"/v1/runs/{run['id']}/interrupts")).json()["items"]


async def test_a_run_asks_is_answered_waits_for_an_event_and_ends(desk: Client) -> None:
    run_id, (question,) = await asked(desk, order="A7")
    assert (question["kind"], question["message"], question["state"]) == ("ask", "Refund A7?", "open")
    assert set(question["schema"]["properties"]) == {"approved", "note"}
    assert question["details"] == {"to": ["finance"]}
    listed = (await desk.get("/v1/interrupts", params={"agent": "refund"})).json()["items"]
    assert [one["id"] for one in listed] == [question["id"]]
    wrong = await desk.post(f"/v1/runs/{run_id}/resume", json={"answer": {"approved": "perhaps"}})
    assert "answer.approved" in str(is_problem(wrong, 422, "invalid_input")["detail"])
    answered = await desk.post(f"/v1/runs/{run_id}/resume", json={"answer": {"approved": True}})
    assert answered.status_code == 200, answered.text
    await until(desk, run_id, lambda run: run["status"] == "interrupted" and run["attempt"] == 2)
    late = await desk.post(f"/v1/interrupts/{question['id']}/answer", json={"answer": {"approved": False}})
    is_problem(late, 409, "conflict")
    event = {"type": "order.refunded", "data": {"order": "A7", "amount": 12.5}, "key": "refund-A7"}
    published = (await desk.post("/v1/events", json=event)).json()
    assert (await desk.post("/v1/events", json=event)).json() == published
    run = await until(desk, run_id, lambda run: run["finished_at"] is not None)
    assert run["status"] == "succeeded", run
    told = run["outputs"].pop("told")
    assert run["outputs"] == {"approved": True, "note": "none", "amount": 12.5}
    (closed,) = (await desk.get("/v1/events", params={"type": "case.closed"})).json()["items"]
    assert (closed["id"], closed["data"], closed["source"]) == (told, {"order": "A7"}, f"run:{run_id}")


async def test_one_of_two_questions_is_answered_by_its_id(desk: Client) -> None:
    run_id, questions = await asked(desk, "curious")
    one, other = questions
    vague = await desk.post(f"/v1/runs/{run_id}/resume", json={"answer": {"answer": "x"}})
    is_problem(vague, 422)
    answered = await desk.post(f"/v1/interrupts/{one['id']}/answer", json={"answer": {"answer": "x"}})
    assert (answered.json()["state"], answered.json()["answer"]) == ("answered", {"answer": "x"})
    await until(desk, run_id, lambda run: run["attempt"] == 2 and run["status"] == "interrupted")
    done = await desk.post(f"/v1/runs/{run_id}/resume", json={"answers": {other["id"]: {"answer": "y"}}})
    assert done.is_success, done.text
    run = await until(desk, run_id, lambda run: run["finished_at"] is not None)
    assert sorted(run["outputs"].values()) == ["x", "y"]


@pytest.mark.parametrize("body", [{}, {"answer": 1, "answers": {"x": 1}}, {"answers": {}}, {"reply": 1}])
async def test_a_body_that_answers_nothing_is_refused(desk: Client, body: dict[str, Any]) -> None:
    run_id, _ = await asked(desk, order="A7")
    is_problem(await desk.post(f"/v1/runs/{run_id}/resume", json=body), 422)


async def test_who_may_only_read_answers_nothing_and_projects_stay_apart(
    desk: Client, client_for: ClientMaker, scope: OrgScope
) -> None:
    _, (question,) = await asked(desk, order="A7")
    reader = await client_for(scope, frozenset({"runs:read"}))
    answer = await reader.post(f"/v1/interrupts/{question['id']}/answer", json={"answer": {"approved": True}})
    is_problem(answer, 403, "forbidden")
    is_problem(await reader.get("/v1/interrupts", params={"all_projects": True}), 403, "forbidden")
    assert (await desk.get("/v1/interrupts", params={"all_projects": True})).json()["items"]


async def test_a_request_with_a_key_is_done_once_and_answered_alike(desk: Client, client_for: ClientMaker) -> None:
    run_id, (question,) = await asked(desk, order="A7")
    headers = {"idempotency-key": uuid4().hex}
    body = {"answers": {question["id"]: {"approved": True}}}
    path = f"/v1/runs/{run_id}/resume"
    many = await asyncio.gather(*(desk.post(path, json=body, headers=headers) for _ in range(20)))
    assert {answer.status_code for answer in many} == {200}
    assert len({answer.text for answer in many}) == 1
    is_problem(await desk.post(path, json=body), 409)
    other = await desk.post(path, json={"answers": {question["id"]: {"approved": False}}}, headers=headers)
    is_problem(other, 422)
    elsewhere = await desk.post(f"/v1/runs/{run_id}/cancel", headers=headers)
    is_problem(elsewhere, 422)


async def test_a_kept_answer_is_only_for_who_may_ask(desk: Client, client_for: ClientMaker, scope: OrgScope) -> None:
    headers = {"idempotency-key": uuid4().hex}
    event = {"type": "order.paid", "data": {}}
    first = await desk.post("/v1/events", json=event, headers=headers)
    assert first.status_code == 201
    again = await desk.post("/v1/events", json=event, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["content-type"] == first.headers["content-type"]
    reader = await client_for(scope, frozenset({"events:read"}))
    is_problem(await reader.post("/v1/events", json=event, headers=headers), 403, "forbidden")
    assert len((await desk.get("/v1/events")).json()["items"]) == 1


async def test_what_failed_is_not_kept(desk: Client) -> None:
    headers = {"idempotency-key": uuid4().hex}
    path = f"/v1/runs/{uuid4()}/cancel"
    is_problem(await desk.post(path, headers=headers), 404)
    run_id, _ = await asked(desk, order="A7")
    assert (await desk.post(f"/v1/runs/{run_id}/cancel", headers=headers)).json()["status"] == "cancelled"


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there"])
async def test_a_key_that_is_none_is_refused(desk: Client, key: str) -> None:
    is_problem(await desk.post("/v1/events", json={"type": "a.b"}, headers={"idempotency-key": key}), 422)


async def test_a_secret_is_made_once_and_not_kept(desk: Client, girih: Any, scope: OrgScope) -> None:
    headers = {"idempotency-key": uuid4().hex}
    body = {"name": "once", "permissions": sorted(PERMISSIONS)}
    made = await desk.post("/v1/keys", json=body, headers=headers)
    assert made.status_code == 201
    is_problem(await desk.post("/v1/keys", json=body, headers=headers), 409)
    names = [key["name"] for key in (await desk.get("/v1/keys")).json()["items"]]
    assert names.count("once") == 1
