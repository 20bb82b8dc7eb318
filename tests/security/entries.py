"""Every way to have an agent run: how each is prepared and used, by the route that it begins at."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

DESK = """\
kind: graph/v1
name: desk
inputs: { question: string }
chat: { input: question, output: text }
trace: { redact: [prompts, outputs] }
use: { model: "model://default", echo: "tool://echo" }
nodes:
  heard: { call: echo, next: answer }
  answer: { llm: model, messages: "${ state.messages }", next: $end }
outputs: { text: "${ answer.text }", heard: "${ heard.heard }" }
"""
ASKING = DESK.replace("name: desk", "name: asking").replace(
    "nodes:\n", "nodes:\n  sure: { ask: { message: Sure? }, next: heard }\n"
)
ASKING = ASKING.replace("  heard: { call", "  heard: { call", 1)
WAITING = DESK.replace("name: desk", "name: waiting").replace(
    "nodes:\n", "nodes:\n  paid: { wait: { event: order.paid }, next: heard }\n"
)
OUTER = """\
kind: graph/v1
name: outer
inputs: { question: string }
chat: { input: question, output: text }
use: { inner: "graph://desk" }
nodes:
  inside: { graph: inner, with: { question: "${ inputs.question }" }, next: $end }
outputs: { text: "${ inside.text }" }
"""
ECHO = """\
kind: tool/v1
name: echo
description: Says what it heard.
http: { endpoint: echo, path: /say, auth: { bearer: "secret://echo.key" } }
returns: { heard: string, note: string }
"""
FILES = {"desk.yaml": DESK, "asking.yaml": ASKING, "waiting.yaml": WAITING, "outer.yaml": OUTER, "echo.yaml": ECHO}
QUESTION = "where-is-the-lamp"

Client = httpx.AsyncClient
Prepared = dict[str, str]


@dataclass(frozen=True)
class Entry:
    """A way in: the request it takes, given what `prepare` made.

    `goes_on`: it goes on with a run that was begun before, so that a spent budget ends the run and not the request.
    """

    route: str
    body: Callable[[Prepared], Any]
    prepare: Callable[[Client], Awaitable[Prepared]]
    goes_on: bool = False

    async def use(self, client: Client, made: Prepared, **more: Any) -> httpx.Response:
        """Send it."""
        method, _, path = self.route.partition(" ")
        return await client.request(method, path.format(**made), **{"json": self.body(made), **more})


async def nothing(_: Client) -> Prepared:
    return {"agent": "desk", "chat": uuid4().hex}


async def a_thread(client: Client) -> Prepared:
    made = (await client.post("/v1/threads", json={})).json()
    return {"agent": "desk", "thread_id": made["id"]}


async def an_ended_run(client: Client) -> Prepared:
    body = {"agent": "desk", "inputs": {"question": QUESTION}}
    run = (await client.post("/v1/runs/wait", json=body)).json()
    points = (await client.get(f"/v1/runs/{run['id']}/checkpoints")).json()["items"]
    return {"agent": "desk", "run_id": run["id"], "checkpoint_id": points[-1]["id"]}


async def a_waiting_run(client: Client, agent: str = "asking", **more: str) -> Prepared:
    body = {"agent": agent, "inputs": {"question": QUESTION}, **more}
    run = (await client.post("/v1/runs", json=body)).json()
    path = f"/v1/runs/{run['id']}/interrupts"
    while not (pauses := (await client.get(path)).json()["items"]):
        await asyncio.sleep(0.02)
    return {"agent": agent, "run_id": run["id"], "interrupt_id": pauses[0]["id"], **more}


async def one_that_waits_for_an_event(client: Client) -> Prepared:
    return await a_waiting_run(client, "waiting")


async def one_that_waits_on_a_thread(client: Client) -> Prepared:
    return await a_waiting_run(client, thread_id=(await a_thread(client))["thread_id"])


async def a_schedule(client: Client) -> Prepared:
    run = {"agent": "desk", "inputs": {"question": QUESTION}}
    body = {"name": uuid4().hex, "cron": "0 3 1 1 *", "run": run}
    made = (await client.post("/v1/schedules", json=body)).json()
    return {"agent": "desk", "schedule_id": made["id"]}


async def through_a_graph(_: Client) -> Prepared:
    return {"agent": "outer"}


def plain(made: Prepared) -> dict[str, Any]:
    return {"agent": made["agent"], "inputs": {"question": QUESTION}}


def assistant(made: Prepared) -> dict[str, Any]:
    return {"assistant_id": made["agent"], "input": {"question": QUESTION}}


def messages(made: Prepared) -> dict[str, Any]:
    return {"model": made["agent"], "messages": [{"role": "user", "content": QUESTION}]}


def ui(made: Prepared) -> dict[str, Any]:
    message = {"id": uuid4().hex, "role": "user", "parts": [{"type": "text", "text": QUESTION}]}
    return {"id": made["chat"], "messages": [message]}


def ag_ui(made: Prepared) -> dict[str, Any]:
    message = {"id": uuid4().hex, "role": "user", "content": QUESTION}
    more = {"state": {}, "tools": [], "context": [], "forwardedProps": {}}
    return {"threadId": made["chat"], "runId": uuid4().hex, "messages": [message], **more}


def command(made: Prepared) -> dict[str, Any]:
    return {"id": 1, "method": "run.start", "params": assistant(made)}


def yes(_: Prepared) -> dict[str, Any]:
    return {"answer": {"answer": "yes"}}


ENTRIES: tuple[Entry, ...] = (
    Entry("POST /v1/runs", plain, nothing),
    Entry("POST /v1/runs/stream", plain, nothing),
    Entry("POST /v1/runs/wait", plain, nothing),
    Entry("POST /v1/runs/wait", plain, through_a_graph),
    Entry("POST /v1/runs/batch", lambda made: {"runs": [plain(made)]}, nothing),
    Entry("POST /v1/threads/{thread_id}/runs", plain, a_thread),
    Entry("POST /v1/runs/{run_id}/retry", lambda made: {"checkpoint_id": made["checkpoint_id"]}, an_ended_run),
    Entry("POST /v1/schedules/{schedule_id}/run", lambda _: {}, a_schedule),
    Entry("POST /v1/runs/{run_id}/resume", yes, a_waiting_run, goes_on=True),
    Entry("POST /v1/interrupts/{interrupt_id}/answer", yes, a_waiting_run, goes_on=True),
    Entry("POST /v1/events", lambda _: {"type": "order.paid", "data": {}}, one_that_waits_for_an_event, goes_on=True),
    Entry("POST /langgraph/runs", assistant, nothing),
    Entry("POST /langgraph/runs/stream", assistant, nothing),
    Entry("POST /langgraph/runs/wait", assistant, nothing),
    Entry("POST /langgraph/runs/batch", lambda made: [assistant(made)], nothing),
    Entry("POST /langgraph/threads/{thread_id}/runs", assistant, a_thread),
    Entry("POST /langgraph/threads/{thread_id}/runs/stream", assistant, a_thread),
    Entry("POST /langgraph/threads/{thread_id}/runs/wait", assistant, a_thread),
    Entry("POST /langgraph/threads/{thread_id}/commands", command, a_thread),
    Entry("POST /openai/v1/chat/completions", messages, nothing),
    Entry("POST /openai/v1/responses", lambda made: {"model": made["agent"], "input": QUESTION}, nothing),
    Entry("POST /ai-sdk/{agent}/chat", ui, nothing),
    Entry("POST /ag-ui/{agent}", ag_ui, nothing),
)
"""Every way in."""

STARTS_NOTHING = {
    "POST /openai/v1/responses/compact": "answers that nothing is compacted here",
}
"""Routes with a permission to run that have nothing run."""

BEGINNING = frozenset({"runs:create", "runs:answer"})
"""Whoever calls a route that has agents run holds one of these; besides, whoever keeps schedules and tells events."""


def refused_inside(answer: httpx.Response) -> bool:
    """Whether an answer that came through says of all that it was asked for that it was refused."""
    body = answer.json()
    items = body.get("items", [body]) if isinstance(body, dict) else body
    return bool(items) and all("budget" in json.dumps(item) for item in items)
