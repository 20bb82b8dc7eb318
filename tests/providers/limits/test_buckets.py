"""Rates hold over any pattern of requests, over processes, and while the server that shares them is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from girih.embedded.valkey import ValkeyServer, start_valkey
from girih.providers.limits import buckets as module
from girih.providers.limits import tallies
from girih.providers.limits.buckets import Ask, Buckets, LocalBuckets, Rate
from girih.providers.limits.shared import SharedBuckets
from girih.providers.limits.tallies import LocalTally, SharedTally, Tally

SLOW = Rate(per_minute=6, burst=3)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    folder = tmp_path_factory.mktemp("valkey")
    folder.chmod(0o755)
    server = start_valkey(folder / "data")
    yield server
    server.stop()


@pytest.fixture(params=["local", "shared"])
async def held(request: pytest.FixtureRequest, valkey: ValkeyServer) -> AsyncIterator[Buckets]:
    if request.param == "local":
        yield LocalBuckets()
        return
    shared = SharedBuckets(valkey.url)
    yield shared
    await shared.aclose()


async def test_a_burst_passes_and_then_nothing_for_a_while(held: Buckets, request: pytest.FixtureRequest) -> None:
    ask = Ask(f"burst:{request.node.name}", SLOW)
    told = [await held.take([ask]) for _ in range(5)]
    assert [one.passes for one in told] == [True, True, True, False, False]
    assert [one.remaining for one in told] == [2, 1, 0, 0, 0]
    assert (told[-1].limit, told[-1].wait, told[-1].reset) == (3, 10, 30)


async def test_what_one_rate_refuses_no_rate_counts(held: Buckets, request: pytest.FixtureRequest) -> None:
    name = request.node.name
    whole, mine, other = (
        Ask(f"org:{name}", Rate(60, 5)),
        Ask(f"mine:{name}", Rate(60, 2)),
        Ask(f"x:{name}", Rate(60, 9)),
    )
    assert [(await held.take([mine, whole])).passes for _ in range(6)] == [True, True, False, False, False, False]
    left = [(await held.take([other, whole])).passes for _ in range(4)]
    assert left == [True, True, True, False]


async def test_many_at_once_do_not_get_more(valkey: ValkeyServer) -> None:
    one, other = SharedBuckets(valkey.url), SharedBuckets(valkey.url)
    ask = Ask("at-once", Rate(60, 10))
    told = await asyncio.gather(*((one, other)[n % 2].take([ask]) for n in range(40)))
    assert sum(verdict.passes for verdict in told) == 10
    await one.aclose()
    await other.aclose()


async def test_without_the_server_each_process_counts_for_itself(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    server = start_valkey(tmp_path / "data")
    shared, ask = SharedBuckets(server.url), Ask("away", SLOW)
    assert (await shared.take([ask])).passes
    server.stop()
    assert [(await shared.take([ask])).passes for _ in range(5)] == [True, True, True, False, False]
    await shared.aclose()


@given(
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=60),
    per_minute=st.integers(1, 600),
    burst=st.integers(1, 20),
)
def test_no_pattern_gets_more_than_the_rate(gaps: list[float], per_minute: int, burst: int) -> None:
    rate, now, passed = Rate(per_minute, burst), 0.0, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.time, "monotonic", lambda: now)
        held = LocalBuckets()
        for gap in gaps:
            now += gap
            if asyncio.run(held.take([Ask("x", rate)])).passes:
                passed.append(now)
    for first, begin in enumerate(passed):
        for last in range(first, len(passed)):
            most = burst + (passed[last] - begin) / rate.interval
            assert last - first + 1 <= most + 1e-6


async def test_callers_who_left_are_forgotten() -> None:
    held = LocalBuckets(size=2)
    for name in "abc":
        await held.take([Ask(name, Rate(60, 1))])
    assert (await held.take([Ask("a", Rate(60, 1))])).passes
    assert not (await held.take([Ask("c", Rate(60, 1))])).passes


@pytest.fixture(params=["local", "shared"])
async def tally(request: pytest.FixtureRequest, valkey: ValkeyServer) -> AsyncIterator[Tally]:
    if request.param == "local":
        yield LocalTally()
        return
    shared = SharedTally(valkey.url)
    yield shared
    await shared.aclose()


async def test_holders_are_counted_while_they_are_heard_of(tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    name = str(uuid4())
    assert [await tally.join(name, holder) for holder in ("a", "b", "b", "c")] == [1, 2, 2, 3]
    await tally.leave(name, "b")
    assert await tally.join(name, "d") == 3
    name = str(uuid4())
    monkeypatch.setattr(tallies, "LASTS", 0.05)
    assert await tally.join(name, "a") == 1
    await tally.join(name, "b")
    await asyncio.sleep(0.1)
    monkeypatch.setattr(tallies, "LASTS", 60.0)
    await tally.stay({name: ["a"]})
    assert await tally.join(name, "e") == 2, "whoever was not heard of, as of a process that crashed, counts no more"


async def test_processes_count_together(valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "_PATIENCE", 30.0)  # a busy machine is no server that is away
    one, other, name = SharedTally(valkey.url), SharedTally(valkey.url), str(uuid4())
    seen = await asyncio.gather(*(held.join(name, f"{n}") for n, held in enumerate([one, other] * 10)))
    assert max(seen) == 20  # in whatever order they arrive there
    assert [await held.join(name, f"{n}") for n, held in enumerate([one, other] * 3, 20)] == [*range(21, 27)]
    await one.aclose()
    await other.aclose()


async def test_without_an_answer_a_process_counts_its_own() -> None:
    alone = SharedTally("redis://127.0.0.1:1/0")
    assert [await alone.join("x", holder) for holder in "abc"] == [1, 2, 3]
    await alone.stay({"x": "abc"})
    await alone.leave("x", "a")
    assert await alone.join("x", "d") == 3
    await alone.aclose()
