"""Runs that wait for time and for domain events: each wait ends once, whoever notices, and no event is missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.engine.plans import node, plan
from tests.services.runs.office import Office, ask, check_whole, collect, soon
from tests.services.runs.test_pauses import FORM, ONE, TWO, asks, interrupted, types, waits

from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput
from girih.language.nodes.pausing import PauseRequest
from girih.language.nodes.ports import NodeContext
from girih.services.runs.schemas import ResumeIn, RunIn
from girih.services.runs.service import RunService

TWICE = plan(node("a", "b"), node("b", "$end"), outputs={"first": "${ a.value }", "second": "${ b.value }"})


def waits_for(event: str, **match: Any) -> Callable[[NodeContext, Any], Any]:
    """What a probe does that waits for an event."""
    return asks(PauseRequest("event", f"waits for {event}", {}, {"event": event, "match": match}))


async def end_time(office: Office, run_id: str) -> None:
    """Let the run's deadlines pass."""
    await office.sql(
        "UPDATE run_pauses SET expires_at = now() - interval '1 second' WHERE run_id = :id AND expires_at IS NOT NULL",
        id=UUID(run_id),
    )


async def end_of(office: Office, service: RunService, run_id: str) -> Any:
    """How the run ended, once somebody looked."""
    await service._reconciler.look()
    check_whole(await collect(service, office.scope, run_id))
    return await service.run(office.scope, run_id)


async def test_a_question_that_nobody_answers_in_time_ends_in_one_process(office: Office) -> None:
    office.probe.acts["a"] = asks(PauseRequest("ask", "Sure?", FORM, {}, 3600))
    services = [office.service() for _ in range(3)]
    made, _ = await interrupted(office, services[0])
    await services[1]._reconciler.look()
    assert (await services[1].run(office.scope, made.id)).status == "interrupted"
    await end_time(office, made.id)
    await asyncio.gather(*(service._reconciler.look() for service in services))
    run = await end_of(office, services[0], made.id)
    assert (run.status, run.attempt, run.outputs) == ("succeeded", 2, {"said": "nobody"})
    events = await collect(services[2], office.scope, made.id)
    (resumed,) = [event for event in events if event.event.type == "run.resumed"]
    (pause,) = (await services[0].interrupts.of_run(office.scope, UUID(made.id))).items
    assert resumed.event.data == {"attempt": 2, "timed_out": [pause.id]}
    assert pause.state == "timed_out"


async def test_answers_and_deadlines_at_once_leave_one_outcome(office: Office) -> None:
    office.probe.acts["a"] = asks(PauseRequest("ask", "Sure?", FORM, {}, 3600))
    services = [office.service() for _ in range(2)]
    for _ in range(5):
        made, (question,) = await interrupted(office, services[0])
        await end_time(office, made.id)
        said, *_ = await asyncio.gather(
            services[0].interrupts.answer(office.scope, UUID(question.id), {"ok": True}),
            services[1]._deadlines.pass_due(),
            services[0]._deadlines.pass_due(),
            return_exceptions=True,
        )
        run = await end_of(office, services[0], made.id)
        won = isinstance(said, BaseException)
        assert run.outputs == {"said": "nobody" if won else {"ok": True, "why": "no reason"}}
        assert run.attempt == 2


async def test_a_deadline_that_is_near_passes_without_a_look_around(office: Office) -> None:
    office.probe.acts["a"] = asks(PauseRequest("timer", "waits", {}, {}, 0.2))
    service = office.service()
    await service.start()
    await office.publish(ONE)
    made = await service.create(office.scope, ask())
    events = await collect(service, office.scope, made.id)
    check_whole(events)
    assert types(events).count("run.interrupted") == 1
    assert (await service.run(office.scope, made.id)).status == "succeeded"


async def test_a_moment_that_has_passed_is_no_wait(office: Office) -> None:
    before = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    office.probe.acts["a"] = asks(PauseRequest("timer", "waits", {}, {"until": before}))
    service = office.service()
    await office.publish(ONE)
    made = await service.create(office.scope, ask())
    await soon(lambda: service._roster.find(UUID(made.id)) is None)
    assert (await service.run(office.scope, made.id)).status == "queued"
    assert (await end_of(office, service, made.id)).status == "succeeded"


async def test_a_question_keeps_its_deadline_when_the_run_comes_back_to_it(office: Office) -> None:
    office.probe.acts |= {"a": asks(), "b": asks(PauseRequest("ask", "Sure?", FORM, {}, 3600))}
    service = office.service()
    made, questions = await interrupted(office, service, TWO)
    other, one = sorted(questions, key=lambda question: question.expires_at is not None)
    await service.resume(office.scope, made.id, ResumeIn(answers={other.id: {"ok": True}}))
    await service._reconciler.look()
    (left,) = await waits(service, office.scope, made.id)
    assert (left.id, left.expires_at) == (one.id, one.expires_at)
    again = [e for e in await collect_so_far(service, office.scope, made.id) if e.event.type == "run.interrupted"][-1]
    assert again.event.data["interrupts"][0]["expires_at"] == one.expires_at.isoformat()  # type: ignore[union-attr]


async def collect_so_far(service: RunService, scope: OrgScope, run_id: str) -> list[Any]:
    found: list[Any] = []
    async with asyncio.timeout(10):
        async for event in service.events(scope, run_id):
            found.append(event)
            if sum(one.event.type == "run.interrupted" for one in found) == 2:
                break
    return found


@pytest.mark.parametrize("waiting", [True, False])
async def test_a_run_nobody_wants_any_more_expires(office: Office, waiting: bool) -> None:
    office.probe.acts["a"] = asks()
    service = office.service()
    await office.publish(ONE)
    service._roster.closed = not waiting
    made = await service.create(office.scope, RunIn(agent="test", ttl=3600))
    if waiting:
        await waits(service, office.scope, made.id)
    service._roster.closed = False
    await office.sql("UPDATE runs SET expires_at = now() WHERE id = :id", id=UUID(made.id))
    run = await end_of(office, service, made.id)
    assert (run.status, run.attempt) == ("expired", int(waiting))
    last = (await collect(service, office.scope, made.id))[-1]
    assert (last.event.type, last.event.data["reason"]) == ("run.cancelled", "expired")
    assert [one.state for one in (await service.interrupts.of_run(office.scope, UUID(made.id))).items] == [
        "dropped"
    ] * waiting


async def test_an_event_answers_who_waits_for_it_and_nobody_else(office: Office, other_scope: OrgScope) -> None:
    office.probe.acts["a"] = waits_for("order.paid", order={"id": 7})
    service = office.service()
    made, _ = await interrupted(office, service)
    for name, data in (("order.paid", {"order": {"id": 8}}), ("order.sent", {"order": {"id": 7}}), ("order.paid", {})):
        await office.events.publish(office.scope, name, data)
    await office.events.publish(
        OrgScope(other_scope.org_id, other_scope.project_id), "order.paid", {"order": {"id": 7}}
    )
    assert (await service.run(office.scope, made.id)).status == "interrupted"
    paid = {"order": {"id": 7, "sum": 2.5}, "by": "card"}
    event = await office.events.publish(office.scope, "order.paid", paid, key="k")
    assert (await service.run(office.scope, made.id)).status == "queued"
    assert await office.events.publish(office.scope, "order.paid", paid, key="k") == event
    with pytest.raises(InvalidInput, match="another event"):
        await office.events.publish(office.scope, "order.paid", {}, key="k")
    run = await end_of(office, service, made.id)
    assert run.outputs == {"said": paid}
    (pause,) = (await service.interrupts.of_run(office.scope, UUID(made.id))).items
    assert (pause.state, pause.answered_by) == ("answered", "test")


async def test_people_cannot_answer_for_an_event_or_for_time(office: Office) -> None:
    office.probe.acts["a"] = waits_for("order.paid")
    service = office.service()
    _, (pause,) = await interrupted(office, service)
    with pytest.raises(InvalidInput, match="for an event"):
        await service.interrupts.answer(office.scope, UUID(pause.id), {})
    assert (await service.interrupts.listed(office.scope)).items == []
    assert len((await service.interrupts.listed(office.scope, kind="event")).items) == 1


async def test_an_event_that_was_faster_than_the_graph_counts_and_each_one_once(office: Office) -> None:
    await office.publish(TWICE)
    await office.events.publish(office.scope, "tick", {"n": 0})
    told = asyncio.Event()

    async def late(ctx: NodeContext, values: Any) -> Any:
        if not told.is_set():
            await office.events.publish(office.scope, "tick", {"n": 1})
            told.set()
        return await waits_for("tick")(ctx, values)

    office.probe.acts |= {"a": late, "b": waits_for("tick")}
    service = office.service()
    made = await service.create(office.scope, ask())
    await soon(lambda: service._roster.find(UUID(made.id)) is None)
    await service._reconciler.look()
    assert len(await waits(service, office.scope, made.id)) == 1
    await office.events.publish(office.scope, "tick", {"n": 2})
    run = await end_of(office, service, made.id)
    assert run.outputs == {"first": {"n": 1}, "second": {"n": 2}}


async def test_an_event_at_the_very_moment_the_wait_begins_is_not_missed(office: Office) -> None:
    office.probe.acts["a"] = waits_for("go", run="x")
    service = office.service()
    await office.publish(ONE)
    for turn in range(15):
        made = await service.create(office.scope, ask())
        await asyncio.sleep(turn * 0.001)
        await office.events.publish(office.scope, "go", {"run": "x", "turn": turn})
        await soon(lambda: not service._roster.held)
        run = await end_of(office, service, made.id)
        assert run.outputs == {"said": {"run": "x", "turn": turn}}


async def test_many_events_at_once_answer_many_runs_once_each(office: Office) -> None:
    office.probe.acts["a"] = waits_for("go")
    service = office.service()
    made = [(await interrupted(office, service))[0].id for _ in range(4)]
    await asyncio.gather(*(office.events.publish(office.scope, "go", {"n": n}) for n in range(4)))
    for run_id in made:
        assert (await end_of(office, service, run_id)).status == "succeeded"


@pytest.mark.parametrize("data", [{"x": "\x00"}, {"x": ["\ud800"]}, {"\x00": 1}, {"x": float("nan")}])
async def test_data_that_cannot_be_searched_is_refused(office: Office, data: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="data holds"):
        await office.events.publish(office.scope, "a.b", data)


async def test_a_wait_that_looks_for_what_cannot_be_compared_fails_with_a_sentence(office: Office) -> None:
    office.probe.acts["a"] = waits_for("go", name="\x00")
    service = office.service()
    await office.publish(ONE)
    made = await service.create(office.scope, ask())
    check_whole(await collect(service, office.scope, made.id))
    run = await service.run(office.scope, made.id)
    assert run.status == "failed"
    assert "cannot be compared" in str(run.error)


async def test_events_are_listed_by_type_page_by_page(office: Office, other_scope: OrgScope) -> None:
    for n in range(3):
        await office.events.publish(office.scope, "a.b", {"n": n})
    await office.events.publish(office.scope, "c", {})
    page = await office.events.events(office.scope, type="a.b", limit=2)
    assert [event.data["n"] for event in page.items] == [2, 1]
    rest = await office.events.events(office.scope, type="a.b", limit=2, cursor=page.next)
    assert ([event.data["n"] for event in rest.items], rest.next) == ([0], None)
    assert (await office.events.events(other_scope)).items == []
    with pytest.raises(InvalidInput):
        await office.events.events(office.scope, cursor="x")
