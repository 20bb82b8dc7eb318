"""Measures how soon a moved alias is known in another process, and what a lookup and the beginning of a run cost.

`python -m tests.benchmarks.aliases [MOVES]` (50): the API as a process of its own moves `prod` to and fro; this process
asks all the time what it means, once with the doorbell and once by looking alone, on a database of its own.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from uuid import UUID

import httpx
from sqlalchemy import event
from tests.api.process import api_process
from tests.conftest import fresh_database, make_scope

from girih.db.engine import make_engine, make_sessions
from girih.db.listening import Channel
from girih.db.migrations import upgrade
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.providers.embeddings.ladder import Embedders
from girih.services.agents.service import AgentService
from girih.services.identity.service import IdentityService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService
from girih.services.runs.doorbell import Doorbell
from girih.wiring.runs import DOORBELL

ECHO = """\
kind: graph/v1
name: echo
nodes:
  a: {{ set: {{ text: word-{} }}, next: $end }}
outputs: {{ text: "${{ a.text }}" }}
"""


class Ears:
    """Hears where agents changed."""

    def __init__(self, agents: AgentService) -> None:
        self._agents = agents

    def has_news(self, run_id: UUID) -> None:
        """Not asked here."""

    def is_to_stop(self, run_id: UUID) -> None:
        """Not asked here."""

    def has_moved(self, project_id: UUID) -> None:
        self._agents.changed(project_id)

    def may_have_missed(self) -> None:
        self._agents.changed(None)


async def propagation(api: httpx.AsyncClient, agents: AgentService, scope: OrgScope, moves: int) -> list[float]:
    """Seconds from the answer to each move until it is known here; below 0 where it was known before the answer."""
    waits = []
    for number in range(moves):
        version = f"1.0.{number % 2}"

        async def seen(version: str = version) -> float:
            while (await agents.resolve(scope, "echo@prod")).version != version:
                await asyncio.sleep(0.001)
            return time.perf_counter()

        seeing = asyncio.create_task(seen())
        answer = await api.put("/v1/agents/echo/aliases/prod", json={"version": version})
        answered = time.perf_counter()
        assert answer.is_success, answer.text
        waits.append(await seeing - answered)
    return waits


@contextmanager
def counted(engine: object) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def note(*given: object) -> None:
        sent.append(str(given[2]))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def say(what: str, waits: list[float]) -> None:
    ordered = sorted(waits)
    print(f"{what}: median {median(ordered) * 1000:.1f} ms, slowest {ordered[-1] * 1000:.1f} ms")


async def measure(moves: int, app: str, folder: Path) -> None:
    engine = make_engine(app)
    uow = UnitOfWork(make_sessions(engine), lambda *_: None)
    scope = await make_scope(uow)
    key = (await IdentityService(uow).create_key(scope, "bench", scope.permissions)).key
    knowledge = KnowledgeService(uow, folder, Embedders("hashing"))
    agents = AgentService(uow, RegistryService(uow), knowledge)
    with api_process(app, folder) as process:
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=process.url, headers=headers, timeout=60, trust_env=False) as api:
            for number in range(2):
                await api.post("/v1/workspace/apply", json={"files": {"echo.yaml": ECHO.format(number)}})
            await agents.meanings.start()
            say("by looking alone", await propagation(api, agents, scope, min(moves, 20)))
            doorbell = Doorbell(Channel(app, DOORBELL))
            doorbell.start(Ears(agents))
            while not doorbell.hears:
                await asyncio.sleep(0.01)
            say("by the doorbell", await propagation(api, agents, scope, moves))
            await doorbell.close()
        await agents.meanings.stop()
    agents.changed(None)
    with counted(engine.sync_engine) as sent:
        await agents.resolve(scope, "echo@prod")
        print(f"statements of a lookup that is not remembered: {len(sent)}")
    with counted(engine.sync_engine) as sent:
        began = time.process_time()
        for _ in range(10_000):
            await agents.pick(scope, "echo@prod", "user 1")
        spent = (time.process_time() - began) / 10_000
        print(f"statements of 10,000 that are: {len(sent)}; {spent * 1e6:.1f} µs of CPU each")
    await engine.dispose()


async def main(moves: int) -> None:
    with tempfile.TemporaryDirectory(prefix="girih-aliases-") as folder:
        async with fresh_database() as database:
            await upgrade(database.owner)
            await measure(moves, database.app, Path(folder))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
