"""Retention: what is past its time goes, in small steps and in one process at a time; what is needed stays."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.engine.plans import fork, node, plan
from tests.services.runs.conftest import direct, office  # noqa: F401 - fixtures
from tests.services.runs.office import Office, ask, collect, ended, soon
from tests.services.runs.test_replay import failing, publish
from tests.services.runs.test_threads import counting, on, thread, total
from tests.services.runs.victim import asking

from girih.db.tenancy import OrgScope
from girih.errors import Conflict, NotFound
from girih.services.retention import repository, sweeper
from girih.services.retention.schemas import KINDS, RetentionIn
from girih.services.retention.service import RetentionService
from girih.services.retention.sweeper import Sweeper
from girih.services.runs import removal_repository
from girih.services.runs.redaction import Redaction
from girih.services.runs.replay_schemas import RetryIn
from girih.services.runs.schemas import ResumeIn, RunIn, RunOut
from girih.services.runs.service import RunService
from girih.services.runs.thread_schemas import ForkIn
from girih.services.runs.traces import Traces
from girih.services.schedules.schemas import ScheduleIn
from girih.services.schedules.service import ScheduleService

LINE = plan(node("a", "b"), node("b", "c"), node("c", "$end"), outputs={"all": "${ a.value + b.value + c.value }"})
FORKED = plan(
    fork("f", ["one", "two"], "z"),
    node("one", "on", region="one"),
    node("on", region="one"),
    node("two", region="two"),
    node("z", "$end"),
)
STORED = ("run_checkpoints", "run_checkpoint_blobs", "run_checkpoint_writes", "run_records")
NEVER = RetentionIn(**dict.fromkeys(KINDS, 0))


def later(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


@pytest.fixture
def retention(office: Office) -> RetentionService:  # noqa: F811
    return RetentionService(office.uow)


@pytest.fixture
def service(office: Office, retention: RetentionService) -> RunService:  # noqa: F811
    return office.service(checkpoints_since=retention.checkpoints_since)


@pytest.fixture
def sweeping(office: Office, retention: RetentionService) -> Sweeper:  # noqa: F811
    return Sweeper(office.uow, retention)


async def stored(office: Office, run_id: str, ns: str | None = None) -> dict[str, int]:  # noqa: F811
    """How many rows there are that a run could be continued from, by table; of all namespaces, or the graph's own."""
    counts = {}
    for table in STORED:
        where = "run_id = :id" + (" AND ns <> ''" if ns == "below" else "")
        ((counts[table],),) = await office.sql(f"SELECT count(*) FROM {table} WHERE {where}", id=UUID(run_id))
    return counts


async def done(office: Office, service: RunService, body: RunIn | None = None) -> RunOut:  # noqa: F811
    made = await service.create(office.scope, body or ask())
    return await ended(service, office.scope, made.id)


async def test_events_go_but_the_last_one_and_a_reader_is_told_of_the_gap(
    office: Office,  # noqa: F811
    service: RunService,
    sweeping: Sweeper,
) -> None:
    await publish(office)
    run = await done(office, service)
    before = await office.recorded(run.id)
    await sweeping.sweep(office.scope, later(89))
    assert await office.recorded(run.id) == before
    gone = await sweeping.sweep(office.scope, later(91))
    assert gone is not None
    assert gone["run_events"] == len(before) - 1
    assert await office.recorded(run.id) == [before[-1]]
    elsewhere = office.service()
    gap, last = await collect(elsewhere, office.scope, run.id, after=2)
    assert (gap.event.type, gap.seq, gap.event.data["from"]) == ("stream.gap", len(before) - 1, 3)
    assert gap.event.data["run"]["outputs"] == run.outputs
    assert (last.seq, last.event.type) == (len(before), "run.finished")
    assert await collect(elsewhere, office.scope, run.id, after=len(before)) == []
    with pytest.raises(NotFound, match="not kept any more"):
        await Traces(office.uow, Redaction("full")).trace(office.scope, UUID(run.id))
    assert await sweeping.sweep(office.scope, later(92)) == {}


async def test_without_checkpoints_a_run_is_neither_retried_nor_forked(
    office: Office,  # noqa: F811
    service: RunService,
    sweeping: Sweeper,
) -> None:
    await publish(office, counting(steps=2))
    here = await thread(service, office.scope)
    office.probe.acts["s1"] = failing
    failed = await done(office, service, on(here))
    place = (await service.replays.checkpoints(office.scope, UUID(failed.id))).items[0].id
    await sweeping.sweep(office.scope, later(29))
    assert (await stored(office, failed.id))["run_checkpoints"] > 0
    del office.probe.acts["s1"]
    again = await service.replays.retry(office.scope, UUID(failed.id), RetryIn())
    assert (await ended(service, office.scope, again.id)).status == "succeeded"
    assert await total(service, office, here) == 2
    await sweeping.sweep(office.scope, later(31))
    assert set((await stored(office, failed.id)).values()) == {0}
    for asked in (RetryIn(), RetryIn(checkpoint_id=place)):
        with pytest.raises(Conflict, match="checkpoints of run .* are not kept any more"):
            await service.replays.retry(office.scope, UUID(failed.id), asked)
    with pytest.raises(Conflict, match="not kept any more"):
        await service.fork_thread(office.scope, here, ForkIn(run_id=UUID(failed.id), checkpoint_id=place))
    assert (await service.replays.checkpoints(office.scope, UUID(failed.id))).items == []
    # The thread needs none of them.
    assert (await done(office, service, on(here))).status == "succeeded"
    assert await total(service, office, here) == 4
    assert len((await service.threads.history(office.scope, here)).items) == 2


async def test_what_is_open_or_waits_is_never_touched(
    office: Office,  # noqa: F811
    service: RunService,
    retention: RetentionService,
    sweeping: Sweeper,
) -> None:
    await publish(office)
    await publish(office, FORKED, "forked")
    await retention.set_retention(office.scope, RetentionIn(**dict.fromkeys(KINDS, 1)))
    office.probe.acts["b"] = asking
    waiting = await service.create(office.scope, ask())
    gate = asyncio.Event()

    async def wait(ctx: Any, values: Any) -> Any:
        await gate.wait()
        return {"value": 1}

    office.probe.acts["two"] = wait
    running = await service.create(office.scope, ask("forked"))
    await soon(lambda: {"on", "two"} <= set(office.probe.ran))
    await asyncio.sleep(0.1)
    while (await service.run(office.scope, waiting.id)).status != "interrupted":
        await asyncio.sleep(0.01)
    before = [await stored(office, run.id) for run in (waiting, running)]
    events = [await office.recorded(run.id) for run in (waiting, running)]
    assert before[0]["run_checkpoints"] > 0
    assert before[1]["run_checkpoints"] > 0
    await sweeping.sweep(office.scope, later(1000))
    assert [await stored(office, run.id) for run in (waiting, running)] == before
    assert [await office.recorded(run.id) for run in (waiting, running)] == events
    gate.set()
    await service.resume(office.scope, UUID(waiting.id), ResumeIn(answer="b"))
    await service._reconciler.look()
    for run in (waiting, running):
        assert (await ended(service, office.scope, run.id)).status == "succeeded"


async def test_a_retry_under_way_needs_nothing_of_the_run_it_continues(
    office: Office,  # noqa: F811
    service: RunService,
    retention: RetentionService,
    sweeping: Sweeper,
) -> None:
    await publish(office)
    await retention.set_retention(office.scope, RetentionIn(runs_days=1))
    office.probe.acts["b"] = failing
    failed = await done(office, service)
    office.probe.acts["b"] = asking
    again = await service.replays.retry(office.scope, UUID(failed.id), RetryIn())
    while (await service.run(office.scope, again.id)).status != "interrupted":
        await asyncio.sleep(0.01)
    gone = await sweeping.sweep(office.scope, later(2))
    assert gone is not None
    assert gone["runs"] == 1
    with pytest.raises(NotFound):
        await service.run(office.scope, failed.id)
    office.probe.ran.clear()
    await service.resume(office.scope, UUID(again.id), ResumeIn(answer="b"))
    await service._reconciler.look()
    run = await ended(service, office.scope, again.id)
    assert (run.status, run.outputs, run.source_run_id) == ("succeeded", {"all": "abc"}, failed.id)
    assert office.probe.ran == ["b", "c"]


async def test_whole_runs_go_in_batches_and_their_thread_stays(
    office: Office,  # noqa: F811
    service: RunService,
    retention: RetentionService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweeper, "RUNS_AT_ONCE", 2)
    await publish(office, counting())
    here = await thread(service, office.scope)
    made = [await done(office, service, on(here)) for _ in range(5)]
    await retention.set_retention(office.scope, RetentionIn(runs_days=10))
    steps: list[tuple[str, int]] = []
    counting_sweeper = Sweeper(office.uow, retention, on_removed=lambda kind, rows: steps.append((kind, rows)))
    assert await counting_sweeper.sweep(office.scope, later(9)) == {}
    steps.clear()
    gone = await counting_sweeper.sweep(office.scope, later(11))
    assert gone == {"runs": 5}
    assert [rows for kind, rows in steps if kind == "runs"] == [2, 2, 1]
    for table in ("runs", "run_events", "run_pauses", *STORED):
        assert await office.sql(f"SELECT count(*) FROM {table}") == [(0,)]
    assert (await service.threads.state(office.scope, here)).state == {"total": 5}
    run = await done(office, service, on(here))
    assert run.id not in {one.id for one in made}
    assert await total(service, office, here) == 6


@pytest.mark.parametrize("days", [{"run_events_days": 1, "checkpoints_days": 1}, {"runs_days": 1}])
async def test_a_run_of_many_rows_goes_in_several_steps(
    office: Office,  # noqa: F811
    service: RunService,
    retention: RetentionService,
    monkeypatch: pytest.MonkeyPatch,
    days: dict[str, float],
) -> None:
    monkeypatch.setattr(removal_repository, "MOST", 4)
    await publish(office)
    made = [await done(office, service) for _ in range(3)]
    await retention.set_retention(office.scope, RetentionIn(**days))
    steps: list[int] = []
    gone = await Sweeper(office.uow, retention, on_removed=lambda _, rows: steps.append(rows)).sweep(
        office.scope, later(2)
    )
    assert gone is not None
    assert max(steps) <= 4 * 4
    left = [await office.recorded(run.id) for run in made]
    assert [len(events) for events in left] == [0 if "runs_days" in days else 1] * 3
    assert await office.sql("SELECT count(*) FROM run_checkpoint_blobs") == [(0,)]
    assert await office.sql("SELECT count(*) FROM run_checkpoints") == [(0,)]


async def test_of_runs_that_stay_every_one_is_reached_over_batches_and_sweeps(
    office: Office,  # noqa: F811
    service: RunService,
    sweeping: Sweeper,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweeper, "RUNS_AT_ONCE", 2)
    await publish(office)
    for number in range(3):
        for _ in range(5 - number):
            await done(office, service)
        await sweeping.sweep(office.scope, datetime.now(UTC) + sweeper.LATER + timedelta(days=30))
        assert await office.sql("SELECT count(*) FROM run_checkpoints") == [(0,)]
    await sweeping.sweep(office.scope, later(200))
    assert await office.sql("SELECT count(*), count(DISTINCT run_id) FROM run_events") == [(12, 12)]


async def test_what_a_good_end_makes_useless_goes_with_it(office: Office, service: RunService) -> None:  # noqa: F811
    await publish(office, FORKED)

    async def fail(ctx: Any, values: Any) -> Any:
        await soon(lambda: "on" in office.probe.ran)
        await asyncio.sleep(0.1)
        raise RuntimeError

    office.probe.acts["two"] = fail
    failed = await done(office, service)
    assert failed.status == "failed"
    below = await stored(office, failed.id, "below")  # a retry goes on within the branches
    assert below["run_checkpoints"] > 0
    del office.probe.acts["two"]
    office.probe.ran.clear()
    again = await service.replays.retry(office.scope, UUID(failed.id), RetryIn())
    assert (await ended(service, office.scope, again.id)).status == "succeeded"
    assert office.probe.ran == ["two", "z"]
    assert set((await stored(office, again.id, "below")).values()) == {0}
    kept = await stored(office, again.id)
    assert kept["run_checkpoints"] > 0
    assert kept["run_records"] == 0
    places = (await service.replays.checkpoints(office.scope, UUID(again.id))).items
    before_z = next(place.id for place in places if place.next == ["z"])
    replayed = await service.replays.retry(office.scope, UUID(again.id), RetryIn(checkpoint_id=before_z))
    assert (await ended(service, office.scope, replayed.id)).status == "succeeded"


async def test_a_project_sets_its_own_days_and_0_is_for_ever(
    office: Office,  # noqa: F811
    service: RunService,
    retention: RetentionService,
    sweeping: Sweeper,
    other_scope: OrgScope,
) -> None:
    shown = await retention.retention(office.scope)
    assert (shown.effective.runs_days, shown.effective.checkpoints_days, shown.swept_at) == (0, 30, None)
    await publish(office)
    run = await done(office, service)
    await retention.set_retention(office.scope, NEVER)
    assert await retention.checkpoints_since(office.scope) is None
    assert await sweeping.sweep(office.scope, later(30_000)) == {}
    assert len(await office.recorded(run.id)) > 1
    changed = await retention.set_retention(office.scope, RetentionIn(run_events_days=7))
    assert (changed.effective.run_events_days, changed.effective.checkpoints_days) == (7, 30)
    assert changed.own.model_dump(exclude_none=True) == {"run_events_days": 7}
    assert (await retention.retention(other_scope)).own == RetentionIn()
    await sweeping.sweep(office.scope, later(8))
    assert len(await office.recorded(run.id)) == 1


async def test_events_firings_and_what_carries_its_own_end_go_too(
    office: Office,  # noqa: F811
    service: RunService,
    sweeping: Sweeper,
) -> None:
    await publish(office)
    schedules = ScheduleService(office.uow, service)
    made = await schedules.create(
        office.scope, ScheduleIn(name="nightly", cron="0 3 * * *", run=RunIn(agent="test"))
    )  # fmt: skip
    run = await schedules.run_now(office.scope, UUID(made.id))
    await ended(service, office.scope, run.id)
    event = await office.events.publish(office.scope, "order.paid", {})
    ids = {"org": office.scope.org_id, "project": office.scope.project_id}
    for key, ends in (("old", "now() - interval '1 s'"), ("new", "now() + interval '1 h'")):
        await office.sql(
            "INSERT INTO idempotency_keys (org_id, project_id, key, route, request_hash, held_until, expires_at)"
            f" VALUES (:org, :project, :key, '', '', now(), {ends})", key=key, **ids,
        )  # fmt: skip
        await office.sql(
            "INSERT INTO cached_results (org_id, project_id, key, data, expires_at)"
            f" VALUES (:org, :project, :key, '', {ends})", key=key, **ids,
        )  # fmt: skip
        await office.sql(
            "INSERT INTO memories (id, org_id, project_id, namespace, key, text, data, fingerprint, embedding,"
            " updated_at, expires_at) VALUES (gen_random_uuid(), :org, :project, 'n', :key, '', '{}', 'f', '[1]',"
            f" now(), {ends})", key=key, **ids,
        )  # fmt: skip
        await office.sql(
            "INSERT INTO store_items (id, org_id, project_id, namespace, key, value, updated_at, ttl, expires_at)"
            f" VALUES (gen_random_uuid(), :org, :project, '{{n}}', :key, '{{}}', now(), '1 h', {ends})", key=key, **ids,
        )  # fmt: skip
    first = await sweeping.sweep(office.scope, later(0))
    assert first == {"memories": 1, "cached_results": 1, "idempotency_keys": 1, "store_items": 1}
    gone = await sweeping.sweep(office.scope, later(91))
    assert gone is not None
    assert (gone["domain_events"], gone["schedule_history"]) == (1, 1)
    assert (await office.events.events(office.scope)).items == []
    assert (await schedules.history(office.scope, UUID(made.id))).items == []
    # Its key can be used again.
    assert (await office.events.publish(office.scope, "order.paid", {}, key=event.key)).id != event.id


async def test_one_process_sweeps_at_a_time(office: Office, service: RunService, sweeping: Sweeper) -> None:  # noqa: F811
    await publish(office)
    await done(office, service)
    async with office.uow(office.scope) as work:
        assert await repository.is_alone(work)
        assert await sweeping.sweep(office.scope, later(1000)) is None
        assert await office.sql("SELECT count(*) > 0 FROM run_checkpoints") == [(True,)]
    both = await asyncio.gather(*(sweeping.sweep(office.scope, later(1000)) for _ in range(4)))
    assert [one for one in both if one is not None]
    await sweeping.sweep(office.scope, later(1000))
    assert await office.sql("SELECT count(*) FROM run_checkpoints") == [(0,)]


async def test_projects_come_in_turn_and_not_at_once_after_their_days_were_changed(
    office: Office,  # noqa: F811
    retention: RetentionService,
) -> None:
    async def due(settled: float) -> bool:
        async with office.uow.reading_for("sweep") as work:
            found = await repository.due(
                work, every=timedelta(hours=1), settled=timedelta(seconds=settled), limit=10_000
            )
        return office.scope.project_id in {one.scope.project_id for one in found}

    assert await due(60)
    await Sweeper(office.uow, retention).sweep(office.scope, datetime.now(UTC))
    assert not await due(60)
    await retention.set_retention(office.scope, RetentionIn(runs_days=1))
    assert (await due(0), await due(60)) == (True, False)


async def test_the_background_sweeps_what_is_due(
    office: Office,  # noqa: F811
    retention: RetentionService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(sweeper.log, "info", lambda what, **data: seen.append((what, data)))
    await office.sql(
        "INSERT INTO cached_results (org_id, project_id, key, data, expires_at) VALUES (:org, :project, 'k', '', now())",
        org=office.scope.org_id, project=office.scope.project_id,
    )  # fmt: skip
    sweeping = Sweeper(office.uow, retention, every=0.01)
    await sweeping.start()
    try:
        while (await retention.retention(office.scope)).swept_at is None:
            await asyncio.sleep(0.01)
    finally:
        await sweeping.stop()
    mine = [data for what, data in seen if data["org_id"] == str(office.scope.org_id)]
    assert [data["cached_results"] for data in mine] == [1]
