"""`kill -9` at every point of an apply: the project stands wholly before it or wholly after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from tests.api.process import api_process, wait_until_up
from tests.services.agents.workspaces import ASKING, BOOK, HELLO, LOOKUP, SMALL

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.agents.terms import Point
from girih.services.identity.service import IdentityService

PIPE = "kind: pipeline/v1\nname: way\nembedder: hashing\n"
BEFORE = {"hello.yaml": HELLO, "small.yaml": SMALL, "crm.yaml": LOOKUP, "book.yaml": BOOK, "pipe.yaml": PIPE}
AFTER = {
    "hello.yaml": HELLO.replace("Hello", "Good day"),
    "asking.yaml": ASKING,
    "small.yaml": SMALL + "title: Small\n",
    "book.yaml": BOOK.replace("A book", "The book"),
}
REBORN = Path(__file__).with_name("reborn.py")


def stands(client: httpx.Client) -> dict[str, Any]:
    """All that a caller can see of the project."""
    agents = client.get("/v1/agents").json()["items"]
    return {
        "base": client.get("/v1/workspace").json()["base"],
        "agents": {agent["name"]: agent["aliases"] for agent in agents},
        "versions": {
            one["name"]: len(client.get(f"/v1/agents/{one['name']}/versions").json()["items"]) for one in agents
        },
        "pipelines": [one["name"] for one in client.get("/v1/pipelines").json()["items"]],
        "collections": {one["name"]: one["description"] for one in client.get("/v1/collections").json()["items"]},
    }


async def test_nothing_is_ever_half_applied(
    database_url: str, uow: UnitOfWork, scope: OrgScope, tmp_path: Path
) -> None:
    key = (await IdentityService(uow).create_key(scope, "crash", scope.permissions)).key
    asked = {"files": AFTER, "prune": True}
    before: dict[str, Any] | None = None
    # Each process finds what the one before it left. The first apply that passes its point is only a try.
    lives = [f"{point}@2" for point in get_args(Point)]
    with (
        api_process(database_url, tmp_path, program=(str(REBORN), *lives), GIRIH_TEST_BUILD="1") as api,
        httpx.Client(base_url=api.url, headers={"authorization": f"Bearer {key}"}, trust_env=False) as client,
    ):
        for life in lives:
            wait_until_up(api)
            first = {"files": BEFORE} if before is None else {**asked, "dry_run": True}
            assert client.post("/v1/workspace/apply", json=first).is_success
            now = stands(client)
            before = before or now
            assert now == before, f"what was left by the process before {life}"
            with pytest.raises(httpx.TransportError):
                client.post("/v1/workspace/apply", json=asked, timeout=30)
        wait_until_up(api)
        after = stands(client)
        assert after["agents"].keys() == {"hello", "asking"}
        assert after["versions"] == {"hello": 2, "asking": 1}
        assert (after["pipelines"], after["collections"]) == ([], {"book": "The book"})
        again = client.post("/v1/workspace/apply", json=asked).json()
        assert {change["action"] for change in again["changes"]} == {"unchanged"}
        assert stands(client) == after
