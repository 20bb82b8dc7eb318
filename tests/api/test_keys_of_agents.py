"""A key for certain agents: it runs and sees these, and nothing of the others, at every door there is."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from uuid import uuid4

import pytest
from fastapi import FastAPI
from tests.api.conftest import CURIOUS, Client, client_of, is_problem
from tests.api.test_matrix import call, cases, named_in, things

from girih.api.compat.doors import DOORS
from girih.api.deps import declarations
from girih.services.identity.key_scopes import is_of_all_agents
from girih.services.identity.schemas import PERMISSIONS

ALL_IT_MAY = sorted(one for one in PERMISSIONS if not is_of_all_agents(one))

INNER = """\
kind: graph/v1
name: inner
nodes:
  said: { set: { text: from the inner one }, next: $end }
outputs: { text: "${ said.text }" }
"""
OUTER = """\
kind: graph/v1
name: mine-outer
use: { inner: "graph://inner" }
nodes:
  asked: { graph: inner, next: $end }
outputs: { text: "${ asked.text }" }
"""

TALKER = """\
kind: graph/v1
name: talker
inputs: { message: { type: string } }
chat: { input: message, output: text }
nodes:
  said: { set: { text: "${ inputs.message }" }, next: $end }
outputs: { text: "${ said.text }" }
"""
FILES = (
    {"inner.yaml": INNER, "curious.yaml": CURIOUS},
    {"outer.yaml": OUTER, "talker.yaml": TALKER, "mine.yaml": TALKER.replace("talker", "mine-talker")},
)

CANARIES = ("What is it?", "And what more?", "curious")
"""What only answers about the other agents hold."""

MINE = {"mine-outer", "mine-talker"}

OF_AGENTS = {"run_id", "thread_id", "schedule_id", "interrupt_id", "delivery_id", "proposal_id"}
"""Parameters that name a thing of an agent."""


@pytest.fixture
async def limited(app: FastAPI, published: Client) -> Client:
    """A key for `mine-*` that may do all that such a key can."""
    for files in FILES:
        applied = await published.post("/v1/workspace/apply", json={"files": files})
        assert applied.is_success, applied.text
    made = await published.post("/v1/keys", json={"name": "mine", "permissions": ALL_IT_MAY, "agents": ["mine-*"]})
    assert made.status_code == 201, made.text
    return client_of(app, made.json()["key"])


async def on_a_thread(client: Client) -> str:
    """A thread that the other agent runs on."""
    thread = str((await client.post("/v1/threads", json={})).json()["id"])
    run = (await client.post(f"/v1/threads/{thread}/runs", json={"agent": "curious"})).json()
    while not (await client.get(f"/v1/runs/{run['id']}/interrupts")).json()["items"]:
        await asyncio.sleep(0.01)
    return thread


async def test_it_runs_its_agents_and_what_they_call(limited: Client, published: Client) -> None:
    done = (await limited.post("/v1/runs/wait", json={"agent": "mine-outer"})).json()
    assert done["outputs"] == {"text": "from the inner one"}
    assert [one["name"] for one in (await limited.get("/v1/agents")).json()["items"]] == ["mine-outer", "mine-talker"]
    assert [one["id"] for one in (await limited.get("/v1/runs")).json()["items"]] == [done["id"]]
    assert (await limited.get(f"/v1/runs/{done['id']}/events")).status_code == 200
    assert (await published.get(f"/v1/runs/{done['id']}")).json()["outputs"] == done["outputs"]
    for ref in ("inner", "inner@latest", "hello", "nothing"):
        is_problem(await limited.post("/v1/runs", json={"agent": ref}), 404, "not_found")


async def test_what_is_known_by_heart_is_not_told_either(limited: Client, published: Client) -> None:
    """References, plans and events are kept in memory, for whoever asked first."""
    assert (await published.post("/v1/runs/wait", json={"agent": "inner"})).is_success
    is_problem(await limited.post("/v1/runs", json={"agent": "inner"}), 404)
    is_problem(await published.post("/v1/runs", json={"agent": "mine-oter"}), 404)
    asked = await limited.post("/v1/runs", json={"agent": "innr"})
    assert "inner" not in is_problem(asked, 404)["detail"] and "`inner`" not in asked.text  # type: ignore[operator]


async def test_nothing_of_other_agents_is_told_anywhere(
    app: FastAPI, limited: Client, published: Client, work: Callable[[], Awaitable[None]]
) -> None:
    theirs = {**await things(published, work), "thread_id": await on_a_thread(published)}
    checked = 0
    for path, method, operation in cases(app):
        if operation["operationId"] in ("follow_collection", "follow_document", "follow_sync"):
            continue  # of collections, and they go on for as long as there is work
        answer = await call(limited, path, method, operation, {"name": named_in(path), **theirs})
        where = f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        assert answer.status_code < 500, where
        if is_of_all_agents(operation["x-permission"]):
            assert answer.status_code == 403, where
        elif OF_AGENTS & set(re.findall(r"{(\w+)}", path)) or path.startswith("/v1/agents/{"):
            assert answer.status_code == 404, where
            checked += 1
        asked = answer.request
        body = "" if "multipart" in asked.headers.get("content-type", "") else asked.content.decode()
        assert not told_in(answer.text, f"{asked.url} {body}"), where
    assert checked > 40
    run = await published.get(f"/v1/runs/{theirs['run_id']}")
    assert run.json()["status"] == "interrupted", "nothing of it was stopped, answered or changed"


async def test_nothing_of_other_agents_is_told_by_the_doors_of_other_projects(
    app: FastAPI, limited: Client, published: Client
) -> None:
    thread = await on_a_thread(published)
    run = (await published.get(f"/v1/threads/{thread}/runs")).json()["items"][0]["id"]
    seen, asked = 0, 0
    for method, path in doors(app):
        for ids in ({"thread_id": thread, "run_id": run}, {"thread_id": str(uuid4()), "run_id": run}):
            filled = re.sub(r"{(\w+)(:\w+)?}", lambda name, ids=ids: ids.get(name[1], "curious"), path)
            answer = await limited.request(method, filled, json={} if method in ("POST", "PATCH", "PUT") else None)
            where = f"{method} {filled}: {answer.status_code} {answer.text[:500]}"
            assert answer.status_code < 500 or answer.status_code == 501, where
            assert not told_in(answer.text, filled), where
            asked += 1
            if method == "GET":
                with_all = await published.request(method, filled)
                seen += told_in(with_all.text, filled)
    assert asked > 60
    assert seen > 3, "a key for all agents is told of them"


async def test_they_are_in_no_list_of_assistants_or_models(limited: Client, published: Client) -> None:
    for client, names in ((limited, MINE), (published, MINE | {"inner", "hello", "curious", "talker"})):
        models = {one["id"].partition("@")[0] for one in (await client.get("/openai/v1/models")).json()["data"]}
        assistants = (await client.post("/langgraph/assistants/search", json={})).json()
        assert models == {name for name in names if "talker" in name}
        assert {one["graph_id"] for one in assistants} == names
    for path, body in (
        ("/openai/v1/chat/completions", {"model": "talker", "messages": [{"role": "user", "content": "x"}]}),
        ("/openai/v1/responses", {"model": "talker", "input": "x"}),
        ("/langgraph/runs/wait", {"assistant_id": "inner", "input": {}}),
    ):
        answer = await limited.post(path, json=body)
        assert answer.status_code in (403, 404), answer.text


async def test_it_takes_no_thread_of_another_agent(limited: Client, published: Client) -> None:
    thread = await on_a_thread(published)
    for path in (f"/v1/threads/{thread}/runs",):
        is_problem(await limited.post(path, json={"agent": "mine-outer"}), 404, "not_found")
    is_problem(await limited.post("/v1/runs", json={"agent": "mine-outer", "thread_id": thread}), 404, "not_found")
    answer = await limited.post("/langgraph/threads", json={"thread_id": thread, "if_exists": "do_nothing"})
    assert answer.status_code in (403, 404, 409), answer.text


async def test_it_publishes_its_agents_and_no_other(limited: Client, published: Client) -> None:
    renamed = CURIOUS.replace("name: curious", "name: mine-too")
    assert (await limited.post("/v1/workspace/apply", json={"files": {"a.yaml": renamed}})).is_success
    for name in ("inner", "not-there-yet"):
        other = CURIOUS.replace("name: curious", f"name: {name}")
        answer = await limited.post("/v1/workspace/apply", json={"files": {"a.yaml": other}})
        is_problem(answer, 403, "forbidden")
    # What it may not have to do with it cannot have called on its behalf either.
    calls = OUTER.replace("mine-outer", "mine-caller")
    answer = await limited.post("/v1/workspace/apply", json={"files": {"a.yaml": calls}})
    assert answer.status_code == 422, answer.text
    assert {one["name"] for one in (await published.get("/v1/agents")).json()["items"]} >= {"mine-too", "inner"}


async def test_a_key_of_its_name_is_not_its_run(limited: Client, published: Client) -> None:
    """An idempotency key that another agent's run has is neither an answer nor a fault."""
    again = {"idempotency-key": "once"}
    theirs = await published.post("/v1/runs", json={"agent": "inner"}, headers=again)
    assert theirs.is_success
    is_problem(await limited.post("/v1/runs", json={"agent": "inner"}, headers=again), 404)
    answer = await limited.post("/v1/runs", json={"agent": "mine-outer"}, headers=again)
    assert answer.status_code in (409, 422), answer.text
    assert theirs.json()["id"] not in answer.text


def doors(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every operation of the doors for clients of other projects, but those that stay open for hours."""
    prefixes = tuple(door.router.prefix for door in DOORS)
    for name, permission in declarations(app):
        methods, _, path = name.partition(" ")
        if not path.startswith(prefixes) or permission in (None, "public"):
            continue
        for method in methods.split(","):
            if method != "HEAD" and not path.endswith(("/stream", "/events")):
                yield method, path


def told_in(text: str, asked: str) -> bool:
    """Whether an answer holds a canary that was not in the question."""
    plain = json.dumps(text)
    return any(canary in plain for canary in CANARIES if canary not in asked)
