"""LangGraph's own Python clients of a server, and runs on threads as these clients do not need to know them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

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
