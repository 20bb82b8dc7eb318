"""Readers and cancels in another process: the doorbell makes them fast, the rows make them right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from tests.engine.plans import node, plan
from tests.services.runs.office import Office, ask, check_whole, collect, soon, speak

from girih.db.base import new_id
from girih.db.listening import Channel
from girih.db.tenancy import OrgScope
from girih.engine.events import NewEvent, RunEvent
from girih.errors import BadCursor, QueueFull, Unavailable
from girih.services.runs import mirror
from girih.services.runs.doorbell import MOST_IDS, Doorbell
from girih.services.runs.feed import Hub
from girih.services.runs.queue import Limits
from girih.services.runs.reader import GAP
from girih.services.runs.schemas import RunIn
from girih.wiring.runs import DOORBELL

ONE = plan(node("a", "$end"))


class Heard:
    """Notes what the doorbell says."""

    def __init__(self) -> None:
        self.news: list[UUID] = []
        self.stops: list[UUID] = []
        self.moved: list[UUID] = []
        self.looks = 0

    def has_news(self, run_id: UUID) -> None:
        self.news.append(run_id)

    def is_to_stop(self, run_id: UUID) -> None:
        self.stops.append(run_id)

    def has_moved(self, project_id: UUID) -> None:
        self.moved.append(project_id)

    def may_have_missed(self) -> None:
        self.looks += 1


@pytest.fixture
def slow_net(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks by himself: what arrives came by the doorbell."""
    monkeypatch.setattr(mirror, "NET", 3600.0)


@pytest.fixture
async def doorbell(database_url: str) -> AsyncIterator[Callable[[], Doorbell]]:
    """Makes doorbells of one house, each for a process."""
    made: list[Doorbell] = []

    def make() -> Doorbell:
        made.append(Doorbell(Channel(database_url, "test_doorbell")))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_every_process_hears_each_ring_and_many_are_one(doorbell: Callable[[], Doorbell]) -> None:
    here, there = doorbell(), doorbell()
    ears, others = Heard(), Heard()
    here.start(ears)
    there.start(others)
    await soon(lambda: here.hears and there.hears)
    runs = [new_id() for _ in range(3 * MOST_IDS)]
    for run in runs * 3:
        here.news(run)
    here.stop(runs[0])
    await soon(lambda: others.stops and len(set(others.news)) == len(runs) and ears.stops)
    assert len(others.news) == len(runs)
    assert ears.looks == others.looks == 1


async def test_the_database_rings_where_agents_changed(database_url: str, office: Office) -> None:
    here, ears = Doorbell(Channel(database_url, DOORBELL)), Heard()
    here.start(ears)
    try:
        await soon(lambda: here.hears)
        await office.publish(ONE)
        await soon(lambda: ears.moved)
        await office.publish(ONE, "other")
        await soon(lambda: len(ears.moved) == 2)
    finally:
        await here.close()
    assert set(ears.moved) == {office.scope.project_id}, "once for each transaction"


async def test_what_is_no_ring_is_no_news(doorbell: Callable[[], Doorbell], database_url: str) -> None:
    here, ears, run = doorbell(), Heard(), new_id()
    here.start(ears)
    await soon(lambda: here.hears)
    channel = here._channel
    assert channel is not None
    for text in ("", "n", "x" * 500, "s" + "z" * 32, '{"news": 1}'):
        await channel.say(text)
    here.news(run)
    await soon(lambda: ears.news == [run])
    assert ears.stops == []


async def test_a_channel_that_breaks_is_opened_again_and_everybody_looks(
    doorbell: Callable[[], Doorbell], office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("girih.services.runs.doorbell.RETRY", 0.01)
    here, ears = doorbell(), Heard()
    here.start(ears)
    await soon(lambda: here.hears)
    connection = here._channel._connection  # type: ignore[union-attr]
    connection.terminate()
    await soon(lambda: ears.looks == 2)
    run = new_id()
    here.news(run)
    await soon(lambda: run in ears.news)


async def test_a_channel_nobody_answers_says_so() -> None:
    channel = Channel("postgresql://a:b@127.0.0.1:1/x", "test")
    with pytest.raises(Unavailable):
        await channel.say("x")
    with pytest.raises(Unavailable):
        await channel.listen(lambda text: None, lambda: None)


async def test_readers_elsewhere_are_told_and_share_one_mirror(
    office: Office, doorbell: Callable[[], Doorbell], slow_net: None
) -> None:
    office.probe.acts["a"] = speak(40, pause=0.005)
    await office.publish(ONE)
    service, other = office.service(doorbell=doorbell()), office.service(doorbell=doorbell())
    for place in (service, other):
        await place.start()
    await soon(lambda: service._doorbell.hears and other._doorbell.hears)
    made = await service.create(office.scope, ask())
    readers = [asyncio.create_task(collect(other, office.scope, made.id)) for _ in range(20)]
    mirrors = other._reader._mirrors
    await soon(lambda: mirrors._known)
    assert len(mirrors) == 1
    for events in await asyncio.gather(*readers):
        check_whole(events)
    assert len(mirrors) == 0
    assert mirrors._task is None


async def test_a_silent_run_elsewhere_is_cancelled_by_the_doorbell(
    office: Office, doorbell: Callable[[], Doorbell]
) -> None:
    office.probe.acts["a"] = lambda ctx, values: asyncio.sleep(60)
    await office.publish(ONE)
    service, other = office.service(doorbell=doorbell()), office.service(doorbell=doorbell())
    for place in (service, other):
        await place.start()
    await soon(lambda: service._doorbell.hears and other._doorbell.hears)
    made = await service.create(office.scope, ask())
    await soon(lambda: office.probe.ran)
    await other.cancel(office.scope, made.id)
    check_whole(await collect(other, office.scope, made.id))


async def test_without_a_doorbell_readers_look_by_themselves(office: Office) -> None:
    office.probe.acts["a"] = speak(20, pause=0.005)
    await office.publish(ONE)
    service, other = office.service(), office.service()
    made = await service.create(office.scope, ask())
    check_whole(await collect(other, office.scope, made.id))


async def test_a_reader_of_what_is_no_longer_kept_is_told_of_the_gap(office: Office, owner_database_url: str) -> None:
    office.probe.acts["a"] = speak(20)
    await office.publish(ONE)
    service = office.service()
    made = await service.create(office.scope, ask())
    whole = await collect(service, office.scope, made.id)
    await office.sql("DELETE FROM run_events WHERE run_id = CAST(:id AS uuid) AND seq BETWEEN 3 AND 12", id=made.id)
    for after in range(2, 12):
        gap, *rest = await collect(service, office.scope, made.id, after)
        assert (gap.event.type, gap.seq) == (GAP, 12)
        assert (gap.event.data["from"], gap.event.data["to"]) == (after + 1, 12)
        assert gap.event.data["run"]["status"] == "succeeded"
        assert [event.as_dict() for event in rest] == [event.as_dict() for event in whole[12:]]
    assert [event.seq for event in await collect(service, office.scope, made.id, 12)] == list(range(13, len(whole) + 1))
    with pytest.raises(BadCursor):
        await collect(service, office.scope, made.id, len(whole) + 1)


async def test_a_background_run_waits_for_a_worker(office: Office, dispatched: list[tuple[str, str]]) -> None:
    await office.publish(ONE)
    ring: Any = lambda job, job_id: dispatched.append((job, job_id))  # noqa: E731
    api, worker = office.service(background_after=3600.0, dispatch=ring), office.service()
    made = await api.create(office.scope, RunIn(agent="test", background=True))
    assert (made.status, made.background) == ("queued", True)
    assert dispatched == [("runs.execute", made.id)]
    await api._reconciler.look()
    assert (await api.run(office.scope, made.id)).status == "queued"
    for _ in range(3):
        await worker.take(made.id)
    await worker.take("no-id")
    await worker.take(str(new_id()))
    check_whole(await collect(api, office.scope, made.id))
    assert office.probe.ran == ["a"]
    assert worker._roster.free == 64


async def test_a_process_that_stops_begins_nothing_that_it_would_leave_lying(office: Office) -> None:
    office.probe.acts["a"] = lambda ctx, values: asyncio.sleep(60)
    await office.publish(ONE)
    closed = office.service(slots=0)
    runs = [(await closed.create(office.scope, ask())).id for _ in range(8)]
    worker = office.service()
    taking = [asyncio.create_task(worker.take(run)) for run in runs]
    await asyncio.sleep(0.01)
    await worker.stop()
    await asyncio.gather(*taking)
    held = await office.sql("SELECT count(*) FROM runs WHERE status = 'running' AND worker IS NOT NULL")
    assert held[0][0] == 0
    assert tuple((await office.sql("SELECT sum(crashes) FROM runs"))[0]) == (0,)


async def test_too_many_waiting_runs_are_refused_before_there_is_a_row(office: Office) -> None:
    await office.publish(ONE)
    service = office.service(slots=0, limits=Limits(per_org=2, total=10_000))
    kept = await service.create(office.scope, ask(), "key-1")
    await service.create(office.scope, ask())
    with pytest.raises(QueueFull, match="2 of your runs"):
        await service.create(office.scope, ask())
    assert (await service.create(office.scope, ask(), "key-1")).id == kept.id
    assert (await office.sql("SELECT count(*) FROM runs"))[0][0] == 2
    with pytest.raises(QueueFull, match="too many"):
        await office.service(slots=0, limits=Limits(per_org=10, total=2)).create(office.scope, ask())


async def test_other_processes_are_told_of_what_follows_a_runs_first_event() -> None:
    told: list[UUID] = []
    feed = Hub(told.append).open(OrgScope(new_id(), new_id()), new_id(), 0)
    events = [RunEvent(str(feed.run_id), seq, 1, NewEvent("message.delta", {}, datetime.now(UTC))) for seq in (1, 2, 3)]
    feed.publish(events[:1], [2], is_new=True)
    assert (feed.last, told) == (1, [])
    feed.publish(events[1:], [2, 2])
    assert (feed.last, told) == (3, [feed.run_id])
