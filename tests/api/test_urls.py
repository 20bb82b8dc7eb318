"""No field that takes an address has this server ask what is not on the public network: at save, and when it is used."""

from __future__ import annotations

import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from tests.api.conftest import Client
from tests.api.urls import SPELLINGS, found_in
from tests.watched import watching

Field = Callable[[Client, str], Awaitable[Any]]
"""Gives the field an address, uses it if it was taken, and returns the answer to the former."""
FIELDS: dict[str, Field | str] = {}
"""How each field is given an address and has it used; a text says why there is nothing to give."""
PIN = "sha256:" + "0" * 64
GOOD = "https://nobody-knows-this.example.com/x"
"""An address like any other: every field takes it, so that what is refused is refused for what it is."""
NAMES = {"rebind.example": "127.0.0.1", "inside.example": "10.0.0.7", "printer.local": "192.168.0.9"}
NUMBER = re.compile(r"[0-9a-fx.]+|[0-9a-f:.]+(%\w+)?", re.IGNORECASE)
A_NAME = "the name of an endpoint that the operator has bound, which is looked up in a list"
TOLD = "is told to the model and never opened"
OPENAPI = """\
{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/pets": {"get": {"operationId": "pets",
"description": "Pets.", "responses": {"200": {"description": "ok", "content": {"application/json": {"schema":
{"type": "object", "properties": {"name": {"type": "string"}}}}}}}}}}}
"""
TALKER = """\
kind: graph/v1
name: talker
inputs: { said: { type: string } }
chat: { input: said, output: text }
use: { model: model://default }
nodes:
  again: { llm: model, messages: "${ state.messages }", next: $end }
outputs: { text: "${ again.text }" }
"""
BINDINGS = {
    "http": "{ url: URL, path: /x }",
    "mcp": f'{{ url: URL, tool: x, pin: "{PIN}" }}',
    "openapi": "{ url: URL, document: api.json, operation: pets }",
}


def quoted(url: str) -> str:
    """The address as YAML, whatever is in it."""
    inner = "".join(one if one.isalnum() or one in ":/.@" else f"\\U{ord(one):08x}" for one in url)
    return f'"{inner}"'


def tool(binding: str) -> Field:
    async def use(client: Client, url: str) -> Any:
        of = BINDINGS[binding].replace("URL", quoted(url))
        text = f"kind: tool/v1\nname: far\ndescription: Far.\n{binding}: {of}\nidempotent: true\n"
        text += "" if binding == "openapi" else "returns: { name: string }\n"
        files = {"far.yaml": text, "api.json": OPENAPI}
        saved = await taken(client.post("/v1/workspace/apply", json={"files": files}))
        if saved.is_success:
            answer = await taken(client.post("/v1/tools/far/test", json={"arguments": {}, "timeout": 2}))
            assert not answer.json()["ok"] and answer.json()["status"] is None, answer.text
        return saved

    return use


def hooked(method: str, path: str, *, below: str = "", begins: bool = False) -> Field:
    """A run with a webhook, which does not begin; at operations that wait for it only what is refused at once."""

    async def use(client: Client, url: str) -> Any:
        if begins and any(name in url for name in NAMES):
            return None
        run = {"agent": "hello", "inputs": {"question": "x"}, "webhook": url}
        run |= {} if begins or below == "run" else {"after_seconds": 3600}
        run |= {"multitask": "enqueue"} if "thread" in path else {}
        body: Any = {"runs": [run]} if below == "runs" else run
        if below == "run":
            body = {"name": "nightly", "cron": "0 3 * * *", "run": run} if method == "POST" else {"run": run}
        answer = await taken(client.request(method, path.format(**client.ids), json=body))  # type: ignore[attr-defined]
        if answer.is_success and method == "POST" and below == "run":
            await client.delete(f"/v1/schedules/{answer.json()['id']}")
        return answer

    return use


def langgraph(path: str, method: str = "POST") -> Field:
    async def use(client: Client, url: str) -> Any:
        body = {"assistant_id": "hello", "input": {"question": "x"}, "webhook": url}
        body |= {"schedule": "0 3 * * *"} if "cron" in path else {"after_seconds": 3600}
        if method == "PATCH":
            body.pop("assistant_id")
        return await taken(client.request(method, f"/langgraph{path.format(**client.ids)}", json=body))  # type: ignore[attr-defined]

    return use


def store(**source: Any) -> Field:
    async def use(client: Client, url: str) -> Any:
        given = {
            name: [url] if value == ["URL"] else url if value == "URL" else value for name, value in source.items()
        }
        body = {"name": "pages", "collection": "shelf", "source": given}
        made = await taken(client.post("/v1/data-stores", json=body))
        if made.is_success:
            where = f"/v1/data-stores/{made.json()['id']}"
            await taken(client.post(f"{where}/test"))
            await client.delete(where)
        return made

    return use


async def change_store(client: Client, url: str) -> Any:
    change = {"source": {"kind": "web", "urls": [url]}}
    return await taken(client.patch("/v1/data-stores/{data_store}".format(**client.ids), json=change))  # type: ignore[attr-defined]


async def bind(client: Client, url: str) -> Any:
    body = {"provider": "openai", "url": url, "model": "m"}
    saved = await taken(client.put("/v1/models/default/binding", json=body))
    if saved.is_success:
        await taken(client.post("/v1/models/default/test"))
        await client.delete("/v1/models/default/binding")
    return saved


async def trust(client: Client, url: str) -> Any:
    body = {"issuer": url, "audience": "app", "role": "viewer"}
    answer = await taken(client.post("/v1/trusted-issuers", json=body))
    assert not answer.is_success  # it is asked at once
    return None


async def show(client: Client, url: str) -> Any:
    picture = {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image", "url": url}]}
    return await taken(client.post("/v1/runs", json={"agent": "talker", "messages": [picture], "after_seconds": 3600}))


async def taken(answer: Awaitable[Any]) -> Any:
    """An answer, which is no fault of the server's own."""
    found = await answer
    assert found.status_code < 500 or found.json().get("code") == "unavailable", found.text
    return found


FIELDS |= {f"tool {binding}.url": tool(binding) for binding in BINDINGS}
FIELDS |= {f"tool {binding}.endpoint": A_NAME for binding in BINDINGS}
FIELDS |= {
    "pipeline store.endpoint": A_NAME,
    "bind_model endpoint": A_NAME,
    "bind_model url": bind,
    "trust_issuer issuer": trust,
}
for operation, field in {
    "create_run": hooked("POST", "/v1/runs"),
    "stream_run": hooked("POST", "/v1/runs/stream", begins=True),
    "run_and_wait": hooked("POST", "/v1/runs/wait", begins=True),
    "create_thread_run": hooked("POST", "/v1/threads/{thread}/runs"),
    "create_runs": hooked("POST", "/v1/runs/batch", below="runs"),
    "create_schedule": hooked("POST", "/v1/schedules", below="run"),
    "change_schedule": hooked("PATCH", "/v1/schedules/{schedule}", below="run"),
}.items():
    inside = {"create_runs": "runs.", "create_schedule": "run.", "change_schedule": "run."}.get(operation, "")
    FIELDS |= {f"{operation} {inside}webhook": field, f"{operation} {inside}messages.content.url": TOLD}
FIELDS["create_run messages.content.url"] = show
for operation in ("create_data_store", "change_data_store"):
    FIELDS |= {
        f"{operation} source.endpoint": A_NAME,
        f"{operation} source.urls": store(kind="web", urls=["URL"]),
        f"{operation} source.sitemaps": store(kind="web", sitemaps=["URL"]),
        f"{operation} source.url": store(kind="git", url="URL"),
    }
FIELDS |= {"change_data_store source.urls": change_store, "change_data_store source.sitemaps": change_store}
FIELDS |= {"set_secret hosts": "are compared with, and never asked"}
FIELDS |= {
    "RunBody webhook": langgraph("/threads/{thread}/runs"),
    "CronCreate webhook": langgraph("/runs/crons"),
    "CronUpdate webhook": langgraph("/runs/crons/{cron}", "PATCH"),
    "_Timed webhook": "is what the two above have in common",
}


class Known(dict[str, str]):
    """The ids that paths of fields name."""


@pytest.fixture
def resolving(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Names lead where an attacker's server of names would have them lead; numbers are read as ever."""
    real = socket.getaddrinfo

    def lookup(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        plain = host.decode() if isinstance(host, bytes) else host
        if plain in NAMES:
            return real(NAMES[plain], port, *rest, **more)
        if (
            plain
            and any(one.isalpha() for one in plain.replace("0x", ""))
            and ":" not in plain
            and plain != "localhost"
        ):
            raise socket.gaierror("nobody knows this name")
        return real(host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    yield


@pytest.fixture
async def speaker(published: Client) -> Client:
    published.ids = Known()  # type: ignore[attr-defined]
    assert (await published.post("/v1/workspace/apply", json={"files": {"talker.yaml": TALKER}})).is_success
    thread = await published.post("/v1/threads", json={})
    run = {"agent": "hello", "inputs": {"question": "x"}}
    schedule = await published.post("/v1/schedules", json={"name": "kept", "cron": "0 3 * * *", "run": run})
    page = {"kind": "web", "urls": ["https://pages.example/a"]}
    pages = await published.post("/v1/data-stores", json={"name": "kept", "collection": "shelf", "source": page})
    for name, made in (("thread", thread), ("schedule", schedule), ("data_store", pages)):
        assert made.is_success, made.text
        published.ids[name] = made.json()["id"]  # type: ignore[attr-defined]
    cron = {"assistant_id": "hello", "input": {"question": "x"}, "schedule": "0 3 * * *"}
    made = await published.post("/langgraph/runs/crons", json=cron)
    published.ids["cron"] = made.json()["cron_id"]  # type: ignore[attr-defined]
    return published


def test_there_are_enough_spellings() -> None:
    assert len(SPELLINGS) == len(set(SPELLINGS)) >= 90


def test_every_field_that_takes_an_address_is_tried(app: FastAPI) -> None:
    assert found_in(app) == set(FIELDS)


@pytest.mark.timeout(0)
async def test_no_spelling_through_any_field_has_anything_asked(app: FastAPI, speaker: Client, resolving: None) -> None:
    faults: list[str] = []
    given = 0
    with watching("socket.connect") as watch:
        for field, use in sorted(FIELDS.items()):
            if isinstance(use, str):
                continue
            for url in SPELLINGS:
                try:
                    await use(speaker, url)
                except AssertionError as fault:
                    faults.append(f"{field} with {url!r}: {fault}")
                given += 1
            answer = await use(speaker, GOOD)
            if answer is not None and not answer.is_success:
                faults.append(f"{field}: {answer.text}")
    asked = [one.about for one in watch.seen if not any("/asyncpg/" in file or "/redis/" in file for file in one.files)]
    assert (faults, asked) == ([], [])
    assert given > 1500
