"""Made-up requests to every operation of the description: no answer is a 5xx, and each is one that it declares."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.api.brief import Brief
from tests.api.conftest import CURIOUS, WORKSPACE, Client, upload

EXAMPLES = int(os.environ.get("CONFORMANCE_EXAMPLES", "2"))
"""Requests for each operation, half of them such as the description allows and half such as it does not."""
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PATIENCE = 60.0
MINE = "http://girih.test"
ENDS_THE_CALLER = frozenset({"delete_organization"})
"""What would take away what all other requests are made with, if it met the right id by chance."""


@schemathesis.serializer("application/offset+octet-stream")
def _pieces(ctx: Any, value: Any) -> dict[str, Any]:
    return {"data": value if isinstance(value, bytes) else str(value).encode()}


async def known(client: Client) -> dict[str, list[str]]:
    """Ids and names that exist, by the parameters of paths that take them."""
    for files in (WORKSPACE, {"curious.yaml": CURIOUS}):
        assert (await client.post("/v1/workspace/apply", json={"files": files})).is_success
    thread = (await client.post("/v1/threads", json={})).json()["id"]
    run = (await client.post("/v1/runs", json={"agent": "hello", "inputs": {"question": "x"}})).json()["id"]
    document = (await client.post("/v1/collections/shelf/documents", files=upload("# Books"))).json()
    return {
        "agent": ["hello", "curious"],
        "collection": ["shelf"],
        "name": ["hello", "shelf", "default"],
        "thread": [thread],
        "thread_id": [thread],
        "run": [run],
        "run_id": [run],
        "document": [str(document.get("id", run))],
        "model": ["default", "demo"],
        "version": ["1.0.0"],
        "alias": ["latest", "stable"],
    }


def sent(case: Any, chosen: random.Random, ids: dict[str, list[str]]) -> httpx.Request:
    """The request of a case; every other one names what exists where its path asks for it."""
    if chosen.random() < 0.5:
        for name in case.path_parameters or {}:
            case.path_parameters[name] = chosen.choice(ids.get(name, [case.path_parameters[name]]))
    prepared = requests.Request(**case.as_transport_kwargs(base_url=MINE)).prepare()
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    headers = {name: value for name, value in prepared.headers.items() if name.lower() != "authorization"}
    return httpx.Request(prepared.method or "GET", prepared.url or MINE, headers=headers, content=body or b"")


def findings(
    operation: Any, ask: Callable[[httpx.Request], httpx.Response], ids: dict[str, list[str]]
) -> dict[str, str]:
    """What is wrong with the answers of one operation, each once."""
    found: dict[str, str] = {}
    chosen = random.Random(operation.label)
    for mode in schemathesis.GenerationMode:

        @seed(20)
        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def each(case: Any) -> None:
            try:
                request = sent(case, chosen, ids)
            except (requests.exceptions.InvalidURL, httpx.InvalidURL, UnicodeError, ValueError):
                return  # a client could not send it
            try:
                case.validate_response(ask(request), checks=CHECKS)
            except FailureGroup as group:
                found.update((one.title, told(operation, one, request)) for one in group.exceptions)
            except Failure as one:
                found[one.title] = told(operation, one, request)

        try:
            each()
        except Unsatisfiable:
            continue  # without parameters and body nothing can be wrong with a request
    return found


def told(operation: Any, failure: Any, request: httpx.Request) -> str:
    return f"{operation.label}: {failure.title}: {failure.message[:300]} [{request.url}] {request.content[:200]!r}"


@pytest.mark.timeout(0)
async def test_every_answer_is_one_that_the_description_declares(app: FastAPI, client: Client) -> None:
    schema = schemathesis.openapi.from_dict(app.openapi())
    ids, loop = await known(client), asyncio.get_running_loop()
    async with httpx.AsyncClient(transport=Brief(app), headers=dict(client.headers), timeout=PATIENCE) as speaker:

        def ask(request: httpx.Request) -> httpx.Response:
            for name, value in client.headers.items():
                request.headers.setdefault(name, value)
            return asyncio.run_coroutine_threadsafe(speaker.send(request), loop).result(PATIENCE)

        found: list[str] = []
        operations = [one.ok() for one in schema.get_all_operations()]
        assert len(operations) > 150
        for operation in operations:
            if operation.definition.raw["operationId"] not in ENDS_THE_CALLER:
                found += (await asyncio.to_thread(findings, operation, ask, ids)).values()
    assert not found, "\n".join(found)
