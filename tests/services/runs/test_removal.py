"""Runs that are not to be kept: gone a while after their end, with all that belongs to them but the counts of usage."""

from __future__ import annotations

from uuid import UUID

import pytest
from tests.services.runs.office import Office, ask, collect, ended, speak
from tests.services.runs.test_pauses import ONE, asks, interrupted
from tests.services.runs.test_replay import failing
from tests.services.runs.test_threads import on, thread

from girih.errors import NotFound
from girih.services.runs.schemas import RunIn

TABLES = ("run_events", "run_checkpoints", "run_checkpoint_blobs", "run_pauses")


async def test_it_is_removed_after_its_readers_had_the_end_and_what_it_cost_stays(office: Office) -> None:
    office.probe.acts["a"] = speak(3)
    await office.publish(ONE)
    patient, eager = office.service(), office.service(removal_after=0)
    made = await patient.create(office.scope, RunIn(agent="test", on_completion="delete"))
    other = await patient.create(office.scope, ask())
    assert (made.on_completion, other.on_completion) == ("delete", "keep")
    for run in (made, other):
        await ended(patient, office.scope, run.id)
    await patient._reconciler.look()
    assert len(await collect(patient, office.scope, made.id)) > 3, "those who come within a minute see the end"
    await eager._reconciler.look()
    with pytest.raises(NotFound):
        await eager.run(office.scope, made.id)
    assert (await eager.run(office.scope, other.id)).status == "succeeded"
    for table in TABLES:
        assert await office.sql(f"SELECT run_id FROM {table} WHERE run_id = :id", id=UUID(made.id)) == []
    ((calls,),) = await office.sql("SELECT sum(calls) FROM usage_counts")
    assert calls == 2


async def test_one_that_has_not_ended_stays(office: Office) -> None:
    office.probe.acts["a"] = asks()
    service = office.service(removal_after=0)
    made, _ = await interrupted(office, service, on_completion="delete")
    await service._reconciler.look()
    assert (await service.run(office.scope, made.id)).status == "interrupted"
    await service.cancel(office.scope, made.id)
    await office.service(removal_after=0)._reconciler.look()
    with pytest.raises(NotFound):
        await service.run(office.scope, made.id)


async def test_a_thread_whose_last_run_failed_stays_in_error_when_that_run_is_removed(office: Office) -> None:
    office.probe.acts["a"] = fails = failing
    await office.publish(ONE)
    service = office.service()
    here = await thread(service, office.scope)
    first = await service.create(office.scope, on(here))
    assert (await ended(service, office.scope, first.id)).status == "failed"
    await service.replays.remove(office.scope, UUID(first.id))
    assert (await service.threads.thread(office.scope, here)).status == "error"
    del office.probe.acts["a"]
    second = await service.create(office.scope, on(here))
    await ended(service, office.scope, second.id)
    assert (await service.threads.thread(office.scope, here)).status == "idle"
    office.probe.acts["a"] = fails
    third = await service.create(office.scope, on(here))
    await ended(service, office.scope, third.id)
    for run in (third, second):
        await service.replays.remove(office.scope, UUID(run.id))
        assert (await service.threads.thread(office.scope, here)).status == "error"
    await service.threads.delete(office.scope, here)
