"""Running again: from the node that failed, from a checkpoint, with another version; many at once; waiting."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.engine.plans import node, plan
from tests.engine.test_parts import collecting
from tests.services.runs.office import Office, ask, ended
from tests.services.runs.test_threads import counting, on, thread, total

from girih.errors import Conflict, InvalidInput, NotFound
from girih.services.runs.replay_schemas import BatchIn, RetryIn, RunChange
from girih.services.runs.schemas import RunIn
from girih.services.runs.search_repository import Wanted
from girih.services.runs.thread_schemas import ForkIn, StateIn

LINE = plan(node("a", "b"), node("b", "c"), node("c", "$end"), outputs={"all": "${ a.value + b.value + c.value }"})


def failing(ctx: Any, values: Any) -> Any:
    raise RuntimeError


async def publish(office: Office, made: Any = LINE, name: str = "test") -> None:
    """Also under the reference to its version, which a retry goes by."""
    await office.publish(made, name)
    office.agents.by_name[f"{name}@1.0.0"] = office.agents.by_name[name]


async def test_a_retry_goes_on_from_the_node_that_failed(office: Office) -> None:
    await publish(office)
    service = office.service()
    office.probe.acts["b"] = failing
    first = await service.create(office.scope, RunIn(agent="test", metadata={"x": 1}, tags=["t"], user="ada"))
    assert (await ended(service, office.scope, first.id)).status == "failed"
    del office.probe.acts["b"]
    office.probe.ran.clear()
    again = await service.replays.retry(office.scope, UUID(first.id), RetryIn())
    run = await ended(service, office.scope, again.id)
    assert (run.status, run.outputs, run.source_run_id) == ("succeeded", {"all": "abc"}, first.id)
    assert (run.metadata, run.tags, run.user) == ({"x": 1}, ["t"], "ada")
    assert office.probe.ran == ["b", "c"]
    with pytest.raises(Conflict, match="ended well"):
        await service.replays.retry(office.scope, UUID(run.id), RetryIn())


async def test_a_retry_has_the_options_of_the_run(office: Office) -> None:
    await publish(office)
    await publish(office, LINE, "two")
    service = office.service()
    office.probe.acts["b"] = failing
    options: Any = {"webhook": "https://example.com/x", "max_steps": 50, "interrupt_after": ["c"]}
    first = await service.create(office.scope, RunIn(agent="test", on_completion="keep", **options))
    assert (await ended(service, office.scope, first.id)).status == "failed"
    again = await service.replays.retry(office.scope, UUID(first.id), RetryIn())
    assert (again.webhook, again.max_steps, again.interrupt_after) == ("https://example.com", 50, ["c"])
    await ended(service, office.scope, again.id)
    other = await service.replays.retry(office.scope, UUID(first.id), RetryIn(agent="two", max_steps=60))
    assert (other.webhook, other.max_steps, other.interrupt_after) == ("https://example.com", 60, [])
    await ended(service, office.scope, other.id)


async def test_a_run_is_continued_from_any_checkpoint_and_as_another_version(office: Office) -> None:
    await publish(office)
    await publish(
        office, plan(node("a", "b"), node("b", "d"), node("d", "$end"), outputs={"all": "${ b.value }"}), "two"
    )
    await publish(office, plan(node("a", "z"), node("z", "$end")), "three")
    service = office.service()
    first = await service.create(office.scope, ask())
    await ended(service, office.scope, first.id)
    places = (await service.replays.checkpoints(office.scope, UUID(first.id))).items
    by_next = {tuple(place.next): place for place in places}
    assert by_next.keys() == {("b",), ("c",), ()}
    assert by_next[("c",)].results == ["a", "b"]
    office.probe.ran.clear()
    before_b = by_next[("b",)].id
    again = await service.replays.retry(office.scope, UUID(first.id), RetryIn(checkpoint_id=before_b))
    assert (await ended(service, office.scope, again.id)).outputs == {"all": "abc"}
    assert office.probe.ran == ["b", "c"]
    office.probe.ran.clear()
    other = await service.replays.retry(office.scope, UUID(first.id), RetryIn(checkpoint_id=before_b, agent="two"))
    run = await ended(service, office.scope, other.id)
    assert (run.status, run.agent, office.probe.ran) == ("succeeded", "two", ["b", "d"])
    with pytest.raises(InvalidInput, match="cannot go on from node 'b': the node is not in it"):
        await service.replays.retry(office.scope, UUID(first.id), RetryIn(checkpoint_id=before_b, agent="three"))
    with pytest.raises(InvalidInput, match="nothing comes after"):
        await service.replays.retry(office.scope, UUID(first.id), RetryIn(checkpoint_id=by_next[()].id))
    with pytest.raises(NotFound):
        await service.replays.retry(office.scope, UUID(first.id), RetryIn(checkpoint_id="nothing"))


async def test_a_long_list_is_whole_from_any_checkpoint_and_after_a_failure(office: Office) -> None:
    """It is stored in parts; a retry from a checkpoint copies only those that this one is made of."""
    await publish(office, collecting(40))
    service, tries = office.service(), 0

    def fails_at_30(ctx: Any, values: Any) -> None:
        nonlocal tries
        tries += 1
        if tries == 30:
            raise RuntimeError

    office.probe.acts["a"] = fails_at_30
    first = await service.create(office.scope, RunIn(agent="test"))
    assert (await ended(service, office.scope, first.id)).status == "failed"
    again = await service.replays.retry(office.scope, UUID(first.id), RetryIn())
    run = await ended(service, office.scope, again.id)
    expected = {"all": list(range(1, 41))}
    assert (run.status, run.outputs, tries) == ("succeeded", expected, 41)
    places = (await service.replays.checkpoints(office.scope, UUID(again.id))).items
    for place in (places[1], places[16], places[23]):
        other = await service.replays.retry(office.scope, UUID(again.id), RetryIn(checkpoint_id=place.id))
        assert (await ended(service, office.scope, other.id)).outputs == expected


async def test_a_thread_is_forked_copied_and_edited(office: Office) -> None:
    await publish(office, counting(steps=2))
    service = office.service()
    here = await thread(service, office.scope, metadata={"who": "ada"})
    runs = []
    for _ in range(2):
        runs.append(await service.create(office.scope, on(here)))
        await ended(service, office.scope, runs[-1].id)
    history = (await service.threads.history(office.scope, here)).items
    assert [one.state["total"] for one in history] == [4, 2]
    early = await service.fork_thread(office.scope, here, ForkIn(state_id=UUID(history[1].id)))
    assert (await total(service, office, UUID(early.id)), early.metadata) == (2, {"who": "ada"})
    middle = next(
        place for place in (await service.replays.checkpoints(office.scope, UUID(runs[1].id))).items if place.next
    )
    mid = await service.fork_thread(office.scope, here, ForkIn(run_id=UUID(runs[1].id), checkpoint_id=middle.id))
    assert await total(service, office, UUID(mid.id)) == 3
    copied = await service.threads.copy(office.scope, here)
    assert len((await service.threads.history(office.scope, UUID(copied.id))).items) == 2
    edited = await service.threads.edit(office.scope, here, StateIn(state={"total": 10}, version=2))
    assert edited.source == "update"
    with pytest.raises(Conflict):
        await service.threads.edit(office.scope, here, StateIn(state={"total": 1}, version=2))
    with pytest.raises(InvalidInput, match="total"):
        await service.threads.edit(office.scope, here, StateIn(state={"total": "many"}))
    with pytest.raises(InvalidInput, match="has no `more`"):
        await service.threads.edit(office.scope, here, StateIn(state={"more": 1}))
    await ended(service, office.scope, (await service.create(office.scope, on(here))).id)
    assert await total(service, office, here) == 12
    await service.threads.delete(office.scope, here)
    assert (await service.runs(office.scope)).items == []


async def test_runs_are_found_and_labelled_anew_after_their_end(office: Office) -> None:
    await publish(office)
    service = office.service()
    odd = {"text": "\u0000", "n": 1}
    for metadata, tags in (({"customer": {"id": 7}}, ["a", "b"]), ({"customer": {"id": 8}}, ["b"]), (odd, [])):
        run = await service.create(office.scope, RunIn(agent="test", metadata=metadata, tags=tags))
        await ended(service, office.scope, run.id)

    async def found(**wanted: Any) -> int:
        return len((await service.runs(office.scope, Wanted(**wanted))).items)

    assert await found(metadata={"customer": {"id": 7}}) == 1
    assert (await found(tags=["b"]), await found(tags=["a", "b"]), await found(tags=["z"])) == (2, 1, 0)
    changed = await service.replays.change(office.scope, UUID(run.id), RunChange(tags=["z"], metadata={"new": True}))
    assert (changed.tags, changed.metadata, changed.status) == (["z"], {"new": True}, "succeeded")
    assert (await found(tags=["z"]), await found(metadata={"new": True})) == (1, 1)
    with pytest.raises(Exception, match="change"):
        await office.sql("UPDATE runs SET status = 'failed' WHERE id = :id", id=UUID(run.id))


async def test_a_batch_accepts_each_on_its_own_and_once(office: Office) -> None:
    await publish(office)
    service = office.service()
    body = BatchIn(runs=[ask(), ask("nobody"), ask()])
    first = await service.replays.batch(office.scope, body, "key")
    again = await service.replays.batch(office.scope, body, "key")
    assert [one.error.code if one.error else "ok" for one in first.items] == ["ok", "not_found", "ok"]
    assert [one.run and one.run.id for one in first.items] == [one.run and one.run.id for one in again.items]
    assert len((await service.runs(office.scope)).items) == 2


async def test_waiting_ends_with_the_run_or_with_the_patience(office: Office) -> None:
    await publish(office)
    service, gate = office.service(), asyncio.Event()

    async def wait(ctx: Any, values: Any) -> Any:
        await gate.wait()

    office.probe.acts["b"] = wait
    run = await service.create(office.scope, ask())
    assert (await service.replays.wait(office.scope, UUID(run.id), 0.05)).status == "running"
    waiting = asyncio.create_task(service.replays.wait(office.scope, UUID(run.id), 30))
    await asyncio.sleep(0)
    gate.set()
    assert (await waiting).status == "succeeded"
    assert (await service.replays.wait(office.scope, UUID(run.id), 30)).status == "succeeded"
