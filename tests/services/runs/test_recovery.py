"""Crashes, hand-overs and two holders of one run: nothing is lost, nothing is written twice, and everything ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError
from tests.engine.plans import fork, node, plan
from tests.services.runs.office import PATIENT, Office, ask, check_whole, collect, ended, soon, speak

from girih.db.base import new_id
from girih.db.direct import DirectPool
from girih.db.tenancy import OrgScope
from girih.engine.events import NewEvent
from girih.errors import LeaseLost, Unavailable
from girih.services.runs.checkpoint_store import SqlCheckpointStore
from girih.services.runs.crash import CrashPoints
from girih.services.runs.feed import Feed
from girih.services.runs.journal import Journal
from girih.services.runs.repository import MAX_CRASHES, Claim
from girih.services.runs.watch import Watch

LINE = plan(node("a", "b"), node("b", "c"), node("c", "$end"), outputs={"all": "${ a.value + b.value + c.value }"})


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


async def test_a_run_goes_on_where_its_process_vanished(office: Office) -> None:
    office.probe.acts["a"] = speak(2, usage={"input_tokens": 5, "output_tokens": 7})
    office.probe.acts["b"] = stuck_once()
    office.probe.acts["c"] = speak(2, usage={"input_tokens": 1, "output_tokens": 2})
    await office.publish(LINE)
    first, second = office.service(), office.service()
    made = await first.create(office.scope, ask())
    reader = asyncio.create_task(collect(second, office.scope, made.id))
    await soon(lambda: "b" in office.probe.ran)
    await asyncio.sleep(0.05)
    await office.lose(first, made.id)
    await second._reconciler.look()
    events = await reader
    check_whole(events)
    assert office.probe.ran == ["a", "b", "b", "c"]
    finished = [event.event.node for event in events if event.event.type == "node.finished"]
    assert finished == ["a", "b", "c"]
    assert [e.event.type for e in events].count("run.resumed") == 1
    assert [e.attempt for e in events] == sorted(e.attempt for e in events)
    run = await second.run(office.scope, made.id)
    assert (run.status, run.attempt, run.outputs) == ("succeeded", 2, {"all": "aspokenspoken"[1:7] + "bspoken"})
    counts = {"input_tokens": 6, "output_tokens": 9, "cost_usd": 0.0}
    assert run.usage.model_dump() == counts | {"models": {"m": {"calls": 2, "errors": 0} | counts}}


async def test_branches_that_had_finished_do_not_run_again(office: Office) -> None:
    office.probe.acts["slow"] = stuck_once()
    await office.publish(
        plan(
            fork("f", ["fast", "slow"], "z"),
            node("fast", region="fast"),
            node("slow", region="slow"),
            node("z", "$end"),
        )
    )
    first, second = office.service(), office.service()
    made = await first.create(office.scope, ask())
    await soon(lambda: {"fast", "slow"} <= set(office.probe.ran))
    await asyncio.sleep(0.1)
    await office.lose(first, made.id)
    await second._reconciler.look()
    events = await collect(second, office.scope, made.id)
    check_whole(events)
    assert sorted(office.probe.ran) == ["fast", "slow", "slow", "z"]
    assert (await second.run(office.scope, made.id)).status == "succeeded"


async def test_the_fenced_out_holder_changes_nothing(office: Office) -> None:
    """As after a pause beyond the lease: it still believes in itself, and every write of it meets the fence."""
    office.probe.acts["b"] = stuck_once()
    await office.publish(LINE)
    first, second = office.service(), office.service()
    made = await first.create(office.scope, ask())
    await soon(lambda: "b" in office.probe.ran)
    await asyncio.sleep(0.05)
    await office.let_lease_run_out(made.id)
    await second._reconciler.look()
    done = await ended(second, office.scope, made.id)
    before = await office.sql(SNAPSHOT, id=UUID(made.id))
    old = first._roster.find(UUID(made.id))
    assert old is not None
    assert old.task is not None
    journal = Journal(
        office.direct, Feed(office.scope, UUID(made.id), 99), old.claim, lambda: None, Watch().of(old.claim)
    )
    store = SqlCheckpointStore(office.uow, journal, office.scope, UUID(made.id), CrashPoints())
    for write in (
        store.put("", "zzz", None, b"x", b"y", [("c", "1", "t", b"d")]),
        store.put_writes("", "zzz", "task", "", [(0, "c", "t", b"d")]),
        journal.write("append_run_events", last=NewEvent("message.delta", {}, datetime.now(UTC))),
        journal.write("finish_run", "failed", None, None, "{}"),
    ):
        journal.fault = None
        with pytest.raises(LeaseLost):
            await write
    assert await office.sql(SNAPSHOT, id=UUID(made.id)) == before
    assert done.status == "succeeded"
    await first._reconciler._renew()
    await soon(lambda: first._roster.free == 64)
    assert await office.sql(SNAPSHOT, id=UUID(made.id)) == before


SNAPSHOT = """
    SELECT r.status, r.fence, r.attempt, r.finished_at, r.outputs::text,
      (SELECT array_agg(e.seq || e.type ORDER BY e.seq) FROM run_events e WHERE e.run_id = r.id),
      (SELECT array_agg(c.checkpoint_id ORDER BY 1) FROM run_checkpoints c WHERE c.run_id = r.id),
      (SELECT count(*) FROM run_checkpoint_blobs b WHERE b.run_id = r.id),
      (SELECT count(*) FROM run_checkpoint_writes w WHERE w.run_id = r.id)
    FROM runs r WHERE r.id = :id
"""


async def test_of_many_processes_one_takes_a_due_run(office: Office) -> None:
    await office.publish(LINE)
    accepting = office.service(slots=1)
    accepting._roster.reserve()
    made = await accepting.create(office.scope, ask())
    places = [office.service() for _ in range(6)]
    await asyncio.gather(*(place._reconciler.look() for place in places))
    events = await collect(places[0], office.scope, made.id)
    check_whole(events)
    assert events[0].event.type == "run.started"
    assert office.probe.ran == ["a", "b", "c"]


async def test_a_run_that_kills_its_process_each_time_is_given_up(office: Office) -> None:
    office.probe.acts["b"] = lambda ctx, values: asyncio.sleep(60)
    await office.publish(LINE)
    service = office.service()
    made = await service.create(office.scope, ask())
    for attempt in range(1, MAX_CRASHES + 1):
        await soon(lambda n=attempt: office.probe.ran.count("b") == n)
        await asyncio.sleep(0.03)
        await office.lose(service, made.id)
        service = office.service()
        await service._reconciler.look()
    events = await collect(service, office.scope, made.id)
    check_whole(events)
    run = await service.run(office.scope, made.id)
    assert (run.status, run.attempt) == ("failed", MAX_CRASHES)
    assert run.error is not None
    assert "given up" in run.error["message"]
    assert events[-1].event.data["error"] == run.error


async def test_stopping_hands_runs_on_at_once_and_that_is_no_crash(office: Office) -> None:
    office.probe.acts["b"] = stuck_once()
    await office.publish(LINE)
    first = office.service()
    made = await first.create(office.scope, ask())
    await soon(lambda: "b" in office.probe.ran)
    await first.stop()
    (row,) = await office.sql("SELECT status, crashes, worker, lease_until <= now() AS due FROM runs")
    assert tuple(row) == ("running", 0, None, True)
    second = office.service()
    await second._reconciler.look()
    events = await collect(second, office.scope, made.id)
    check_whole(events)
    assert ((await second.run(office.scope, made.id)).status, office.probe.ran) == ("succeeded", ["a", "b", "b", "c"])
    assert tuple((await office.sql("SELECT crashes FROM runs"))[0]) == (0,)


async def test_stopping_lets_short_runs_end(office: Office) -> None:
    office.probe.acts["b"] = lambda ctx, values: asyncio.sleep(0.2)
    await office.publish(LINE)
    service = office.service(grace=10.0)
    await service.start()
    made = await service.create(office.scope, ask())
    await service.stop()
    run = await office.service().run(office.scope, made.id)
    assert (run.status, run.attempt) == ("succeeded", 1)
    late = await service.create(office.scope, ask())
    assert late.status == "queued"


async def test_cancelling_what_nobody_works_on_ends_it(office: Office) -> None:
    office.probe.acts["b"] = stuck_once()
    await office.publish(LINE)
    first, second = office.service(), office.service()
    made = await first.create(office.scope, ask())
    await soon(lambda: "b" in office.probe.ran)
    await asyncio.sleep(0.05)
    await office.lose(first, made.id)
    assert (await second.cancel(office.scope, made.id)).status == "cancelled"
    check_whole(await collect(second, office.scope, made.id))


async def test_leases_are_renewed_and_a_lost_one_stops_the_run(office: Office) -> None:
    office.probe.acts["b"] = stuck_once()
    await office.publish(LINE)
    service = office.service()
    made = await service.create(office.scope, ask())
    await soon(lambda: "b" in office.probe.ran)
    lease = "SELECT extract(epoch FROM lease_until - now())::float FROM runs"
    await office.sql("UPDATE runs SET lease_until = now() + interval '1 second'")
    await service._reconciler._renew()
    assert 25 < (await office.sql(lease))[0][0] <= PATIENT.lease
    await office.sql("UPDATE runs SET fence = fence + 1")
    await service._reconciler._renew()
    await soon(lambda: service._roster.free == 64)
    assert (await service.run(office.scope, made.id)).status == "running"


async def test_the_background_serves_organizations_in_turns(office: Office, other_scope: OrgScope) -> None:
    from girih.services.runs import repository

    await office.publish(LINE)
    neighbour = Office(office.uow, other_scope, office.direct)
    await neighbour.publish(LINE)
    closed, closed_too = office.service(slots=1), neighbour.service(slots=1)
    closed._roster.reserve()
    closed_too._roster.reserve()
    mine = [(await closed.create(office.scope, ask())).id for _ in range(5)]
    theirs = (await closed_too.create(other_scope, ask())).id
    async with office.uow.reading_for("reconcile") as work:
        due = [str(one.run_id) for one in await repository.due_runs(work, limit=2)]
    assert due == [mine[0], theirs]
    await neighbour.close()


class Flaky(DirectPool):
    """The database goes away while an answer is on its way, again and again."""

    lost = 0

    async def call(self, scope: OrgScope, function: str, *arguments: object) -> Any:
        answer = await super().call(scope, function, *arguments)
        self.lost += 1
        if function != "open_run" and self.lost % 2 == 0:
            raise Unavailable("the answer was lost")
        return answer


async def test_lost_answers_of_the_database_leave_no_gap_and_no_double(office: Office, database_url: str) -> None:
    office.probe.acts["a"] = speak(30, pause=0.003)
    await office.publish(LINE)
    pool = Flaky(database_url, size=2)
    service = office.service(pool=pool)
    made = await service.create(office.scope, ask())
    check_whole(await collect(office.service(), office.scope, made.id))
    assert pool.lost > 4
    assert (await service.run(office.scope, made.id)).status == "succeeded"
    assert office.probe.ran == ["a", "b", "c"]
    await soon(lambda: service._roster.free == 64)
    await pool.close()


@pytest.mark.parametrize(
    "change", ["status = 'running', lease_until = now(), finished_at = NULL", "error = '{}'", "fence = 7"]
)
async def test_a_run_that_ended_never_changes(office: Office, change: str) -> None:
    await office.publish(LINE)
    service = office.service()
    made = await service.create(office.scope, ask())
    await collect(service, office.scope, made.id)
    with pytest.raises(DBAPIError, match="never change"):
        await office.sql(f"UPDATE runs SET {change}")


async def test_recorded_events_never_change(office: Office) -> None:
    await office.publish(LINE)
    service = office.service()
    made = await service.create(office.scope, ask())
    await collect(service, office.scope, made.id)
    with pytest.raises(DBAPIError, match="permission denied"):
        await office.sql("UPDATE run_events SET type = 'x'")


async def test_events_of_a_foreign_run_cannot_be_written(office: Office, other_scope: OrgScope) -> None:
    office.probe.acts["b"] = stuck_once()
    await office.publish(LINE)
    service = office.service()
    made = await service.create(office.scope, ask())
    await soon(lambda: "b" in office.probe.ran)
    claim = Claim(other_scope, UUID(made.id), 1, 1, "test", "1.0.0", "", {}, datetime.now(UTC))
    journal = Journal(office.direct, Feed(other_scope, claim.run_id, 50), claim, lambda: None, Watch().of(claim))
    with pytest.raises(LeaseLost):
        await journal.write("append_run_events", last=NewEvent("run.failed", {}, datetime.now(UTC)))
    assert new_id() != claim.run_id
