"""Two processes on one database: never two runs of a thread at once, each moment once, and aliases known to both."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from tests.api.process import ApiProcess, api_process

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.service import IdentityService

# What its thread holds when a run begins is told by the run itself, so that two at once would tell the same.
COUNTER = """\
kind: graph/v1
name: counter
inputs: { n: { type: integer, default: 0 } }
state:
  total: { type: integer, merge: sum, default: 0 }
  seen: { type: array, merge: append, default: [] }
nodes:
  first: { set: { n: 1, me: ["${ inputs.n }"] }, write: { total: "${ first.n }", seen: "${ first.me }" }, next: rest }
  rest: { wait: 0.02, next: last }
  last: { set: { total: "${ state.total }" }, next: $end }
outputs: { total: "${ last.total }" }
"""
DONE = ("succeeded", "failed", "cancelled", "expired")
LOOKS = {"GIRIH_RUN_LEASE": "2.5"}


@pytest.fixture(scope="module")
def processes(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ApiProcess]]:
    with ExitStack() as stack:
        folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
        yield [stack.enter_context(api_process(database_url, folder, **LOOKS)) for folder in folders]


@pytest.fixture
async def key(uow: UnitOfWork, scope: OrgScope, processes: list[ApiProcess]) -> str:
    made = await IdentityService(uow).create_key(scope, "two", scope.permissions)
    async with client_of(processes[0], made.key) as client:
        assert (await client.post("/v1/workspace/apply", json={"files": {"counter.yaml": COUNTER}})).is_success
    return made.key


def client_of(process: ApiProcess, key: str) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=process.url, headers=headers, timeout=60, trust_env=False)


@pytest.fixture
async def clients(processes: list[ApiProcess], key: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with client_of(processes[0], key) as one, client_of(processes[1], key) as two:
        yield [one, two]


async def start(clients: list[httpx.AsyncClient], thread: str, how: str, count: int) -> list[httpx.Response]:
    """That many runs at once, in turns at each process."""
    bodies = [{"agent": "counter", "multitask": how, "inputs": {"n": n}} for n in range(count)]
    asked = [clients[n % 2].post(f"/v1/threads/{thread}/runs", json=body) for n, body in enumerate(bodies)]
    return await asyncio.gather(*asked)


async def ended(client: httpx.AsyncClient, run: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            found = (await client.get(f"/v1/runs/{run}/wait?timeout=20")).json()
            if found["status"] in DONE:
                return dict(found)


async def rows(uow: UnitOfWork, scope: OrgScope, statement: str) -> list[Any]:
    async with uow(scope) as work:
        return list((await work.session.execute(text(statement))).all())


TIMES = """
    SELECT r.thread_seq AS seq, r.status, min(e.at) AS began, r.finished_at AS ended FROM runs r
    JOIN run_events e ON e.run_id = r.id AND e.org_id = r.org_id
    WHERE r.attempt > 0 AND e.type = 'node.started' GROUP BY r.id, r.thread_seq, r.status, r.finished_at ORDER BY r.thread_seq
"""


@pytest.mark.parametrize("how", ["reject", "enqueue", "interrupt", "rollback"])
async def test_a_thread_has_one_run_at_a_time_over_two_processes(
    clients: list[httpx.AsyncClient], uow: UnitOfWork, scope: OrgScope, how: str
) -> None:
    thread = (await clients[0].post("/v1/threads", json={})).json()["id"]
    answers = await start(clients, thread, how, 24)
    assert {answer.status_code for answer in answers} <= ({201, 409} if how == "reject" else {201})
    made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    runs = [await ended(clients[n % 2], run) for n, run in enumerate(made)]
    good = [run for run in runs if run["status"] == "succeeded"]
    assert {run["status"] for run in runs} <= {"succeeded", "cancelled"}
    state = (await clients[1].get(f"/v1/threads/{thread}/state")).json()["state"]
    assert (await clients[0].get(f"/v1/threads/{thread}")).json()["status"] == "idle"
    # None overtook another one, and none began before the one before it had ended.
    times = await rows(uow, scope, TIMES)
    assert all(one.ended <= other.began for one, other in pairwise(times))
    places = [row.seq for row in await rows(uow, scope, "SELECT thread_seq AS seq FROM runs ORDER BY thread_seq")]
    assert places == list(range(1, len(made) + 1))
    history = (await clients[0].get(f"/v1/threads/{thread}/history?limit=100")).json()["items"]
    # Each state is the one before and what one run did to it: nothing is lost and nothing comes twice.
    assert [one["parent_id"] for one in history] == [one["id"] for one in history[1:]] + [None]
    assert len({one["run_id"] for one in history}) == len(history)
    assert state["total"] == len(state["seen"]) == len(set(state["seen"]))
    if how in ("reject", "enqueue"):
        assert len(good) == len(runs) == len(history) == state["total"]
        assert sorted(run["outputs"]["total"] for run in good) == list(range(1, len(good) + 1))
    if how == "enqueue":
        assert len(good) == 24
    if how in ("interrupt", "rollback"):
        assert times[-1].status == "succeeded"  # nobody came after the last one
        assert times[-1].seq == len(made)
    if how == "rollback":
        assert state["total"] == len(good)


async def test_a_process_that_is_killed_holds_nobody_up_for_ever(
    processes: list[ApiProcess], clients: list[httpx.AsyncClient], database_url: str, tmp_path: Path, key: str
) -> None:
    thread = (await clients[0].post("/v1/threads", json={})).json()["id"]
    with api_process(database_url, tmp_path, **LOOKS) as third:
        async with client_of(third, key) as doomed:
            line = [doomed if n % 2 else clients[0] for n in range(12)]
            bodies = [{"agent": "counter", "multitask": "enqueue", "inputs": {"n": n}} for n in range(12)]
            made = [
                (await client.post(f"/v1/threads/{thread}/runs", json=body)).json()["id"]
                for client, body in zip(line, bodies, strict=True)
            ]
            third.stop(signal.SIGKILL)
    runs = [await ended(clients[0], run) for run in made]
    assert [run["outputs"]["total"] for run in runs] == list(range(1, 13))
    state = (await clients[1].get(f"/v1/threads/{thread}/state")).json()["state"]
    assert state == {"total": 12, "seen": list(range(12))}


async def test_two_processes_fire_each_moment_once(
    clients: list[httpx.AsyncClient], uow: UnitOfWork, scope: OrgScope
) -> None:
    """Every second some schedules become due; both processes look once a second."""
    body = {"cron": "* * * * *", "run": {"agent": "counter"}, "overlap": "allow", "catch_up": "all"}
    made = [(await clients[n % 2].post("/v1/schedules", json=body | {"name": f"s{n}"})).json() for n in range(6)]
    back = "UPDATE schedules SET next_at = date_trunc('minute', now()) - :n * interval '1 minute' WHERE name = :name"
    async with uow(scope) as work:
        for n, one in enumerate(made):
            await work.session.execute(text(back), {"n": n, "name": one["name"]})
    expected = "SELECT count(*) FROM schedules WHERE next_at <= now()"
    async with asyncio.timeout(30):
        while (await rows(uow, scope, expected))[0][0]:
            await asyncio.sleep(0.1)
    for one in made:
        await clients[0].post(f"/v1/schedules/{one['id']}/pause")
    total = 0
    for n, one in enumerate(made):
        firings = (await clients[n % 2].get(f"/v1/schedules/{one['id']}/history")).json()["items"]
        assert {firing["outcome"] for firing in firings} == {"started"}
        assert n + 1 <= len(firings) <= n + 2  # a minute may have passed meanwhile
        assert len({firing["due_at"] for firing in firings}) == len(firings)
        assert len({firing["run_id"] for firing in firings}) == len(firings)
        total += len(firings)
        for firing in firings:
            assert (await ended(clients[1], firing["run_id"]))["status"] == "succeeded"
    assert (await rows(uow, scope, "SELECT count(*) FROM runs"))[0][0] == total


ECHO = """\
kind: graph/v1
name: echo
nodes:
  a: {{ set: {{ text: {word} }}, next: last }}
  last: {{ end: {{ status: {status}, reason: as written }} }}
outputs: {{ text: "${{ a.text }}" }}
"""


async def echo(client: httpx.AsyncClient, **asked: Any) -> str:
    """The version that a new run of `echo@prod` gets there."""
    answer = await client.post("/v1/runs", json={"agent": "echo@prod", **asked})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["version"])


async def publish(client: httpx.AsyncClient, *ends: str) -> None:
    """`echo` in versions that end like that; `prod` is the first."""
    for number, status in enumerate(ends):
        files = {"echo.yaml": ECHO.format(word=f"word-{number}", status=status)}
        answer = await client.post("/v1/workspace/apply", json={"files": files})
        assert answer.is_success, answer.text


async def test_what_one_process_moves_the_other_one_knows(clients: list[httpx.AsyncClient]) -> None:
    one, two = clients
    assert (await two.post("/v1/runs", json={"agent": "echo@prod"})).status_code == 404
    await publish(one, "ok", "ok")
    async with asyncio.timeout(30):
        while (await two.post("/v1/runs", json={"agent": "echo@prod"})).status_code == 404:
            await asyncio.sleep(0.01)
    for version in ("1.0.1", "1.0.0", "1.0.1"):
        assert (await one.put("/v1/agents/echo/aliases/prod", json={"version": version})).is_success
        assert await echo(one) == version, "here at once"
        # A run is recorded only for what the alias means in that moment, whatever the process knew.
        assert await echo(two) == version


async def test_a_split_divides_alike_in_every_process(clients: list[httpx.AsyncClient]) -> None:
    one, two = clients
    await publish(one, "ok", "ok")
    weights = {"1.0.0": 50, "1.0.1": 50}
    assert (await one.put("/v1/agents/echo/aliases/prod/split", json={"weights": weights})).is_success
    async with asyncio.timeout(30):
        while await echo(two, user="ada") != await echo(one, user="ada"):
            await asyncio.sleep(0.01)
    users = [f"user {number}" for number in range(16)]
    here, there = [[await echo(client, user=user) for user in users] for client in clients]
    assert here == there
    assert set(here) == {"1.0.0", "1.0.1"}


async def test_a_version_that_fails_goes_back_by_itself(clients: list[httpx.AsyncClient]) -> None:
    one, two = clients
    await publish(one, "ok", "failed")
    split = {"weights": {"1.0.0": 50, "1.0.1": 50}, "guard": {"error_rate": 0.2, "min_runs": 5}}
    assert (await one.put("/v1/agents/echo/aliases/prod/split", json=split)).is_success
    async with asyncio.timeout(60):
        while (await two.get("/v1/agents/echo/aliases/prod")).json()["weights"] is not None:
            await asyncio.gather(*(echo(client) for client in clients))
    moves = (await one.get("/v1/agents/echo/aliases/prod/moves")).json()["items"]
    assert [move["reason"] for move in moves] == ["rolled_back_automatically", "split", "set"]
    figures = moves[0]["figures"]["new"]["1.0.1"]
    assert figures["failed"] == figures["runs"] >= 5
    (told,) = (await one.get("/v1/events?type=agent.alias.rolled_back")).json()["items"]
    assert (told["data"]["passed"], told["data"]["figures"]) == ("error_rate", moves[0]["figures"])
    (begun,) = (await two.get("/v1/events?type=agent.alias.split")).json()["items"]
    assert begun["data"]["weights"] == split["weights"]
    for client in clients:
        assert {await echo(client) for _ in range(8)} == {"1.0.0"}


SAYS = """\
kind: graph/v1
name: says
use: { model: model://default }
nodes:
  say: { llm: model, prompt: Say something., next: $end }
outputs: { text: "${ say.text }" }
"""


async def test_a_binding_that_one_process_makes_answers_in_the_other(clients: list[httpx.AsyncClient]) -> None:
    one, two = clients
    assert (await one.post("/v1/workspace/apply", json={"files": {"says.yaml": SAYS}})).is_success
    for words in ("first", "second"):
        bound = await one.put("/v1/models/default/binding", json={"provider": "demo", "params": {"script": [words]}})
        assert bound.is_success, bound.text
        async with asyncio.timeout(20):
            while (said := (await two.post("/v1/runs/wait", json={"agent": "says"})).json())["outputs"][
                "text"
            ] != words:
                await asyncio.sleep(0.2)
        assert said["status"] == "succeeded"
