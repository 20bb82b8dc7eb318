"""Threads: what one run leaves the next one finds, and never do two runs work on one at once."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.engine.plans import node, plan
from tests.services.runs.office import Office, ended

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.errors import Conflict, NotFound, QueueFull, ThreadBusy
from girih.language.compiler.plan import PlanState
from girih.services.runs.queue import Limits
from girih.services.runs.reconciler import Timing
from girih.services.runs.schemas import RunIn, RunOut
from girih.services.runs.service import RunService
from girih.services.runs.thread_schemas import StateIn, ThreadIn


def counting(name: str = "test", steps: int = 1) -> Any:
    """Each node adds one to `state.total`."""
    nodes = [
        node(f"s{n}", f"s{n + 1}" if n < steps - 1 else "$end").model_copy(
            update={"reads": ("state",), "writes": {"total": 1}}
        )
        for n in range(steps)
    ]
    made = plan(*nodes, name=name)
    return made.model_copy(update={"state": {"total": PlanState(type={"type": "integer"}, merge="sum", default=0)}})


async def thread(service: RunService, scope: OrgScope, **more: Any) -> UUID:
    return UUID((await service.threads.create(scope, ThreadIn(**more))).id)


def on(thread_id: UUID, how: str = "reject", agent: str = "test", **inputs: Any) -> RunIn:
    return RunIn(agent=agent, inputs=inputs, thread_id=thread_id, multitask=how)  # type: ignore[arg-type]


async def total(service: RunService, office: Office, here: UUID) -> int:
    return (await service.threads.state(office.scope, here)).state.get("total", 0)


async def statuses(service: RunService, office: Office, made: list[RunOut]) -> list[str]:
    return [(await ended(service, office.scope, run.id)).status for run in made]


async def ten(service: RunService, office: Office, here: UUID, how: str) -> list[RunOut]:
    asked = [service.create(office.scope, on(here, how)) for _ in range(10)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert not [one for one in answers if not isinstance(one, RunOut | ThreadBusy)]
    return [one for one in answers if isinstance(one, RunOut)]


def watched(office: Office) -> list[int]:
    """How many nodes were at work whenever one began: never two of one thread."""
    at_work, seen = 0, []

    async def act(ctx: Any, values: Any) -> Any:
        nonlocal at_work
        at_work += 1
        seen.append(at_work)
        try:
            await asyncio.sleep(0.01)
        finally:
            at_work -= 1
        return {"value": 1}

    office.probe.act = act
    return seen


async def at_work(office: Office) -> RunService:
    """A process that looks around by itself."""
    service = office.service(timing=Timing(lease=30, renewal=3600, look=0.3))
    await service.start()
    return service


@pytest.mark.parametrize("how", ["reject", "enqueue", "interrupt", "rollback"])
async def test_of_twenty_at_once_never_two_run(office: Office, how: str) -> None:
    await office.publish(counting())
    seen = watched(office)
    services = [await at_work(office), await at_work(office)]
    here = await thread(services[0], office.scope)
    answers = await asyncio.gather(*(ten(service, office, here, how) for service in services))
    made = [run for some in answers for run in some]
    ends = await statuses(services[0], office, made)
    assert set(seen) == {1}
    good = ends.count("succeeded")
    assert set(ends) <= ({"succeeded"} if how in ("reject", "enqueue") else {"succeeded", "cancelled"})
    assert good >= 1
    if how == "enqueue":
        assert good == 20
    if how == "reject":
        assert len(made) < 20
    if how != "interrupt":  # what was stopped may have come as far as to have added one
        assert await total(services[0], office, here) <= good
    assert (await services[0].threads.thread(office.scope, here)).status == "idle"


async def test_runs_in_line_begin_in_the_order_they_came(office: Office) -> None:
    await office.publish(counting())
    service, gate = await at_work(office), asyncio.Event()

    async def wait(ctx: Any, values: Any) -> Any:
        await gate.wait()
        return {"value": 1}

    office.probe.act = wait
    here = await thread(service, office.scope)
    made = [await service.create(office.scope, on(here, "enqueue")) for _ in range(5)]
    assert [run.status for run in made] == ["running"] + ["queued"] * 4
    gone = await service.cancel(office.scope, made[2].id)
    assert gone.status == "cancelled"
    gate.set()
    assert await statuses(service, office, made) == ["succeeded", "succeeded", "cancelled", "succeeded", "succeeded"]
    rows = await office.sql("SELECT id FROM runs WHERE attempt > 0 ORDER BY started_at")
    assert [str(row.id) for row in rows] == [run.id for n, run in enumerate(made) if n != 2]
    assert await total(service, office, here) == 4


async def test_where_no_run_may_wait_a_free_thread_still_takes_one(office: Office) -> None:
    await office.publish(counting())
    service = office.service(limits=Limits(per_org=0, total=1_000_000))
    here = await thread(service, office.scope)
    office.probe.act = lambda *_: asyncio.sleep(60)
    first = await service.create(office.scope, on(here, "enqueue"))
    with pytest.raises(QueueFull):
        await service.create(office.scope, on(here, "enqueue"))
    assert await statuses(service, office, [await service.cancel(office.scope, first.id)]) == ["cancelled"]


@pytest.mark.parametrize(("how", "kept"), [("interrupt", 2), ("rollback", 1)])
async def test_a_newer_run_takes_the_place_of_one_that_runs(office: Office, how: str, kept: int) -> None:
    await office.publish(counting(steps=2), "long")
    await office.publish(counting())
    service, reached = await at_work(office), asyncio.Event()

    async def hang(ctx: Any, values: Any) -> Any:
        reached.set()
        await asyncio.sleep(60)

    office.probe.acts["s1"] = hang
    here = await thread(service, office.scope)
    first = await service.create(office.scope, on(here, agent="long"))
    await asyncio.wait_for(reached.wait(), 10)
    second = await service.create(office.scope, on(here, how))
    assert (await ended(service, office.scope, first.id)).status == "cancelled"
    assert (await ended(service, office.scope, second.id)).status == "succeeded"
    assert await total(service, office, here) == kept


async def test_what_waits_holds_its_thread_until_it_is_answered_or_replaced(office: Office) -> None:
    from tests.services.runs.victim import asking

    await office.publish(counting(), "quick")
    await office.publish(counting(steps=2))
    office.probe.acts["s1"] = asking
    service = await at_work(office)
    here = await thread(service, office.scope)
    first = await service.create(office.scope, on(here))
    while (await service.threads.thread(office.scope, here)).status != "interrupted":
        await asyncio.sleep(0.01)
    with pytest.raises(ThreadBusy) as busy:
        await service.create(office.scope, on(here, agent="quick"))
    assert busy.value.details["runs"] == [first.id]
    second = await service.create(office.scope, on(here, "interrupt", agent="quick"))
    assert await statuses(service, office, [first, second]) == ["cancelled", "succeeded"]
    assert await total(service, office, here) == 2
    assert (await service.interrupts.of_run(office.scope, UUID(first.id))).items[0].state == "dropped"


async def test_a_failed_run_leaves_the_thread_as_it_was(office: Office) -> None:
    await office.publish(counting(steps=2))
    service = office.service()
    here = await thread(service, office.scope, state={"total": 5})
    await ended(service, office.scope, (await service.create(office.scope, on(here))).id)
    assert await total(service, office, here) == 7

    def fail(ctx: Any, values: Any) -> Any:
        raise RuntimeError

    office.probe.acts["s1"] = fail
    await ended(service, office.scope, (await service.create(office.scope, on(here))).id)
    assert await total(service, office, here) == 7
    assert (await service.threads.thread(office.scope, here)).status == "error"


async def test_a_run_taken_over_begins_with_what_its_thread_holds(office: Office) -> None:
    await office.publish(counting())
    first, reached = office.service(), asyncio.Event()

    async def hang(ctx: Any, values: Any) -> Any:
        reached.set()
        await asyncio.sleep(60)

    office.probe.act = hang
    here = await thread(first, office.scope, state={"total": 5})
    run = await first.create(office.scope, on(here))
    await asyncio.wait_for(reached.wait(), 10)
    await office.lose(first, run.id)
    office.probe.act = None
    second = office.service()
    await second._reconciler.look()
    assert (await ended(second, office.scope, run.id)).status == "succeeded"
    assert await total(second, office, here) == 6


async def test_threads_of_others_are_not_there(office: Office, other_scope: OrgScope) -> None:
    await office.publish(counting())
    service = office.service()
    here = await thread(service, office.scope)
    for scope in (other_scope,):
        with pytest.raises(NotFound):
            await service.threads.thread(scope, here)
        with pytest.raises(NotFound):
            await service.threads.delete(scope, here)
    strange = UUID((await service.threads.create(other_scope, ThreadIn())).id)
    with pytest.raises(NotFound, match="there is no thread"):
        await service.create(office.scope, on(strange))
    assert (await service.runs(office.scope)).items == []


async def test_apps_choose_ids_and_two_organizations_may_choose_the_same(office: Office, other_scope: OrgScope) -> None:
    service = office.service()
    chosen = new_id()
    first = await service.threads.create(office.scope, ThreadIn(id=chosen, metadata={"mine": 1}))
    assert first.id == str(chosen)
    with pytest.raises(Conflict, match="there is a thread"):
        await service.threads.create(office.scope, ThreadIn(id=chosen))
    again = await service.threads.create(office.scope, ThreadIn(id=chosen, if_exists="do_nothing"))
    assert again == first
    theirs = await service.threads.create(other_scope, ThreadIn(id=chosen))
    assert theirs.metadata == {}
    # Another project of the same organization cannot have it, and is told nothing of it.
    sibling = OrgScope(office.scope.org_id, other_scope.project_id, permissions=office.scope.permissions)
    with pytest.raises(Conflict, match="there is a thread"):
        await service.threads.create(sibling, ThreadIn(id=chosen, if_exists="do_nothing"))
    await service.threads.delete(other_scope, chosen)
    assert await service.threads.thread(office.scope, chosen) == first
    await service.stop()


async def test_one_of_many_makers_of_an_id_makes_it(office: Office) -> None:
    service = office.service()
    chosen = ThreadIn(id=new_id())
    made = await asyncio.gather(
        *(service.threads.create(office.scope, chosen) for _ in range(8)), return_exceptions=True
    )
    assert sum(not isinstance(one, Conflict) for one in made) == 1
    await service.stop()


async def test_an_edit_may_merge_and_go_back(office: Office) -> None:
    await office.publish(counting())
    service = office.service()
    here = await thread(service, office.scope)
    for _ in range(2):
        await ended(service, office.scope, (await service.create(office.scope, on(here))).id)
    newest, first = (await service.threads.history(office.scope, here)).items
    assert (newest.state, first.state) == ({"total": 2}, {"total": 1})
    merged = await service.threads.edit(office.scope, here, StateIn(state={"total": 5}, merge=True))
    assert (merged.state, merged.source, merged.parent_id) == ({"total": 7}, "update", newest.id)
    back = await service.threads.edit(office.scope, here, StateIn(state={}, state_id=UUID(first.id)))
    assert (back.state, back.source, back.parent_id) == ({"total": 1}, "fork", first.id)
    assert await total(service, office, here) == 1
    await ended(service, office.scope, (await service.create(office.scope, on(here))).id)
    assert await total(service, office, here) == 2
    with pytest.raises(NotFound, match="was never in a state"):
        await service.threads.edit(office.scope, here, StateIn(state={}, state_id=new_id()))
    with pytest.raises(ValueError, match="not both"):
        StateIn(state={}, merge=True, replace=True)
    await service.stop()


async def test_a_moment_within_a_run_is_found_and_gone_back_to(office: Office, other_scope: OrgScope) -> None:
    await office.publish(counting(steps=4))
    service = office.service()
    here = await thread(service, office.scope)
    await ended(service, office.scope, (await service.create(office.scope, on(here))).id)
    moments = await service.snapshots.history(office.scope, here)
    assert [one.state.get("total") for one in moments] == [4, 3, 2, 1, 0, None]
    assert [one.is_within_run for one in moments] == [False, True, True, True, True, False]
    assert [one.is_beginning for one in moments] == [False, False, False, False, True, False]
    assert [[task.node for task in one.tasks] for one in moments] == [[], ["s3"], ["s2"], ["s1"], ["s0"], []]
    assert [one.parent_id for one in moments] == [*(one.id for one in moments[1:]), None]
    made = await service.snapshots.edit(office.scope, here, {"total": 10}, at=moments[2].id)
    assert made.state == {"total": 12}
    assert made.is_newest
    for asked in (moments[1].id, str(new_id()), "x\x00"):
        with pytest.raises(NotFound):
            await service.snapshots.snapshot(other_scope, here, str(asked))
    with pytest.raises(NotFound, match="no checkpoint"):
        await service.snapshots.history(office.scope, here, before="x\x00")
    await service.stop()
