"""A process that makes one run and follows it to its end, unless it is told to die on the way."""

from __future__ import annotations

import asyncio
import sys
from typing import Any
from uuid import UUID

from tests.engine.plans import node, plan
from tests.services.runs.office import Office, collect

from girih.db.direct import DirectPool
from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.nodes.pausing import PauseRequest
from girih.language.nodes.ports import NodeContext
from girih.services.agents.schemas import PublishedAgent
from girih.services.runs.schemas import ResumeIn, RunIn

LINE = plan(node("a", "b"), node("b", "c"), node("c", "$end"), outputs={"all": "${ a.value + b.value + c.value }"})


async def asking(ctx: NodeContext, values: Any) -> Any:
    """What a node does that asks before it goes on."""
    return {"value": (await ctx.pause("q", PauseRequest("ask", "Which letter?", {"type": "string"}))).value}


async def main(
    url: str, org: str, project: str, switch: str, version_id: str, asks: str = "", webhook: str = ""
) -> None:
    engine = make_engine(url)
    scope = OrgScope(UUID(org), UUID(project))
    office = Office(UnitOfWork(make_sessions(engine), lambda job, job_id: None), scope, DirectPool(url, size=2))
    office.agents.by_name["test"] = PublishedAgent(UUID(int=0), UUID(version_id), "test", "1.0.0", LINE.digest, LINE)
    service = office.service(crash_points=switch == "on")
    if asks == "asks":
        office.probe.acts["b"] = asking
    run = await service.create(scope, RunIn(agent="test", webhook=webhook or None))
    if asks == "asks":
        while (await service.run(scope, run.id)).status != "interrupted":
            await asyncio.sleep(0.01)
        await service.resume(scope, run.id, ResumeIn(answer="b"))
        await service._reconciler.look()
    await collect(service, scope, run.id)
    await service.stop()
    await office.direct.close()
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
