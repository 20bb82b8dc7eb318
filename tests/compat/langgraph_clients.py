"""LangGraph's own Python clients of a server, and runs on threads as these clients do not need to know them."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient, get_client

BESIDE = frozenset({"self", "headers", "params"})
"""What goes with every request of the client, and is no option of the protocol's."""
SETTLED = {"succeeded", "failed", "cancelled", "expired", "interrupted"}


@contextmanager
def opened(url: str, key: str) -> Iterator[SyncLangGraphClient]:
    """The client without an event loop, with a key of one's choice."""
    with get_sync_client(url=f"{url}/langgraph", api_key=key) as client:
        yield client


def run_on(client: httpx.Client, thread_id: str, agent: str, **inputs: Any) -> dict[str, Any]:
    """A run of an agent on a thread, once it has ended or waits."""
    answer = client.post("/v1/runs", json={"agent": agent, "inputs": inputs, "thread_id": thread_id})
    assert answer.status_code == 201, answer.text
    run: dict[str, Any] = answer.json()
    while run["status"] not in SETTLED:
        time.sleep(0.05)
        run = client.get(f"/v1/runs/{run['id']}").json()
    return run


def methods(resource: str) -> list[str]:
    """The methods of one of the client's resources."""
    found = inspect.getmembers(type(getattr(get_client(url="http://girih.test"), resource)), inspect.isfunction)
    return [name for name, _ in found if not name.startswith("_")]


def options(resource: str, method: str) -> list[str]:
    """The options of one of them, in order."""
    of = getattr(type(getattr(get_client(url="http://girih.test"), resource)), method)
    return [name for name in inspect.signature(of).parameters if name not in BESIDE]
