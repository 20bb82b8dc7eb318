"""What all clients of other projects stand on: Node, their packages, a server, and a key as each of them sends it."""

from __future__ import annotations

import httpx
from tests.compat.clients import node
from tests.compat.conftest import Served


def test_the_clients_are_those_that_are_promised() -> None:
    versions = node("versions.mjs")
    assert versions["@langchain/langgraph-sdk"].startswith("1.11.")
    assert versions["ai"].startswith("7.")
    assert versions["@ag-ui/client"].startswith("1.")


def test_a_key_may_come_in_either_header(served: Served) -> None:
    for headers in ({"authorization": f"Bearer {served.key}"}, {"x-api-key": served.key}):
        answer = httpx.get(f"{served.url}/v1/agents", headers=headers, trust_env=False)
        assert answer.status_code == 200, answer.text
        assert "echo" in {agent["name"] for agent in answer.json()["items"]}
    assert httpx.get(f"{served.url}/v1/agents", headers={"x-api-key": "girih_no"}, trust_env=False).status_code == 401
