"""Runs of an organization that is suspended wait, whoever executes them, and go on once it may."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.engine.plans import node, plan
from tests.services.runs.office import Office, ask, check_whole, collect, soon, speak

LINE = plan(node("a", "b"), node("b", "$end"), outputs={"all": "${ a.value + b.value }"})


def stuck_once() -> Any:
    """Waits for ever the first time, is done at once the second time."""
    times = 0

    async def act(ctx: Any, values: Any) -> None:
        nonlocal times
        times += 1
        ctx.emit("message.delta", {"text": f"time {times}"})
        if times == 1:
            await asyncio.sleep(60)

    return act


async def test_runs_are_handed_back_and_go_on_whole(office: Office) -> None:
    office.probe.acts["a"], office.probe.acts["b"] = speak(2), stuck_once()
    await office.publish(LINE)
    first, second = office.service(), office.service()
    made = await first.create(office.scope, ask())
    await soon(lambda: "b" in office.probe.ran)
    await office.sql("UPDATE organizations SET suspended_at = now()")
    await first._reconciler.look()
    await soon(lambda: first._roster.free == 64)
    for service in (first, second):
        await service._reconciler.look()
        await service._reconciler.settle()
    (row,) = await office.sql("SELECT status, crashes, worker, lease_until <= now() AS due FROM runs")
    assert (tuple(row), office.probe.ran) == (("running", 0, None, True), ["a", "b"])
    await office.sql("UPDATE organizations SET suspended_at = NULL")
    await second._reconciler.look()
    check_whole(await collect(second, office.scope, made.id))
    assert ((await second.run(office.scope, made.id)).status, office.probe.ran) == ("succeeded", ["a", "b", "b"])
    assert tuple((await office.sql("SELECT crashes FROM runs"))[0]) == (0,)
