"""A process that makes a run on a thread, and maybe one in its place, unless it is told to die on the way."""

from __future__ import annotations

import asyncio
import sys
from typing import Any
from uuid import UUID

from tests.services.runs.office import Office, collect
from tests.services.runs.test_threads import counting, on

from girih.db.direct import DirectPool
from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.agents.schemas import PublishedAgent
from girih.services.runs.backlog import Covers
from girih.services.runs.journal import Journal

STEPS = counting(steps=3)


def stop_when_put_off(office: Office) -> None:
    """Another process asks for the run's stop in the moment in which its last checkpoint was put off."""
    put_off = Journal.put_off

    async def and_stop(self: Journal, function: str, *arguments: object, covers: Covers) -> None:
        await put_off(self, function, *arguments, covers=covers)
        await office.sql("UPDATE runs SET cancel_requested = true, keeps_state = true")
        self._on_asked_to_stop()

    Journal.put_off = and_stop  # type: ignore[method-assign] - this process is a victim, which ends with it


async def main(url: str, org: str, project: str, version_id: str, thread: str, how: str = "") -> None:
    engine = make_engine(url)
    scope = OrgScope(UUID(org), UUID(project))
    office = Office(UnitOfWork(make_sessions(engine), lambda job, job_id: None), scope, DirectPool(url, size=2))
    office.agents.by_name["test"] = PublishedAgent(UUID(int=0), UUID(version_id), "test", "1.0.0", STEPS.digest, STEPS)
    service, reached = office.service(crash_points=True), asyncio.Event()

    async def hang(ctx: Any, values: Any) -> Any:
        reached.set()
        await asyncio.sleep(60)

    if how == "stop":
        stop_when_put_off(office)
    elif how:
        office.probe.acts["s2"] = hang
    run = await service.create(scope, on(UUID(thread)))
    if how in ("interrupt", "rollback"):
        await reached.wait()
        await service.create(scope, on(UUID(thread), how))
    await collect(service, scope, run.id)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
