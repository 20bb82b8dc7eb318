"""Accepting, executing, stopping and showing runs on the real engine and the real database."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from tests.engine.plans import node, plan
from tests.services.runs.office import Office, ask, check_whole, collect, ended, soon, speak

from girih.db.direct import DirectPool
from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput, NodeError, NotFound
from girih.services.runs import repository
from girih.services.runs.schemas import RunIn
from girih.services.runs.search_repository import Wanted

ONE = plan(node("a", "$end"), outputs={"answer": "${ a.value }"})
NEEDY = plan(
    node("a", "$end"),
    inputs={
        "type": "object",
        "properties": {"question": {"type": "string"}, "size": {"type": "integer", "default": 3}},
        "required": ["question"],
        "additionalProperties": False,
    },
)


async def test_a_run_goes_from_its_row_to_its_last_event(office: Office) -> None:
    office.probe.acts["a"] = speak(50)
    await office.publish(ONE)
    service = office.service()
    made = await service.create(office.scope, RunIn(agent="test", metadata={"trace": "x"}))
    assert (made.status, made.attempt, made.version, made.digest) == ("running", 1, "1.0.0", ONE.digest)
    events = await collect(service, office.scope, made.id)
    check_whole(events)
    types = [event.event.type for event in events]
    assert types[:2] == ["run.started", "node.started"]
    assert types.count("message.delta") == 50
    assert types[-3:] == ["message.completed", "node.finished", "run.finished"]
    last = events[-1].event.data
    assert last["outputs"] == {"answer": "spoken"}
    assert last["usage"] == {"input_tokens": 3, "output_tokens": 50, "cost_usd": 0.0}
    run = await service.run(office.scope, made.id)
    assert (run.status, run.outputs, run.metadata) == ("succeeded", {"answer": "spoken"}, {"trace": "x"})
    counts = {"input_tokens": 3, "output_tokens": 50, "cost_usd": 0.0}
    assert run.usage.model_dump() == counts | {"models": {"m": {"calls": 1, "errors": 0} | counts}}
    assert run.finished_at is not None
    assert run.started_at is not None
    assert run.created_at <= run.started_at <= run.finished_at


async def test_the_row_is_there_before_the_answer(office: Office) -> None:
    await office.publish(ONE)
    made = await office.service().create(office.scope, ask())
    assert await office.sql("SELECT 1 FROM runs WHERE id = CAST(:id AS uuid)", id=made.id)


async def test_a_failing_node_fails_the_run_with_its_reason(office: Office) -> None:
    def fail(ctx: Any, values: Any) -> None:
        raise NodeError("refused", "I would rather not", help="ask nicely")

    office.probe.acts["a"] = fail
    await office.publish(ONE)
    service = office.service()
    made = await service.create(office.scope, ask())
    events = await collect(service, office.scope, made.id)
    check_whole(events)
    error = {"kind": "refused", "message": "I would rather not", "node": "a", "help": "ask nicely"}
    assert events[-1].event.type == "run.failed"
    assert events[-1].event.data["error"] == error
    run = await service.run(office.scope, made.id)
    assert (run.status, run.outputs, run.error) == ("failed", None, error)


async def test_what_nobody_foresaw_still_ends_the_run_and_tells_no_secret(office: Office) -> None:
    class Broken:
        async def execute(self, plan: Any, run: Any) -> Any:
            raise RuntimeError("password=hunter2")

    await office.publish(ONE)
    service = office.service(engine=Broken())
    made = await service.create(office.scope, ask())
    events = await collect(service, office.scope, made.id)
    check_whole(events)
    assert events[-1].event.type == "run.failed"
    assert "hunter2" not in str(events[-1].as_dict())


async def test_inputs_are_checked_before_there_is_a_row(office: Office) -> None:
    await office.publish(NEEDY)
    service = office.service()
    with pytest.raises(InvalidInput) as caught:
        await service.create(office.scope, RunIn(agent="test", inputs={"size": "big", "colour": 1}))
    assert all(word in caught.value.message for word in ("question", "size", "colour"))
    assert (await service.runs(office.scope)).items == []


async def test_defaults_are_part_of_the_run(office: Office) -> None:
    await office.publish(NEEDY)
    made = await office.service().create(office.scope, ask(question="why"))
    assert made.inputs == {"question": "why", "size": 3}


@pytest.mark.parametrize("bad", [{"n": float("nan")}, {"n": float("inf")}])
async def test_what_is_not_json_is_refused(office: Office, bad: dict[str, Any]) -> None:
    await office.publish(ONE)
    with pytest.raises(InvalidInput):
        await office.service().create(office.scope, RunIn(agent="test", inputs=bad))


async def test_odd_text_comes_back_as_it_was(office: Office) -> None:
    odd = {"nul": "a\x00b", "half": "\ud800", "lc": {"lc": 1, "type": "constructor"}, "big": 10**40, "é": "ü"}
    office.probe.acts["a"] = lambda ctx, values: ctx.emit("message.delta", {"text": "\x00\ud800"})
    await office.publish(ONE)
    service = office.service()
    made = await service.create(office.scope, RunIn(agent="test", inputs=odd, metadata=odd))
    run = await ended(service, office.scope, made.id)
    assert (run.inputs, run.metadata, run.status) == (odd, odd, "succeeded")
    stored = await collect(office.service(), office.scope, made.id)
    assert [e.event.data for e in stored if e.event.type == "message.delta"] == [{"text": "\x00\ud800"}]


async def test_an_unknown_agent_is_not_found(office: Office) -> None:
    with pytest.raises(NotFound):
        await office.service().create(office.scope, ask("nobody"))


async def test_fifty_creates_with_one_key_make_one_run(office: Office) -> None:
    await office.publish(ONE)
    service, other = office.service(), office.service()
    made = await asyncio.gather(
        *(place.create(office.scope, ask(q=1), "key-1") for _ in range(25) for place in (service, other))
    )
    assert len({run.id for run in made}) == 1
    assert len((await service.runs(office.scope)).items) == 1
    await soon(lambda: service._roster.free == other._roster.free == 64)


async def test_one_key_for_two_requests_is_refused(office: Office) -> None:
    await office.publish(ONE)
    service = office.service()
    await service.create(office.scope, ask(q=1), "key-1")
    with pytest.raises(InvalidInput, match="another request"):
        await service.create(office.scope, ask(q=2), "key-1")
    for key in ("", "x" * 201, "a\x00b", "a\nb"):
        with pytest.raises(InvalidInput, match="printable"):
            await service.create(office.scope, ask(), key)


async def test_a_run_survives_who_asked_for_it(office: Office) -> None:
    await office.publish(ONE)
    service = office.service()
    for turns in range(12):
        request = asyncio.create_task(service.create(office.scope, ask()))
        for _ in range(turns):
            await asyncio.sleep(0)
        request.cancel()
        await asyncio.wait({request})
    await soon(lambda: service._roster.free == 64)
    await asyncio.sleep(0.05)
    await soon(lambda: service._roster.free == 64)
    assert {run.status for run in (await service.runs(office.scope)).items} <= {"succeeded"}


async def test_more_runs_than_slots_wait_and_all_end(office: Office) -> None:
    office.probe.acts["a"] = speak(5, pause=0.002)
    await office.publish(ONE)
    service = office.service(slots=2)
    await service.start()
    made = await asyncio.gather(*(service.create(office.scope, ask()) for _ in range(9)))
    assert sorted(run.status for run in made) == ["queued"] * 7 + ["running"] * 2
    for run in made:
        check_whole(await collect(service, office.scope, run.id))
    assert {run.status for run in (await service.runs(office.scope)).items} == {"succeeded"}


async def test_a_run_that_comes_while_others_are_looked_for_is_begun_once_there_is_room(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.probe.acts["a"] = speak(5, pause=0.002)
    await office.publish(ONE)
    service, due_runs, made = office.service(slots=1), repository.due_runs, []

    async def slowly(*arguments: Any, **named: Any) -> Any:
        found = await due_runs(*arguments, **named)
        monkeypatch.setattr(repository, "due_runs", due_runs)
        made.extend([await service.create(office.scope, ask()) for _ in range(2)])
        return found

    monkeypatch.setattr(repository, "due_runs", slowly)
    await service.start()
    await soon(lambda: len(made) == 2)
    assert [run.status for run in made] == ["running", "queued"]
    for run in made:
        check_whole(await collect(service, office.scope, run.id))


async def test_a_new_run_lines_up_behind_those_that_wait(office: Office) -> None:
    await office.publish(ONE)
    service = office.service(slots=1)
    service._roster.reserve()
    waiting = await service.create(office.scope, ask())
    service._roster.give_back()
    assert (await service.create(office.scope, ask())).status == "queued"
    for _ in range(2):
        await service._reconciler.look()
        await soon(lambda: service._roster.free == 1)
    first, second = [run.started_at for run in reversed((await service.runs(office.scope)).items)]
    assert first is not None
    assert second is not None
    assert first < second
    assert (await service.run(office.scope, waiting.id)).started_at == first
    assert (await service.create(office.scope, ask())).status == "running"


async def test_two_connections_are_enough_for_twenty_runs(office: Office) -> None:
    office.probe.acts["a"] = speak(30, pause=0.001)
    await office.publish(ONE)
    service = office.service()
    made = await asyncio.gather(*(service.create(office.scope, ask()) for _ in range(20)))
    feeds = await asyncio.gather(*(collect(service, office.scope, run.id) for run in made))
    for events in feeds:
        check_whole(events)
        assert events[-1].event.type == "run.finished"


async def test_runs_are_listed_by_pages(office: Office) -> None:
    await office.publish(ONE)
    await office.publish(ONE, "other")
    service = office.service()
    made = [await service.create(office.scope, ask(name)) for name in ("test", "other", "test", "test", "test")]
    pages, cursor = [], None
    while True:
        page = await service.runs(office.scope, Wanted(agent="test"), cursor=cursor, limit=2)
        pages.append([run.id for run in page.items])
        if (cursor := page.next) is None:
            break
    newest_first = [run.id for run in reversed(made) if run.agent == "test"]
    assert pages == [newest_first[:2], newest_first[2:]]
    assert (await service.runs(office.scope, Wanted(status="cancelled"))).items == []
    for wrong in ({"limit": 0}, {"limit": 201}, {"cursor": "x"}):
        with pytest.raises(InvalidInput):
            await service.runs(office.scope, **wrong)  # type: ignore[arg-type]


async def test_a_running_run_is_cancelled_at_once_here(office: Office) -> None:
    office.probe.acts["a"] = speak(1000, pause=0.01)
    await office.publish(ONE)
    service = office.service()
    made = await service.create(office.scope, ask())
    await soon(lambda: office.probe.ran)
    run = await service.cancel(office.scope, made.id)
    assert run.status == "cancelled"
    events = await collect(service, office.scope, made.id)
    check_whole(events)
    assert events[-1].event.type == "run.cancelled"
    assert (await service.cancel(office.scope, made.id)).status == "cancelled"


async def test_a_running_run_is_cancelled_from_another_process(office: Office) -> None:
    office.probe.acts["a"] = speak(1000, pause=0.01)
    await office.publish(ONE)
    service, other = office.service(), office.service()
    made = await service.create(office.scope, ask())
    await soon(lambda: office.probe.ran)
    await other.cancel(office.scope, made.id)
    check_whole(await collect(other, office.scope, made.id))
    assert (await other.run(office.scope, made.id)).status == "cancelled"


async def test_a_silent_run_is_cancelled_from_another_process(office: Office) -> None:
    """It writes nothing that could tell it, so the background has to."""
    office.probe.acts["a"] = lambda ctx, values: asyncio.sleep(60)
    await office.publish(ONE)
    service, other = office.service(), office.service()
    made = await service.create(office.scope, ask())
    await soon(lambda: office.probe.ran)
    await asyncio.sleep(0.1)
    await other.cancel(office.scope, made.id)
    await service._reconciler.look()
    check_whole(await collect(other, office.scope, made.id))


async def test_a_queued_run_is_cancelled(office: Office) -> None:
    await office.publish(ONE)
    service = office.service(slots=1)
    service._roster.reserve()
    made = await service.create(office.scope, ask())
    assert (await service.cancel(office.scope, made.id)).status == "cancelled"
    events = await collect(service, office.scope, made.id)
    assert [event.event.type for event in events] == ["run.cancelled"]


async def test_nobody_sees_another_organizations_runs(office: Office, other_scope: OrgScope) -> None:
    await office.publish(ONE)
    service = office.service()
    made = await service.create(office.scope, ask())
    await collect(service, office.scope, made.id)
    assert (await service.runs(other_scope)).items == []
    for attempt in (
        service.run(other_scope, made.id),
        service.cancel(other_scope, made.id),
        service.check_cursor(other_scope, made.id, 0),
        collect(service, other_scope, made.id),
        service.run(office.scope, str(uuid4())),
        service.run(office.scope, "no-id"),
    ):
        with pytest.raises(NotFound, match="there is no run"):
            await attempt
    for table in ("runs", "run_events", "run_checkpoints", "run_checkpoint_blobs"):
        async with office.uow(other_scope) as work:
            from sqlalchemy import text

            assert (await work.session.execute(text(f"SELECT count(*) FROM {table}"))).scalar() == 0
        assert (await office.sql(f"SELECT count(*) FROM {table}"))[0][0] > 0


async def test_a_run_that_never_waits_pays_nothing_for_those_that_do(office: Office) -> None:
    """What a short run asks of the database: to be accepted, and to be finished."""
    asked: list[str] = []

    class Counted(DirectPool):
        async def call(self, scope: OrgScope, function: str, *arguments: object) -> Any:
            asked.append(function)
            return await office.direct.call(scope, function, *arguments)

    await office.publish(ONE)
    service = office.service(pool=Counted("postgresql://nowhere"))
    made = await service.create(office.scope, ask())
    await soon(lambda: not service._roster.held)
    assert (asked[0], asked[-1]) == ("open_run", "finish_run_with_checkpoint")
    assert set(asked[1:-1]) <= {"append_run_events"}
    check_whole(await collect(service, office.scope, made.id))
