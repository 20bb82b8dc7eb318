"""Schedules: cron in time zones, every moment once, whatever is missed or under way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from tests.engine.plans import node, plan
from tests.services.runs.conftest import direct, office  # noqa: F401 - fixtures
from tests.services.runs.office import Office, ended

from girih.db.tenancy import OrgScope
from girih.errors import Conflict, InvalidInput, NotFound
from girih.services.runs.schemas import RunIn
from girih.services.schedules.cron import moments, next_moment
from girih.services.schedules.schemas import ScheduleChange, ScheduleIn
from girih.services.schedules.service import ScheduleService

ONE = plan(node("a", "$end"))
COUNTED = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_daily_time_keeps_to_the_wall_clock_and_is_never_lost_or_doubled() -> None:
    # The clock goes from 2:00 to 3:00 on 29 March 2026 in Berlin, and from 3:00 back to 2:00 on 25 October.
    spring = moments("30 2 * * *", "Europe/Berlin", utc("2026-03-27T12:00"), 3)
    assert spring == [utc("2026-03-28T01:30"), utc("2026-03-29T01:00"), utc("2026-03-30T00:30")]
    autumn = moments("30 2 * * *", "Europe/Berlin", utc("2026-10-24T12:00"), 2)
    assert autumn == [utc("2026-10-25T00:30"), utc("2026-10-26T01:30")]
    hourly = moments("0 * * * *", "Europe/Berlin", utc("2026-10-24T23:30"), 4)
    assert [b - a for a, b in pairwise(hourly)] == [timedelta(hours=1)] * 3


@pytest.mark.parametrize("cron", ["", "x", "* * * *", "* * * * * *", "61 * * * *", "0 0 30 2 *", "@daily"])
def test_what_never_comes_true_is_refused(cron: str) -> None:
    with pytest.raises(InvalidInput):
        next_moment(cron, "UTC", utc("2026-01-01T00:00"))


def test_a_time_zone_that_is_not_there_is_refused() -> None:
    for name in ("Mars/Olympus", "../etc/passwd", "", "\x00"):
        with pytest.raises(InvalidInput, match="no time zone"):
            next_moment("0 * * * *", name, utc("2026-01-01T00:00"))


def nightly(**more: Any) -> ScheduleIn:
    return ScheduleIn(**{"name": "nightly", "cron": "0 * * * *", "run": RunIn(agent="test")} | more)


async def due_since(office: Office, number: str, ago: timedelta) -> None:  # noqa: F811
    moment = (datetime.now(UTC) - ago).replace(minute=0, second=0, microsecond=0)
    await office.sql("UPDATE schedules SET next_at = :at WHERE id = :id", at=moment, id=UUID(number))


async def test_what_no_run_could_be_made_of_is_refused_before_there_is_a_schedule(office: Office) -> None:  # noqa: F811
    await office.publish(ONE.model_copy(update={"inputs": COUNTED}))
    schedules = ScheduleService(office.uow, office.service())
    unfit = RunIn(agent="test", inputs={"n": "x"})
    with pytest.raises(InvalidInput, match="n: must be a whole number"):
        await schedules.create(office.scope, nightly(run=unfit))
    with pytest.raises(NotFound, match="no agent `absent`"):
        await schedules.create(office.scope, nightly(run=RunIn(agent="absent")))
    assert await office.sql("SELECT id FROM schedules") == []
    made = await schedules.create(office.scope, nightly(run=RunIn(agent="test", inputs={"n": 1})))
    with pytest.raises(InvalidInput, match="n: must be a whole number"):
        await schedules.change(office.scope, UUID(made.id), ScheduleChange(run=unfit))
    changed = await schedules.change(office.scope, UUID(made.id), ScheduleChange(cron="5 * * * *"))
    assert (changed.run.inputs, changed.cron) == ({"n": 1}, "5 * * * *")


async def test_two_schedulers_fire_a_moment_once(office: Office) -> None:  # noqa: F811
    await office.publish(ONE)
    runs = [office.service(), office.service()]
    schedulers = [ScheduleService(office.uow, one) for one in runs]
    made = await schedulers[0].create(office.scope, nightly())
    for _ in range(5):
        await office.sql("DELETE FROM schedule_firings")
        await due_since(office, made.id, timedelta(0))
        before = len((await runs[0].runs(office.scope)).items)
        await asyncio.gather(*(one.fire_due() for one in schedulers * 4))
        found = (await runs[0].runs(office.scope)).items
        assert len(found) <= before + 1
        await ended(runs[0], office.scope, found[0].id)
    firings = (await schedulers[0].history(office.scope, UUID(made.id))).items
    assert [(one.outcome, one.run_id) for one in firings] == [("started", found[0].id)]
    assert len(found) == 1  # the same moment five times over: its run has the moment's key
    row = await schedulers[0].schedule(office.scope, UUID(made.id))
    assert row.next_at is not None
    assert row.next_at > datetime.now(UTC)


@pytest.mark.parametrize(("policy", "expected"), [("none", {0, 1}), ("last", {1}), ("all", {4})])
async def test_what_was_missed_is_made_up_for_as_was_asked(
    office: Office,  # noqa: F811
    policy: str,
    expected: set[int],
) -> None:
    await office.publish(ONE)
    service = office.service()
    scheduler = ScheduleService(office.uow, service)
    made = await scheduler.create(office.scope, nightly(catch_up=policy, overlap="allow"))
    await due_since(office, made.id, timedelta(hours=3))
    await scheduler.fire_due()
    await scheduler.fire_due()
    assert len((await service.runs(office.scope)).items) in expected
    row = await scheduler.schedule(office.scope, UUID(made.id))
    assert row.next_at is not None
    assert row.next_at > datetime.now(UTC)


async def test_a_moment_whose_process_vanished_is_fired_by_another(office: Office) -> None:  # noqa: F811
    await office.publish(ONE)
    service = office.service()
    scheduler = ScheduleService(office.uow, service)
    made = await scheduler.create(office.scope, nightly())
    await due_since(office, made.id, timedelta(0))
    ((moment,),) = await office.sql("SELECT next_at FROM schedules")
    await office.sql(
        "INSERT INTO schedule_firings (org_id, schedule_id, due_at, held_until) VALUES (:org, :id, :at, now() + '1 h')",
        org=office.scope.org_id, id=UUID(made.id), at=moment,
    )  # fmt: skip
    await scheduler.fire_due()
    assert (await service.runs(office.scope)).items == []
    await office.sql("UPDATE schedule_firings SET held_until = now() - interval '1 second'")
    await scheduler.fire_due()
    assert len((await service.runs(office.scope)).items) == 1


async def test_a_moment_is_skipped_while_the_run_before_is_under_way(office: Office) -> None:  # noqa: F811
    await office.publish(ONE)
    service, gate = office.service(), asyncio.Event()

    async def wait(ctx: Any, values: Any) -> Any:
        await gate.wait()
        return {"value": 1}

    office.probe.act = wait
    scheduler = ScheduleService(office.uow, service)
    made = await scheduler.create(office.scope, nightly())
    number = UUID(made.id)
    await due_since(office, made.id, timedelta(hours=1))
    await scheduler.fire_due()
    first = (await service.runs(office.scope)).items
    await office.sql("UPDATE schedules SET next_at = next_at - interval '30 minutes'")
    await due_since(office, made.id, timedelta(0))
    await office.sql("UPDATE schedules SET next_at = next_at + interval '1 second'")
    await scheduler.fire_due()
    outcomes = [one.outcome for one in (await scheduler.history(office.scope, number)).items]
    assert outcomes == ["skipped", "started"]
    gate.set()
    await ended(service, office.scope, first[0].id)
    again = await scheduler.run_now(office.scope, number)
    await ended(service, office.scope, again.id)
    assert [one.manual for one in (await scheduler.history(office.scope, number)).items] == [True, False, False]


async def test_a_schedule_is_paused_changed_and_deleted(office: Office, other_scope: OrgScope) -> None:  # noqa: F811
    await office.publish(ONE)
    await office.publish(ONE.model_copy(update={"digest": "other"}), "other")
    scheduler = ScheduleService(office.uow, office.service())
    made = await scheduler.create(office.scope, nightly())
    number = UUID(made.id)
    with pytest.raises(Conflict):
        await scheduler.create(office.scope, nightly())
    assert (await scheduler.enable(office.scope, number, enabled=False)).next_at is None
    await scheduler.fire_due()
    assert (await scheduler.enable(office.scope, number, enabled=True)).next_at is not None
    changed = await scheduler.change(
        office.scope, number, ScheduleChange(cron="5 4 * * *", run=RunIn(agent="other"), timezone="Asia/Tehran")
    )
    assert (changed.run.agent, changed.cron, changed.timezone) == ("other", "5 4 * * *", "Asia/Tehran")
    with pytest.raises(NotFound):
        await scheduler.schedule(other_scope, number)
    await due_since(office, made.id, timedelta(0))
    del office.agents.by_name["other"]
    await office.sql("DELETE FROM agent_aliases a USING agents b WHERE b.id = a.agent_id AND b.name = 'other'")
    await scheduler.fire_due()  # `other` is not there any more
    (firing,) = (await scheduler.history(office.scope, number)).items
    assert (firing.outcome, firing.run_id) == ("failed", None)
    assert "other" in (firing.error or "")
    await scheduler.delete(office.scope, number)
    assert (await scheduler.schedules(office.scope)).items == []


async def test_a_schedule_ends(office: Office) -> None:  # noqa: F811
    await office.publish(ONE)
    service = office.service()
    scheduler = ScheduleService(office.uow, service)
    with pytest.raises(InvalidInput, match="end before its first moment"):
        await scheduler.create(office.scope, nightly(end_at=datetime.now(UTC)))
    made = await scheduler.create(office.scope, nightly(end_at=datetime.now(UTC) + timedelta(hours=2)))
    assert made.next_at is not None
    over = datetime.now(UTC) - timedelta(minutes=1)
    # A moment before the end is still fired; then there is no next one.
    await office.sql("UPDATE schedules SET next_at = :at, end_at = :over", at=over - timedelta(hours=1), over=over)
    await scheduler.fire_due()
    assert (await scheduler.schedule(office.scope, UUID(made.id))).next_at is None
    assert len((await service.runs(office.scope)).items) == 1
    again = await scheduler.change(office.scope, UUID(made.id), ScheduleChange(end_at=None))
    assert again.next_at is not None
    await service.stop()


async def test_each_run_has_a_thread_of_its_own(office: Office) -> None:  # noqa: F811
    await office.publish(ONE)
    service = office.service()
    scheduler = ScheduleService(office.uow, service)
    with pytest.raises(ValueError, match="threads of their own"):
        nightly(new_threads=True, run=RunIn(agent="test", thread_id=UUID(int=1)))
    made = await scheduler.create(office.scope, nightly(new_threads=True, overlap="allow", catch_up="all"))
    await due_since(office, made.id, timedelta(hours=2))
    await asyncio.gather(*(scheduler.fire_due() for _ in range(4)))
    runs = (await service.runs(office.scope)).items
    assert len(runs) == len({run.thread_id for run in runs}) == 3
    assert None not in {run.thread_id for run in runs}
    await service.stop()
