"""Checkpoints in PostgreSQL mean what the in-memory double means, whatever is put and in whatever order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.plans import node, plan
from tests.services.runs.office import Office, ask

from girih.db.tenancy import OrgScope
from girih.engine.checkpoints import StoredCheckpoint
from girih.engine.events import NewEvent
from girih.engine.memory_store import MemoryCheckpointStore
from girih.engine.parts import EMPTY
from girih.errors import LeaseLost
from girih.services.runs.checkpoint_store import SqlCheckpointStore
from girih.services.runs.crash import CrashPoints
from girih.services.runs.feed import Feed
from girih.services.runs.journal import Journal
from girih.services.runs.repository import Claim
from girih.services.runs.watch import Watch

ONE = plan(node("a", "$end"))


async def a_store(office: Office) -> SqlCheckpointStore:
    """The store of a run that is held by nobody else."""
    if not office.agents.by_name:
        office.probe.acts["a"] = lambda ctx, values: None
        await office.publish(ONE)
    closed = office.service()
    closed._roster.closed = True
    made = await closed.create(office.scope, ask())
    await office.sql(
        "UPDATE runs SET status = 'running', fence = 1, lease_until = now() + interval '1 hour' WHERE id = :id",
        id=UUID(made.id),
    )
    claim = Claim(office.scope, UUID(made.id), 1, 1, "test", "1.0.0", ONE.digest, {}, datetime.now(UTC))
    journal = Journal(office.direct, Feed(office.scope, claim.run_id, 0), claim, lambda: None, Watch().of(claim))
    return SqlCheckpointStore(office.uow, journal, office.scope, claim.run_id, CrashPoints())


@pytest.fixture
async def store(office: Office) -> AsyncIterator[SqlCheckpointStore]:
    yield await a_store(office)


NS = st.sampled_from(["", "sub|1", "Ünter"])
ID = st.sampled_from(["0001", "0002", "000a", "000B"])
BYTES = st.binary(max_size=6)
BLOBS = st.lists(
    st.tuples(st.sampled_from(["x", "y"]), st.sampled_from(["0001", "0002"]), st.just("m"), st.just(b"v")), max_size=3
)
PUT = st.tuples(st.just("put"), NS, ID, st.none() | ID, BYTES, BYTES, BLOBS)
WRITES = st.lists(
    st.tuples(st.integers(-3, 3), st.sampled_from(["x", "y"]), st.just("m"), BYTES),
    max_size=4,
    unique_by=lambda w: w[0],
)
PUT_WRITES = st.tuples(st.just("writes"), NS, ID, st.sampled_from(["t1", "t2"]), st.sampled_from(["", "~p"]), WRITES)


def comparable(found: StoredCheckpoint | None, *, named: set[str] | None = None) -> object:
    if found is None:
        return None
    newest: dict[str, tuple[str, str, bytes]] = {}
    for channel, version, form, data in found.blobs:
        newest[channel] = max(newest.get(channel, ("", "", b"")), (version, form, data))
    writes = sorted(found.writes, key=lambda w: (w[1], w[0], w[2]))
    return found.ns, found.checkpoint_id, found.checkpoint, found.metadata, newest, [(w[0], *w[2:]) for w in writes]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(PUT | PUT_WRITES, max_size=12))
async def test_it_means_what_the_double_means(office: Office, steps: list[tuple[object, ...]]) -> None:
    real, double = await a_store(office), MemoryCheckpointStore()
    paths: dict[object, object] = {}
    for kind, *arguments in steps:
        if kind == "writes":
            # A task's path is a fact about the task: it does not change from one call to the next.
            key = (arguments[0], arguments[1], arguments[2])
            arguments[3] = paths.setdefault(key, arguments[3])
        for store in (real, double):
            await (store.put if kind == "put" else store.put_writes)(*arguments)  # type: ignore[attr-defined]
    for ns in ("", "sub|1", "Ünter"):
        for wanted in (None, "0001", "000a", "000B"):
            assert comparable(await real.get(ns, wanted)) == comparable(await double.get(ns, wanted))
    for ns, before, limit in ((None, None, None), ("", "000a", None), (None, "000B", 2)):
        theirs = [(c.ns, c.checkpoint_id) for c in await double.list(ns, before, limit)]
        assert [(c.ns, c.checkpoint_id) for c in await real.list(ns, before, limit)] == theirs


async def test_the_latest_comes_with_the_newest_blob_of_each_channel_only(store: SqlCheckpointStore) -> None:
    for version in ("0001", "0002", "0003"):
        await store.put("", version, None, b"c", b"m", [("x", version, "t", version.encode())])
    latest = await store.get("", None)
    assert latest is not None
    assert latest.blobs == (("x", "0003", "t", b"0003"),)
    older = await store.get("", "0002")
    assert older is not None
    assert ("x", "0002", "t", b"0002") in older.blobs


async def test_another_organization_finds_no_checkpoint(
    store: SqlCheckpointStore, office: Office, other_scope: OrgScope
) -> None:
    await store.put("", "0001", None, b"c", b"m", [("x", "1", "t", b"d")])
    await store.put_writes("", "0001", "t", "", [(0, "x", "t", b"d")])
    assert await store.get("", "0001") is not None
    foreign = SqlCheckpointStore(office.uow, store._journal, other_scope, store._run_id, CrashPoints())
    assert await foreign.get("", None) is None
    assert await foreign.list(None, None, None) == []


async def test_a_node_has_finished_only_once_its_checkpoint_is_there(store: SqlCheckpointStore, office: Office) -> None:
    run_id = str(store._run_id)
    for kind, name in (("message.delta", "a"), ("node.finished", "a"), *[("message.delta", "b")] * 30):
        store._journal.emit(NewEvent(kind, {}, datetime.now(UTC), name))
    async with asyncio.timeout(10):
        while not await office.recorded(run_id):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert await office.recorded(run_id) == [(1, "message.delta")]
    await store.put("", "0001", None, b"c", b"m", [])
    assert [kind for _, kind in await office.recorded(run_id)] == [
        "message.delta",
        "node.finished",
        *["message.delta"] * 30,
    ]
    store._journal.emit(NewEvent("message.delta", {}, datetime.now(UTC), "b"))
    await asyncio.sleep(0.1)
    assert [seq for seq, _ in await office.recorded(run_id)] == list(range(1, 34))


async def test_records_are_kept_by_key_with_the_events_before_them(store: SqlCheckpointStore, office: Office) -> None:
    store._journal.emit(NewEvent("tool.finished", {}, datetime.now(UTC), "a"))
    await store.record("a#1", {"one": b"1", "two": b"\x00"})
    await store.record("a#1", {"two": b"2"})
    await store.record("a#2", {"one": b"other"})
    assert await store.recorded("a#1") == {"one": b"1", "two": b"2"}
    assert await store.recorded("a#3") == {}
    assert await office.recorded(str(store._run_id)) == [(1, "tool.finished")]


async def test_what_is_discarded_is_gone_with_all_that_is_below_it(store: SqlCheckpointStore, office: Office) -> None:
    for ns in ("", "each#1.a[1]/", "each#1.a[1]/sub#1.1/", "each#1.a[10]/"):
        await store.put(ns, "0001", None, b"c", b"m", [("x", "1", "t", b"d")])
        await store.put_writes(ns, "0001", "t", "", [(0, "x", "t", b"d")])
        await store.record(ns, {"k": b"v"})
    await store.discard("each#1.a[1]/")
    assert [stored.ns for stored in await store.list(None, None, None)] == ["each#1.a[10]/", ""]
    assert await store.recorded("each#1.a[1]/") == {}
    for table in ("run_checkpoint_blobs", "run_checkpoint_writes", "run_records"):
        rows = await office.sql(f"SELECT ns FROM {table} WHERE run_id = :id ORDER BY ns", id=store._run_id)
        assert [row.ns for row in rows] == ["", "each#1.a[10]/"]


async def test_who_lost_the_fence_records_and_discards_nothing(store: SqlCheckpointStore, office: Office) -> None:
    await store.record("a#1", {"one": b"1"})
    await office.sql("UPDATE runs SET fence = fence + 1 WHERE id = :id", id=store._run_id)
    other = SqlCheckpointStore(office.uow, store._journal, office.scope, store._run_id, CrashPoints())
    with pytest.raises(LeaseLost):
        await other.discard("a#1")
    with pytest.raises(LeaseLost):
        await other.record("a#1", {"one": b"2"})
    assert await store.recorded("a#1") == {"one": b"1"}


async def test_another_organization_finds_no_record(
    store: SqlCheckpointStore, office: Office, other_scope: OrgScope
) -> None:
    await store.record("a#1", {"one": b"1"})
    foreign = SqlCheckpointStore(office.uow, store._journal, other_scope, store._run_id, CrashPoints())
    assert await foreign.recorded("a#1") == {}


async def test_the_last_checkpoint_waits_for_the_end_and_comes_before_all_else(
    store: SqlCheckpointStore, office: Office
) -> None:
    journal, run_id = store._journal, str(store._run_id)
    assert isinstance(journal, Journal)
    ending = SqlCheckpointStore(office.uow, journal, store._scope, store._run_id, CrashPoints(), journal)

    async def kept() -> list[str]:
        return [row.checkpoint_id for row in await office.sql("SELECT checkpoint_id FROM run_checkpoints ORDER BY 1")]

    await ending.put("", "0001", None, b"c", b"m", [("branch:to:b", "1", "t", b"d")])
    assert await kept() == ["0001"]
    journal.emit(NewEvent("node.finished", {}, datetime.now(UTC), "b"))
    await ending.put("", "0002", "0001", b"c", b"m", [("branch:to:b", "2", EMPTY, b""), ("out.b", "1", "t", b"d")])
    await asyncio.sleep(0.1)
    assert await kept() == ["0001"]
    assert await office.recorded(run_id) == []
    await ending.record("a#1", {"one": b"1"})
    assert await kept() == ["0001", "0002"]
    assert [kind for _, kind in await office.recorded(run_id)] == ["node.finished"]
    await ending.put("", "0003", "0002", b"c", b"m", [("out.b", "2", "t", b"e")])
    latest = await ending.get("", None)
    assert latest is not None
    assert (latest.checkpoint_id, latest.blobs[-1]) == ("0003", ("out.b", "2", "t", b"e"))
    await ending.put("", "0004", "0003", b"c", b"m", [])
    last = NewEvent("run.finished", {}, datetime.now(UTC))
    assert await kept() == ["0001", "0002", "0003"]
    await journal.end("finish_run", "succeeded", "{}", None, "{}", last=last, committed=lambda: None)
    assert await kept() == ["0001", "0002", "0003", "0004"]
    assert [kind for _, kind in await office.recorded(run_id)] == ["node.finished", "run.finished"]
