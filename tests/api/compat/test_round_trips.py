"""How often a run of each door goes to the database, beside the same run of `/v1`: that is most of what a door costs."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from tests.api.conftest import Client

from girih.db.direct import DirectPool
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SPECS = Path(__file__).parents[3] / "agent_specs" / "bench"
WRITES = "append_run_events"
"""How many of these there are depends on how long a run takes, whoever asks for it."""


@pytest.fixture(scope="module", autouse=True)
def importable() -> Iterator[None]:
    """The benchmarks import each other as scripts do."""
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch, scope: OrgScope) -> list[str]:
    """Every round trip and every transaction of the organization, as they come."""
    seen: list[str] = []
    call, opened = DirectPool.call, UnitOfWork._open

    async def counted(self: DirectPool, given: OrgScope, function: str, *arguments: object) -> object:
        if given.org_id == scope.org_id and function != WRITES:
            seen.append(function)
        return await call(self, given, function, *arguments)

    @asynccontextmanager
    async def counted_too(self: UnitOfWork, given: OrgScope | None, purpose: str) -> AsyncIterator[Work]:
        if given is not None and given.org_id == scope.org_id:
            seen.append("a transaction")
        async with opened(self, given, purpose) as work:
            yield work

    monkeypatch.setattr(DirectPool, "call", counted)
    monkeypatch.setattr(UnitOfWork, "_open", counted_too)
    return seen


async def test_no_door_asks_the_database_more_often_than_our_own(client: Client, trips: list[str]) -> None:
    from doors import ways
    from load import FRESH
    from protocols import Server

    files = {path.name: path.read_text() for path in (SPECS / "chat50.yaml", SPECS / "echo50.yaml")}
    assert (await client.post("/v1/workspace/apply", json={"files": files})).is_success
    taken: list[int] = []
    for way in ways():
        target = way.ask(Server("girih.test", 80, way.prefix, {}), way.agent)
        counts = []
        for _ in range(4):  # what an alias means is looked up anew from time to time
            trips.clear()
            fresh = str(uuid4()).encode()
            for request in target.requests():
                head, _, body = request.partition(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].replace(FRESH.encode(), fresh).decode()
                answer = await client.post(
                    path, content=body.replace(FRESH.encode(), fresh), headers={"content-type": "application/json"}
                )
            assert target.ended.search(answer.content), answer.text[-500:]
            counts.append(len(trips))
        taken.append(min(counts))
        assert taken[-1] <= taken[way.beside], (way.place, way.what, trips)
    assert taken[:2] == [2, 4], "a run is recorded and ended; on a thread that is made and looked at for the next one"
