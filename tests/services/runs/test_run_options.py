"""Options of a run: a moment not to begin before, breakpoints, and how they survive processes that vanish."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.engine.plans import node, plan
from tests.services.runs.office import Office, ask, check_whole, collect, ended, soon
from tests.services.runs.test_pauses import FORM, ONE, asks, interrupted, waits

from girih.errors import Conflict, InvalidInput, QueueFull
from girih.language.nodes.pausing import PauseRequest
from girih.services.runs.queue import Limits
from girih.services.runs.schemas import ResumeIn, RunIn
from girih.services.runs.search_repository import Wanted
from girih.services.runs.service import RunService
from girih.services.runs.thread_schemas import ThreadIn

LINE = plan(node("lookup", "draft"), node("draft", "$end"), outputs={"all": "${ lookup.value + draft.value }"})


async def its_time_comes(office: Office, run_id: str) -> None:
    await office.sql("UPDATE runs SET not_before = now() WHERE id = :id", id=UUID(run_id))


def later(**body: Any) -> RunIn:
    return RunIn(**({"agent": "test", "after_seconds": 3600} | body))


async def test_a_run_does_not_begin_before_its_time_and_any_process_begins_it_then(office: Office) -> None:
    await office.publish(LINE)
    first, second = office.service(), office.service()
    made = await first.create(office.scope, later())
    assert (made.status, made.attempt, made.started_at) == ("queued", 0, None)
    assert made.not_before is not None
    assert timedelta(minutes=59) < made.not_before - datetime.now(UTC) <= timedelta(hours=1)
    for service in (first, second):
        await service._reconciler.look()
        await service.take(made.id)
    assert await first.run(office.scope, made.id) == made
    assert (await first.runs(office.scope, Wanted(delayed=True))).items == [made]
    assert (await first.runs(office.scope, Wanted(delayed=False))).items == []
    await its_time_comes(office, made.id)
    assert (await first.runs(office.scope, Wanted(delayed=True))).items == []
    await second._reconciler.look()
    check_whole(await collect(second, office.scope, made.id))
    assert (await first.run(office.scope, made.id)).status == "succeeded"


@pytest.mark.parametrize("background", [False, True])
async def test_the_process_that_accepted_it_begins_it_without_a_look_around(office: Office, background: bool) -> None:
    await office.publish(LINE)
    rung: list[tuple[str, str]] = []
    service = office.service(dispatch=lambda job, job_id: rung.append((job, job_id)))
    await service.start()
    made = await service.create(office.scope, later(after_seconds=0.3, background=background))
    assert rung == []
    if background:
        await soon(lambda: rung)
        assert rung[0][1] == made.id
        await service.take(made.id)
    run = await ended(service, office.scope, made.id)
    assert run.status == "succeeded"
    assert made.not_before is not None
    assert run.started_at is not None
    assert run.started_at >= made.not_before


async def test_it_can_be_cancelled_and_it_expires_while_it_waits(office: Office) -> None:
    await office.publish(LINE)
    service = office.service()
    one, two = [await service.create(office.scope, later(ttl=7200)) for _ in range(2)]
    assert (await service.cancel(office.scope, one.id)).status == "cancelled"
    await office.sql("UPDATE runs SET expires_at = now() WHERE id = :id", id=UUID(two.id))
    await service._reconciler.look()
    assert (await ended(service, office.scope, two.id)).status == "expired"
    with pytest.raises(InvalidInput, match="would expire after 60 s"):
        await service.create(office.scope, later(ttl=60))


async def test_on_a_thread_it_keeps_its_place_in_line(office: Office) -> None:
    await office.publish(LINE)
    service = office.service()
    thread = await service.threads.create(office.scope, ThreadIn())
    delayed = await service.create(office.scope, later(thread_id=thread.id))
    with pytest.raises(Conflict, match="is on thread"):
        await service.create(office.scope, RunIn(agent="test", thread_id=thread.id))
    behind = await service.create(office.scope, RunIn(agent="test", thread_id=thread.id, multitask="enqueue"))
    await service._reconciler.look()
    assert (await service.run(office.scope, behind.id)).status == "queued"
    await its_time_comes(office, delayed.id)
    await service._reconciler.look()
    assert (await ended(service, office.scope, delayed.id)).status == "succeeded"
    await service._reconciler.look()
    assert (await ended(service, office.scope, behind.id)).status == "succeeded"


async def test_what_waits_for_its_time_takes_no_place_from_what_waits_for_a_slot(office: Office) -> None:
    await office.publish(LINE)
    service = office.service(limits=Limits(per_org=2, total=1_000_000))
    service._roster.closed = True
    for _ in range(2):
        await service.create(office.scope, later())
    with pytest.raises(QueueFull):
        await service.create(office.scope, later())
    for _ in range(2):
        await service.create(office.scope, ask())
    with pytest.raises(QueueFull):
        await service.create(office.scope, ask())


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan"), 1e12])
def test_an_impossible_delay_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="after_seconds"):
        later(after_seconds=seconds)


async def test_a_run_stops_at_its_breakpoints_wherever_it_goes_on(office: Office) -> None:
    first, second = office.service(), office.service()
    made, (stop,) = await interrupted(office, first, LINE, interrupt_before=["draft"], interrupt_after="*")
    assert (stop.kind, stop.node, stop.details) == ("breakpoint", "lookup", {"when": "after", "node": "lookup"})
    shown = await second.run(office.scope, made.id)
    assert (shown.status, shown.interrupt_before, shown.interrupt_after) == ("interrupted", ["draft"], ["*"])
    found = []
    for service, body in ((second, ResumeIn()), (first, ResumeIn(answer={"any": 1})), (second, ResumeIn())):
        (stop,) = await waits(service, office.scope, made.id)
        found.append(f"{stop.details['when']} {stop.node}")
        await service.resume(office.scope, made.id, body)
        await service._reconciler.look()
    run = await ended(first, office.scope, made.id)
    assert found == ["after lookup", "before draft", "after draft"]
    assert (run.status, run.outputs, run.attempt) == ("succeeded", {"all": "lookupdraft"}, 4)
    assert office.probe.ran == ["lookup", "draft"]
    check_whole(await collect(second, office.scope, made.id))


async def test_a_stop_is_not_lost_with_the_process_that_executed_the_node(office: Office) -> None:
    """The node's result is recorded, and the process vanishes before it can say that the run waits."""
    await office.publish(LINE)
    lost, heir = office.service(), office.service()

    def vanish(place: str) -> None:
        if place == "interrupt.before":
            raise asyncio.CancelledError

    lost._roster._executor._crash.here = vanish  # type: ignore[assignment]
    made = await lost.create(office.scope, RunIn(agent="test", interrupt_after=["lookup"]))
    await soon(lambda: lost._roster.find(UUID(made.id)) is None)
    await office.let_lease_run_out(made.id)
    await heir._reconciler.look()
    (stop,) = await waits(heir, office.scope, made.id)
    assert (stop.kind, stop.node) == ("breakpoint", "lookup")
    assert office.probe.ran == ["lookup"]
    await heir.resume(office.scope, made.id, ResumeIn())
    await heir._reconciler.look()
    assert (await ended(heir, office.scope, made.id)).status == "succeeded"
    assert office.probe.ran == ["lookup", "draft"]


async def test_an_answer_is_for_the_question_where_one_is_open(office: Office) -> None:
    office.probe.acts["a"] = asks(PauseRequest("ask", "Sure?", FORM))
    service = office.service()
    made, _ = await interrupted(office, service, ONE, interrupt_before=["a"])
    assert (await service.interrupts.listed(office.scope)).items == []
    (stop,) = (await service.interrupts.listed(office.scope, kind="breakpoint")).items
    await service.interrupts.answer(office.scope, UUID(stop.id), None)
    await service._reconciler.look()
    await waits(service, office.scope, made.id)
    with pytest.raises(InvalidInput, match="send either"):
        await service.resume(office.scope, made.id, ResumeIn())
    await service.resume(office.scope, made.id, ResumeIn(answer={"ok": True}))
    await service._reconciler.look()
    assert (await ended(service, office.scope, made.id)).status == "succeeded"


async def test_a_stopped_run_expires_and_can_be_cancelled(office: Office) -> None:
    service = office.service()
    made, _ = await interrupted(office, service, LINE, interrupt_before="*", ttl=3600)
    await office.sql("UPDATE runs SET expires_at = now() WHERE id = :id", id=UUID(made.id))
    await service._reconciler.look()
    assert (await service.run(office.scope, made.id)).status == "expired"
    other, _ = await interrupted(office, service, LINE, interrupt_before="*")
    assert (await service.cancel(office.scope, other.id)).status == "cancelled"


async def test_a_node_that_is_not_there_is_refused_with_the_one_that_is(office: Office) -> None:
    await office.publish(LINE)
    service: RunService = office.service()
    with pytest.raises(InvalidInput, match="`interrupt_before` names 'drafts'") as caught:
        await service.create(office.scope, RunIn(agent="test", interrupt_before=["lookup", "drafts"]))
    assert caught.value.help == "did you mean 'draft'?"
    with pytest.raises(InvalidInput) as caught:
        await service.create(office.scope, RunIn(agent="test", interrupt_after=["q"]))
    assert caught.value.help == "its nodes are: draft, lookup"
    assert await office.sql("SELECT id FROM runs") == []
