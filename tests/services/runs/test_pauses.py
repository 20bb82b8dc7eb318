"""Runs that wait for people: asked, answered once, resumed by any process, on the real engine and the real database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import DBAPIError
from tests.engine.plans import fork, node, plan
from tests.services.runs.office import Office, ask, check_whole, collect, soon

from girih.db.tenancy import OrgScope
from girih.engine.events import RunEvent
from girih.errors import Conflict, InvalidInput, NotFound
from girih.language.nodes.base import object_of
from girih.language.nodes.pausing import PauseRequest, Reply
from girih.language.nodes.ports import NodeContext
from girih.services.runs.schemas import InterruptOut, ResumeIn, RunIn, RunOut
from girih.services.runs.service import RunService

FORM = {
    **object_of({"ok": {"type": "boolean"}, "why": {"type": "string", "default": "no reason"}}, optional=["why"]),
}
ONE = plan(node("a", "b"), node("b", "$end"), outputs={"said": "${ a.value }"})
TWO = plan(
    fork("f", ["a", "b"], "c"),
    node("a", region="a").model_copy(update={"fork": "f"}),
    node("b", region="b").model_copy(update={"fork": "f"}),
    node("c", "$end"),
)


def asks(request: PauseRequest | None = None) -> Callable[[NodeContext, Any], Any]:
    """What a probe does that asks and gives the reply's value."""

    async def act(ctx: NodeContext, values: Any) -> Any:
        reply: Reply = await ctx.pause("q", request or PauseRequest("ask", "Sure?", FORM))
        return {"value": reply.value if reply.status == "answered" else "nobody"}

    return act


async def waits(service: RunService, scope: OrgScope, run_id: str) -> list[InterruptOut]:
    """What is open once the run waits."""
    async with asyncio.timeout(10):
        while (await service.run(scope, run_id)).status in ("queued", "running"):
            await asyncio.sleep(0.01)
    return [one for one in (await service.interrupts.of_run(scope, UUID(run_id))).items if one.state == "open"]


async def interrupted(office: Office, service: RunService, plan: Any = ONE, **body: Any) -> tuple[RunOut, list[Any]]:
    if not office.agents.by_name:
        await office.publish(plan)
    made = await service.create(office.scope, RunIn(agent="test", **body))
    return made, await waits(service, office.scope, made.id)


def types(events: list[RunEvent]) -> list[str]:
    return [event.event.type for event in events]


async def test_a_run_waits_as_a_row_and_goes_on_in_another_process(office: Office) -> None:
    office.probe.acts["a"] = asks(PauseRequest("ask", "Sure, Ada?", FORM, {"to": ["finance"]}, 3600))
    first, second = office.service(), office.service()
    made, (question,) = await interrupted(office, first)
    (row,) = await office.sql("SELECT status, lease_until, worker, crashes FROM runs WHERE id = :id", id=UUID(made.id))
    assert tuple(row) == ("interrupted", None, None, 0)
    assert first._roster.free == 64
    assert (question.kind, question.node, question.message, question.form) == ("ask", "a", "Sure, Ada?", FORM)
    assert question.details == {"to": ["finance"]}
    assert question.expires_at is not None
    assert timedelta(minutes=59) < question.expires_at - datetime.now(UTC) <= timedelta(hours=1)
    answered = await second.resume(office.scope, made.id, ResumeIn(answer={"ok": True}))
    assert answered.status == "queued"
    await second._reconciler.look()
    events = await collect(second, office.scope, made.id)
    check_whole(events)
    (asked,) = [event for event in events if event.event.type == "run.interrupted"]
    (shown,) = asked.event.data["interrupts"]
    assert shown | {"expires_at": ""} == {
        "id": question.id, "node": "a", "kind": "ask", "message": "Sure, Ada?", "schema": FORM,
        "details": {"to": ["finance"]}, "expires_at": "",
    }  # fmt: skip
    (resumed,) = [event for event in events if event.event.type == "run.resumed"]
    said = {"ok": True, "why": "no reason"}
    assert resumed.event.data == {"attempt": 2, "answers": {question.id: said}}
    run = await second.run(office.scope, made.id)
    assert (run.status, run.attempt, run.outputs) == ("succeeded", 2, {"said": said})
    (after,) = (await second.interrupts.of_run(office.scope, UUID(made.id))).items
    assert (after.state, after.answer, after.answered_by) == ("answered", said, "test")


async def test_an_answer_that_does_not_fit_is_told_each_fault_and_changes_nothing(office: Office) -> None:
    office.probe.acts["a"] = asks()
    service = office.service()
    made, (question,) = await interrupted(office, service)
    with pytest.raises(InvalidInput) as caught:
        await service.resume(office.scope, made.id, ResumeIn(answer={"ok": "maybe", "more": 1}))
    faults = caught.value.details["faults"]
    assert isinstance(faults, list)
    assert {fault["path"] for fault in faults} == {"answer", "answer.ok"}
    with pytest.raises(InvalidInput):
        await service.interrupts.answer(office.scope, UUID(question.id), "yes")
    assert [one.state for one in await waits(service, office.scope, made.id)] == ["open"]


async def test_several_answers_are_taken_all_or_none_and_one_by_one(office: Office) -> None:
    office.probe.acts |= {"a": asks(), "b": asks()}
    service = office.service()
    made, questions = await interrupted(office, service, TWO)
    one, other = sorted(questions, key=lambda question: question.node)
    assert (one.node, other.node) == ("a", "b")
    with pytest.raises(InvalidInput, match="2 questions are open"):
        await service.resume(office.scope, made.id, ResumeIn(answer={"ok": True}))
    with pytest.raises(InvalidInput) as caught:
        answers = {one.id: {"ok": True}, other.id: {"ok": 1}}
        await service.resume(office.scope, made.id, ResumeIn(answers=answers))
    assert f"answers.{other.id}.ok" in caught.value.message
    assert len(await waits(service, office.scope, made.id)) == 2
    await service.resume(office.scope, made.id, ResumeIn(answers={one.id: {"ok": True}}))
    await service._reconciler.look()
    left = await waits(service, office.scope, made.id)
    assert [question.id for question in left] == [other.id]
    assert left[0].opened_at == other.opened_at
    await service.resume(office.scope, made.id, ResumeIn(answer={"ok": False}))
    await service._reconciler.look()
    events = await collect(service, office.scope, made.id)
    check_whole(events)
    assert types(events).count("run.interrupted") == 2
    assert office.probe.ran[-1] == "c"
    news = [event.event.data for event in events if event.event.type == "run.resumed"]
    assert [list(told["answers"]) for told in news] == [[one.id], [other.id]]


async def test_an_answer_that_comes_while_the_run_runs_is_not_lost(office: Office) -> None:
    gate = asyncio.Event()

    async def slow(ctx: NodeContext, values: Any) -> Any:
        await ctx.pause("q", PauseRequest("ask", "Sure?", FORM))
        await gate.wait()
        return {"value": 1}

    office.probe.acts |= {"a": slow, "b": asks()}
    service = office.service()
    made, questions = await interrupted(office, service, TWO)
    one, other = sorted(questions, key=lambda question: question.node)
    await service.resume(office.scope, made.id, ResumeIn(answers={one.id: {"ok": True}}))
    await service._reconciler.look()
    await soon(lambda: office.probe.ran.count("a") == 2)
    run = await service.resume(office.scope, made.id, ResumeIn(answers={other.id: {"ok": True}}))
    assert run.status == "running"
    gate.set()
    await soon(lambda: service._roster.find(UUID(made.id)) is None)
    assert (await service.run(office.scope, made.id)).status == "queued"
    await service._reconciler.look()
    check_whole(await collect(service, office.scope, made.id))
    assert (await service.run(office.scope, made.id)).status == "succeeded"


async def test_an_answer_counts_once_and_foreign_questions_are_not_there(office: Office, other_scope: OrgScope) -> None:
    office.probe.acts["a"] = asks()
    service = office.service()
    made, (question,) = await interrupted(office, service)
    said: list[Any] = await asyncio.gather(
        *(service.interrupts.answer(office.scope, UUID(question.id), {"ok": bool(n % 2)}) for n in range(8)),
        return_exceptions=True,
    )
    (won,) = [one for one in said if isinstance(one, InterruptOut)]
    assert all(isinstance(one, Conflict) for one in said if one is not won)
    with pytest.raises(Conflict, match="answered already"):
        await service.resume(office.scope, made.id, ResumeIn(answers={question.id: {"ok": True}}))
    words = set()
    for scope, pause in ((other_scope, UUID(question.id)), (office.scope, uuid4()), (other_scope, uuid4())):
        with pytest.raises(NotFound) as caught:
            await service.interrupts.answer(scope, pause, {"ok": True})
        words.add(caught.value.message.replace(str(pause), "·"))
    assert len(words) == 1
    with pytest.raises(NotFound):
        await service.resume(other_scope, made.id, ResumeIn(answers={question.id: {"ok": True}}))
    with pytest.raises(NotFound):
        await service.resume(office.scope, made.id, ResumeIn(answers={"nonsense": 1}))
    assert (await service.interrupts.listed(other_scope)).items == []


async def test_a_run_that_ended_takes_no_answer_and_asks_nothing_any_more(office: Office) -> None:
    office.probe.acts["a"] = asks()
    service = office.service()
    made, (question,) = await interrupted(office, service)
    assert (await service.cancel(office.scope, made.id)).status == "cancelled"
    events = await collect(service, office.scope, made.id)
    check_whole(events)
    (after,) = (await service.interrupts.of_run(office.scope, UUID(made.id))).items
    assert after.state == "dropped"
    for work in (
        service.resume(office.scope, made.id, ResumeIn(answer={"ok": True})),
        service.interrupts.answer(office.scope, UUID(question.id), {"ok": True}),
    ):
        with pytest.raises(Conflict):
            await work


async def test_a_stop_that_comes_while_the_run_begins_to_wait_stops_it(office: Office) -> None:
    held: list[str] = []

    async def act(ctx: NodeContext, values: Any) -> Any:
        await office.sql("UPDATE runs SET cancel_requested = true WHERE id = :id", id=UUID(ctx.run_id))
        held.append(ctx.run_id)
        await ctx.pause("q", PauseRequest("ask", "Sure?", FORM))

    office.probe.acts["a"] = act
    service = office.service()
    await office.publish(ONE)
    made = await service.create(office.scope, ask())
    events = await collect(service, office.scope, made.id)
    check_whole(events)
    assert types(events)[-1] == "run.cancelled"
    assert "run.interrupted" not in types(events)


async def test_lists_show_what_is_open_in_the_project_or_the_organization(office: Office) -> None:
    office.probe.acts["a"] = asks()
    service = office.service()
    made = [(await interrupted(office, service))[0].id for _ in range(3)]
    first = await service.interrupts.listed(office.scope, limit=2)
    assert [one.run_id for one in first.items] == made[:2]
    rest = await service.interrupts.listed(office.scope, limit=2, cursor=first.next)
    assert ([one.run_id for one in rest.items], rest.next) == (made[2:], None)
    elsewhere = OrgScope(office.scope.org_id, uuid4())
    assert (await service.interrupts.listed(elsewhere)).items == []
    assert len((await service.interrupts.listed(elsewhere, everywhere=True)).items) == 3
    for filters, count in (({"agent": "test"}, 3), ({"agent": "x"}, 0), ({"node": "a"}, 3), ({"kind": "timer"}, 0)):
        assert len((await service.interrupts.listed(office.scope, **filters)).items) == count  # type: ignore[arg-type]
    for cursor in ("nonsense", "2020-01-01T00:00:00_" + str(uuid4()), "x_y"):
        with pytest.raises(InvalidInput):
            await service.interrupts.listed(office.scope, cursor=cursor)


async def test_the_users_name_and_the_answers_reach_the_run(office: Office) -> None:
    office.probe.acts["a"] = lambda ctx, values: {"value": ctx.user}
    await office.publish(ONE)
    service = office.service()
    made = await service.create(office.scope, RunIn(agent="test", user="ada", tags=["x", "y"]))
    await collect(service, office.scope, made.id)
    run = await service.run(office.scope, made.id)
    assert (run.outputs, run.user, run.tags) == ({"said": "ada"}, "ada", ["x", "y"])


@pytest.mark.parametrize("broken", ["x\x00y", "\ud800"])
async def test_odd_text_in_a_question_does_not_stop_it(office: Office, broken: str) -> None:
    office.probe.acts["a"] = asks(PauseRequest("ask", broken, FORM, {"note": broken}))
    service = office.service()
    made, (question,) = await interrupted(office, service)
    assert question.details == {"note": broken}
    await service.resume(office.scope, made.id, ResumeIn(answer={"ok": True, "why": broken}))
    await service._reconciler.look()
    await collect(service, office.scope, made.id)
    assert (await service.run(office.scope, made.id)).outputs == {"said": {"ok": True, "why": broken}}


async def test_the_database_itself_refuses_steps_that_are_none(office: Office) -> None:
    office.probe.acts["a"] = asks()
    service = office.service()
    made, _ = await interrupted(office, service)
    for step in ("status = 'succeeded', finished_at = now()", "status = 'running', lease_until = now()"):
        with pytest.raises(DBAPIError, match="never change"):
            await office.sql(f"UPDATE runs SET {step} WHERE id = :id", id=UUID(made.id))
    await service.cancel(office.scope, made.id)
    with pytest.raises(DBAPIError, match="never change"):
        await office.sql("UPDATE runs SET status = 'queued', finished_at = NULL WHERE id = :id", id=UUID(made.id))
