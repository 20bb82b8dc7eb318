"""Whatever happens to a run, in whatever order: it reaches one end, and that end never changes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.plans import node, plan
from tests.services.runs.office import Office, ask, check_whole, collect

from girih.engine.context import Outcome, RunContext
from girih.engine.events import TERMINAL, NewEvent
from girih.services.runs.executor import Held
from girih.services.runs.schemas import ENDED
from girih.services.runs.service import RunService

Step = Literal["succeed", "fail", "break", "vanish", "expire", "hand on", "cancel", "look", "renew"]
STEPS: list[Step] = ["succeed", "fail", "break", "vanish", "expire", "hand on", "cancel", "look", "renew"]
ONE = plan(node("a", "$end"))


@dataclass
class Puppet:
    """An engine that ends its runs when it is told to. It records like the real one, under the same fence."""

    orders: dict[str, list[asyncio.Future[str]]] = field(default_factory=dict)

    async def execute(self, plan: Any, run: RunContext) -> Outcome:
        order: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.orders.setdefault(run.run_id, []).append(order)
        from datetime import UTC, datetime

        run.emit(NewEvent("node.started", {}, datetime.now(UTC), "a"))
        await run.checkpoints.put("", f"{len(self.orders[run.run_id]):04d}", None, b"", b"", [])
        done = await order
        if done == "break":
            raise RuntimeError("broken")
        return Outcome("succeeded" if done == "succeed" else "failed", {}, None, {})

    def tell(self, run_id: str, word: str) -> None:
        for order in self.orders.get(run_id, ()):
            if not order.done():
                order.set_result(word)


class Walk:
    """One run, two processes, and things that happen."""

    def __init__(self, office: Office, run_id: str, puppet: Puppet, services: list[RunService]) -> None:
        self.office, self.run_id, self.puppet, self.services = office, run_id, puppet, services

    def holders(self) -> list[Held]:
        found = [service._roster.find(UUID(self.run_id)) for service in self.services]
        return [held for held in found if held is not None]

    async def do(self, step: Step, service: RunService) -> None:
        if step in ("succeed", "fail", "break"):
            self.puppet.tell(self.run_id, step)
        elif step in ("expire", "vanish"):
            await self.lose(with_process=step == "vanish")
        elif step == "hand on":
            for held in self.holders():
                held.stop("release")
        elif step == "cancel":
            await service.cancel(self.office.scope, self.run_id)
        elif step == "look":
            await service._reconciler.look()
        else:
            await service._reconciler._renew()
        await asyncio.sleep(0.004)

    async def lose(self, *, with_process: bool) -> None:
        for held in self.holders() if with_process else ():
            assert held.task is not None
            held.task.cancel()
        await self.office.sql(
            "UPDATE runs SET lease_until = now() - interval '1 second' "
            "WHERE id = CAST(:id AS uuid) AND status = 'running'",
            id=self.run_id,
        )

    async def state(self) -> tuple[Any, ...]:
        (row,) = await self.office.sql(
            "SELECT status, outputs::text, error::text, finished_at, fence FROM runs WHERE id = CAST(:id AS uuid)",
            id=self.run_id,
        )
        return tuple(row)

    async def to_its_end(self) -> None:
        """What time alone would do: leases run out, the background looks, work gets done."""
        for _ in range(12):
            if (await self.state())[0] in ENDED:
                return
            await self.do("vanish", self.services[0])
            await self.do("look", self.services[0])
            await self.do("succeed", self.services[0])
        raise AssertionError(f"a dead end: {await self.state()}")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    queued=st.booleans(),
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 1)), max_size=14),
)
async def test_every_run_reaches_one_end_that_never_changes(
    office: Office, queued: bool, steps: list[tuple[Step, int]]
) -> None:
    if not office.agents.by_name:
        await office.publish(ONE)
    puppet = Puppet()
    services = [office.service(engine=puppet) for _ in range(2)]
    services[0]._roster.closed = queued
    made = await services[0].create(office.scope, ask())
    services[0]._roster.closed = False
    walk = Walk(office, made.id, puppet, services)
    end: tuple[Any, ...] | None = None
    for step, place in steps:
        await walk.do(step, services[place])
        now = await walk.state()
        assert end is None or now == end
        end = now if now[0] in ENDED else None
    await walk.to_its_end()
    final = await walk.state()
    assert end is None or final == end
    events = await collect(services[1], office.scope, made.id)
    check_whole(events)
    assert {"run.finished": "succeeded", "run.failed": "failed", "run.cancelled": "cancelled"}[
        events[-1].event.type
    ] == final[0]
    assert sum(event.event.type in TERMINAL for event in events) == 1
