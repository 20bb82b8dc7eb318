"""Reminders: one event for each open question once part of its time is over, in whatever process, and never after."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from tests.services.runs.office import Office
from tests.services.runs.test_pauses import FORM, asks, interrupted

from girih.errors import Unavailable
from girih.language.nodes.pausing import PauseRequest
from girih.services.events.schemas import EventOut
from girih.services.runs import pause_repository
from girih.services.runs.reminders import REMINDER
from girih.services.runs.schemas import ResumeIn

HOUR = PauseRequest("ask", "Sure?", FORM, {}, 3600)


async def reminders(office: Office) -> list[EventOut]:
    return (await office.events.events(office.scope, type=REMINDER)).items


async def pass_time(office: Office, run_id: str, minutes: int) -> None:
    """As if the question had been asked so much earlier."""
    await office.sql(
        "UPDATE run_pauses SET opened_at = opened_at - :ago * interval '1 minute',"
        " expires_at = expires_at - :ago * interval '1 minute' WHERE run_id = :id",
        ago=minutes, id=UUID(run_id),
    )  # fmt: skip


async def test_each_question_is_reminded_of_once_however_many_processes_look(office: Office) -> None:
    office.probe.acts["a"] = asks(HOUR)
    services = [office.service() for _ in range(4)]
    made, (question,) = await interrupted(office, services[0])
    await pass_time(office, made.id, 29)
    await services[0]._reconciler.look()
    assert await reminders(office) == []
    await pass_time(office, made.id, 2)
    await asyncio.gather(*(service._deadlines.remind() for service in services))
    (event,) = await reminders(office)
    (question,) = (await services[0].interrupts.of_run(office.scope, UUID(made.id))).items
    assert question.expires_at is not None
    assert event.data == {
        "interrupt_id": question.id,
        "run_id": made.id,
        "agent": "test",
        "node": "a",
        "kind": "ask",
        "message": "Sure?",
        "expires_at": question.expires_at.isoformat(),
    }
    assert event.source == f"run:{made.id}"
    await pass_time(office, made.id, 10)
    await asyncio.gather(*(service._deadlines.remind() for service in services))
    assert len(await reminders(office)) == 1
    await services[0].resume(office.scope, UUID(made.id), ResumeIn(answer={"ok": True}))


async def test_a_process_that_vanishes_in_between_makes_no_second_one(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.probe.acts["a"] = asks(HOUR)
    service = office.service()
    made, _ = await interrupted(office, service)
    await pass_time(office, made.id, 40)

    async def vanish(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(pause_repository, "reminded", vanish)
        with pytest.raises(Unavailable):
            await service._deadlines.remind()
    await office.service()._deadlines.remind()
    assert len(await reminders(office)) == 1
    assert await office.sql("SELECT count(*) FROM run_pauses WHERE reminded_at IS NOT NULL") == [(1,)]


@pytest.mark.parametrize("seconds", [None, 3600])
async def test_nobody_is_reminded_of_what_has_no_end_or_is_answered_or_over(
    office: Office, seconds: float | None
) -> None:
    office.probe.acts["a"] = asks(PauseRequest("ask", "Sure?", FORM, {}, seconds))
    service = office.service()
    made, _ = await interrupted(office, service)
    if seconds is not None:
        await pass_time(office, made.id, 61)
        await service._deadlines.remind()
        await pass_time(office, made.id, -20)
        await service.resume(office.scope, UUID(made.id), ResumeIn(answer={"ok": True}))
    await service._deadlines.remind()
    assert await reminders(office) == []


async def test_the_share_is_the_operators_choice(office: Office) -> None:
    office.probe.acts["a"] = asks(HOUR)
    never, late = office.service(remind_after=0.0), office.service(remind_after=0.9)
    made, _ = await interrupted(office, never)
    await pass_time(office, made.id, 50)
    for service in (never, late):
        await service._deadlines.remind()
    assert await reminders(office) == []
    await pass_time(office, made.id, 5)
    await never._deadlines.remind()
    assert await reminders(office) == []
    await late._deadlines.remind()
    assert len(await reminders(office)) == 1
