"""Following runs: every reader sees the same gapless sequence, wherever it joins, however slowly it reads."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.engine.plans import node, plan
from tests.services.runs.office import Office, ask, check_whole, collect, soon, speak

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.engine.events import NewEvent, RunEvent
from girih.errors import InvalidInput
from girih.services.runs import feed as feeds
from girih.services.runs.feed import Feed
from girih.services.runs.service import RunService

ONE = plan(node("a", "$end"))
WORDS = 40


async def a_run(office: Office, words: int = WORDS, pause: float = 0.001) -> tuple[RunService, str]:
    office.probe.acts["a"] = speak(words, pause=pause)
    await office.publish(ONE)
    service = office.service()
    return service, (await service.create(office.scope, ask())).id


async def test_readers_that_join_at_every_moment_see_the_same(office: Office) -> None:
    service, run_id = await a_run(office)
    other = office.service()
    readers = []
    for turn in range(30):
        readers.append(asyncio.create_task(collect(service if turn % 3 else other, office.scope, run_id)))
        await asyncio.sleep(0.002)
    seen = await asyncio.gather(*readers)
    seen += [await collect(place, office.scope, run_id) for place in (service, other)]
    check_whole(seen[0])
    plain = [event.as_dict() for event in seen[0]]
    for events in seen[1:]:
        assert [event.as_dict() for event in events] == plain


async def test_a_reader_resumes_at_every_boundary_live(office: Office) -> None:
    service, run_id = await a_run(office)
    events: list[RunEvent] = []
    for place in [service, office.service()] * 200:
        feed = place.events(office.scope, run_id, len(events))
        event = await anext(feed, None)
        await feed.aclose()  # type: ignore[attr-defined]
        if event is None:
            break
        events.append(event)
    check_whole(events)
    assert len(events) > WORDS


async def test_a_reader_resumes_at_every_boundary_afterwards(office: Office) -> None:
    service, run_id = await a_run(office, words=5)
    whole = [event.as_dict() for event in await collect(service, office.scope, run_id)]
    for after in range(len(whole) + 1):
        rest = await collect(service, office.scope, run_id, after)
        assert [event.as_dict() for event in rest] == whole[after:]


@pytest.mark.parametrize("live", [True, False])
async def test_a_number_the_run_has_not_reached_is_refused(office: Office, live: bool) -> None:
    service, run_id = await a_run(office, words=1000 if live else 1, pause=0.01)
    if not live:
        await collect(service, office.scope, run_id)
    for after in (-1, 10_000, 2**40):
        with pytest.raises(InvalidInput, match="no event"):
            await service.check_cursor(office.scope, run_id, after)
        with pytest.raises(InvalidInput, match="no event"):
            await collect(service, office.scope, run_id, after)


async def test_nothing_is_shown_that_is_not_committed(office: Office) -> None:
    service, run_id = await a_run(office)
    async for event in service.events(office.scope, run_id):
        assert (event.seq, event.event.type) in await office.recorded(run_id)


async def test_few_transactions_carry_many_tokens(office: Office) -> None:
    calls: list[str] = []
    call = office.direct.call

    async def counted(scope: OrgScope, function: str, *arguments: Any) -> Any:
        calls.append(function)
        return await call(scope, function, *arguments)

    office.direct.call = counted  # type: ignore[method-assign]
    service, run_id = await a_run(office, words=50, pause=0.0)
    await collect(service, office.scope, run_id)
    assert calls[0] == "open_run"
    assert calls[-1] == "finish_run_with_checkpoint"
    assert set(calls[1:-1]) <= {"append_run_events"}
    assert len(calls) <= 6, calls


async def test_the_first_token_does_not_wait_for_the_tenth(office: Office) -> None:
    gate = asyncio.Event()

    async def act(ctx: Any, values: Any) -> None:
        ctx.emit("message.delta", {"text": "first"})
        await gate.wait()

    office.probe.acts["a"] = act
    await office.publish(ONE)
    service = office.service()
    made = await service.create(office.scope, ask())
    async with asyncio.timeout(1):
        async for event in service.events(office.scope, made.id):
            if event.event.type == "message.delta":
                break
    gate.set()


async def test_a_reader_that_stops_reading_costs_nothing_and_still_gets_all(office: Office) -> None:
    service, run_id = await a_run(office, words=3000, pause=0.0)
    slow = service.events(office.scope, run_id)
    events = [await anext(slow)]
    feed = service._reader._hub.feed(office.scope, UUID(run_id))
    assert feed is not None
    check_whole(await collect(service, office.scope, run_id))
    assert len(feed._events) <= feeds.KEPT_EVENTS
    async with asyncio.timeout(20):
        events += [event async for event in slow]
    check_whole(events)
    assert len(events) > 3000


async def test_a_reader_in_another_process_keeps_no_connection_while_it_waits(office: Office) -> None:
    gate = asyncio.Event()
    office.probe.acts["a"] = lambda ctx, values: gate.wait()
    await office.publish(ONE)
    service, other = office.service(), office.service()
    made = await service.create(office.scope, ask())
    readers = [asyncio.create_task(collect(other, office.scope, made.id)) for _ in range(50)]
    await asyncio.sleep(1.0)
    held = []
    for _ in range(60):
        held.append((await office.sql("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'"))[0][0])
        await asyncio.sleep(0.01)
    assert min(held) == 0
    gate.set()
    for events in await asyncio.gather(*readers):
        check_whole(events)


def event(seq: int) -> RunEvent:
    from datetime import UTC, datetime

    return RunEvent("r", seq, 1, NewEvent("message.delta", {}, datetime.now(UTC)))


def a_feed(last: int = 0) -> Feed:
    return Feed(OrgScope(new_id(), new_id()), new_id(), last)


async def test_a_feed_forgets_by_size_and_says_so() -> None:
    feed = a_feed()
    for seq in range(1, 11):
        feed.publish([event(seq)], [feeds.KEPT_CHARACTERS // 4])
    assert feed.last == 10
    assert feed.since(10) == []
    assert feed.since(0) is None
    assert [e.seq for e in feed.since(7) or []] == [8, 9, 10]
    feed.publish([event(11)], [feeds.KEPT_CHARACTERS * 2])
    assert feed.since(10) is None


async def test_a_feed_that_resumes_knows_what_came_before() -> None:
    feed = a_feed(last=7)
    assert feed.since(7) == []
    assert feed.since(6) is None
    feed.publish([event(8)], [1])
    assert [e.seq for e in feed.since(7) or []] == [8]
    assert feed.since(6) is None


async def test_who_waits_for_a_feed_is_woken_by_its_end() -> None:
    feed = a_feed()
    waiting = [asyncio.create_task(feed.changed(0)) for _ in range(3)]
    await asyncio.sleep(0)
    feed.close()
    await soon(lambda: all(task.done() for task in waiting))
