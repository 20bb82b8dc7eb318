"""Whatever happens to a run, in whatever order: it reaches one end, and that end never changes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from uuid import UUID, uuid5

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.plans import node, plan
from tests.services.runs.office import Office, check_whole, collect

from girih.engine.context import OpenPause, Outcome, RunContext
from girih.engine.events import TERMINAL, NewEvent
from girih.errors import Conflict, InvalidInput, NotFound
from girih.language.nodes.pausing import PauseRequest
from girih.services.runs.held import Held
from girih.services.runs.schemas import ENDED, ResumeIn, RunIn
from girih.services.runs.service import RunService

Step = Literal[
    "succeed", "fail", "break", "ask", "tool", "stop", "answer", "resume", "overdue", "unwanted",
    "vanish", "expire", "hand on", "cancel", "look", "renew", "its time", "clean",
]  # fmt: skip
KINDS: dict[str, Literal["ask", "tool", "breakpoint"]] = {"ask": "ask", "tool": "tool", "stop": "breakpoint"}
"""What a run waits for when it is told to."""
GONE = ("gone",)
"""What is known of a run that was not to be kept."""
STEPS: tuple[Step, ...] = get_args(Step)
ONE = plan(node("a", "$end"))


@dataclass
class Puppet:
    """An engine that ends its runs when it is told to. It records like the real one, under the same fence."""

    orders: dict[str, list[asyncio.Future[str]]] = field(default_factory=dict)
    asked: dict[str, list[OpenPause]] = field(default_factory=dict)

    async def execute(self, plan: Any, run: RunContext) -> Outcome:
        order: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.orders.setdefault(run.run_id, []).append(order)
        from datetime import UTC, datetime

        run.emit(NewEvent("node.started", {}, datetime.now(UTC), "a"))
        await run.checkpoints.put("", f"{len(self.orders[run.run_id]):04d}", None, b"", b"", [])
        questions = self.asked.setdefault(run.run_id, [])
        done = "" if any(one.id not in run.replies for one in questions) else await order
        if done in KINDS:
            form: dict[str, Any] = {} if done == "stop" else {"type": "boolean"}
            request = PauseRequest(KINDS[done], "Sure?", form, {}, 3600 if len(questions) % 2 else None)
            questions.append(OpenPause(str(uuid5(UUID(run.run_id), str(len(questions)))), "a", request))
        unanswered = tuple(one for one in questions if one.id not in run.replies)
        if unanswered:
            return Outcome("interrupted", None, None, {}, unanswered)
        if done == "break":
            raise RuntimeError("broken")
        return Outcome("succeeded" if done == "succeed" else "failed", {}, None, {})

    def tell(self, run_id: str, word: str) -> None:
        for order in self.orders.get(run_id, ()):
            if not order.done():
                order.set_result(word)


MOMENTS: dict[str, tuple[str, str, str]] = {
    "overdue": ("run_pauses", "expires_at", "run_id = CAST(:id AS uuid) AND expires_at IS NOT NULL"),
    "unwanted": ("runs", "expires_at", "id = CAST(:id AS uuid) AND finished_at IS NULL"),
    "its time": ("runs", "not_before", "id = CAST(:id AS uuid) AND finished_at IS NULL AND not_before IS NOT NULL"),
}
"""What comes with time: the table, the column and the condition of the rows whose moment it is."""


class Walk:
    """One run, two processes, and things that happen."""

    def __init__(self, office: Office, run_id: str, puppet: Puppet, services: list[RunService]) -> None:
        self.office, self.run_id, self.puppet, self.services = office, run_id, puppet, services

    def holders(self) -> list[Held]:
        found = [service._roster.find(UUID(self.run_id)) for service in self.services]
        return [held for held in found if held is not None]

    async def do(self, step: Step, service: RunService) -> None:
        if step in ("succeed", "fail", "break", *KINDS):
            self.puppet.tell(self.run_id, step)
        elif step in ("expire", "vanish"):
            await self.lose(with_process=step == "vanish")
        elif step == "hand on":
            for held in self.holders():
                held.stop("release")
        elif step == "answer":
            await self.answer(service)
        elif step in MOMENTS:
            await self.let_time_pass(step)
        elif step in ("cancel", "resume"):
            await self.ask_for(step, service)
        elif step == "clean":
            await service._deadlines.remove_unwanted(0)
        elif step == "look":
            await service._reconciler.look()
        else:
            await service._reconciler._renew()
        await asyncio.sleep(0.004)

    async def answer(self, service: RunService) -> None:
        with suppress(NotFound):
            for one in (await service.interrupts.of_run(self.office.scope, UUID(self.run_id))).items:
                with suppress(Conflict):
                    await service.interrupts.answer(self.office.scope, UUID(one.id), True)

    async def ask_for(self, step: Step, service: RunService) -> None:
        """What a caller may ask for at any time, and is refused when it makes no sense."""
        try:
            if step == "cancel":
                await service.cancel(self.office.scope, self.run_id)
            else:
                await service.resume(self.office.scope, self.run_id, ResumeIn())
        except NotFound:
            assert await self.state() == GONE
        except (Conflict, InvalidInput):
            assert step == "resume"

    async def let_time_pass(self, step: Step) -> None:
        table, column, condition = MOMENTS[step]
        await self.office.sql(f"UPDATE {table} SET {column} = now() WHERE {condition}", id=self.run_id)

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
        rows = await self.office.sql(
            "SELECT status, outputs::text, error::text, finished_at, fence FROM runs WHERE id = CAST(:id AS uuid)",
            id=self.run_id,
        )
        return tuple(rows[0]) if rows else GONE

    async def to_its_end(self) -> None:
        """What time alone would do: leases run out, the background looks, work gets done."""
        for _ in range(12):
            if (await self.state())[0] in (*ENDED, *GONE):
                return
            await self.do("its time", self.services[0])
            await self.do("vanish", self.services[0])
            await self.do("answer", self.services[0])
            await self.do("look", self.services[0])
            await self.do("succeed", self.services[0])
        raise AssertionError(f"a dead end: {await self.state()}")


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    queued=st.booleans(),
    delayed=st.booleans(),
    is_kept=st.booleans(),
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 1)), max_size=18),
)
async def test_every_run_reaches_one_end_that_never_changes(
    office: Office, queued: bool, delayed: bool, is_kept: bool, steps: list[tuple[Step, int]]
) -> None:
    if not office.agents.by_name:
        await office.publish(ONE)
    puppet = Puppet()
    services = [office.service(engine=puppet) for _ in range(2)]
    services[0]._roster.closed = queued
    body = RunIn(agent="test", after_seconds=3600 if delayed else None)
    made = await services[0].create(
        office.scope, body.model_copy(update={} if is_kept else {"on_completion": "delete"})
    )
    services[0]._roster.closed = False
    walk = Walk(office, made.id, puppet, services)
    end: tuple[Any, ...] | None = None
    for step, place in steps:
        await walk.do(step, services[place])
        now = await walk.state()
        assert end is None or now == end or (now == GONE and not is_kept)
        end = now if now[0] in (*ENDED, *GONE) else None
    await walk.to_its_end()
    final = await walk.state()
    assert end is None or final == end
    if final != GONE:
        await check_told(walk, final)
    await walk.do("clean", services[1])
    assert await walk.state() == (final if is_kept else GONE)


async def check_told(walk: Walk, final: tuple[Any, ...]) -> None:
    """Its events say once how the run has ended, and nothing that it waited for is open."""
    office, services, made_id = walk.office, walk.services, walk.run_id
    events = await collect(services[1], office.scope, made_id)
    check_whole(events)
    last = events[-1].event
    assert (last.data.get("reason") or last.type.removeprefix("run.").replace("finished", "succeeded")) == final[0]
    waited = (await services[0].interrupts.of_run(office.scope, UUID(made_id))).items
    assert "open" not in {one.state for one in waited}
    assert sum(event.event.type in TERMINAL for event in events) == 1
