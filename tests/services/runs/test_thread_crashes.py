"""A process that is killed around what it commits to a thread: the state is neither lost nor doubled, and the line goes on."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.services.runs.office import Office, check_whole, collect, ended
from tests.services.runs.test_threads import on, thread
from tests.services.runs.thread_victim import STEPS

from girih.services.runs.service import RunService

ROOT = Path(__file__).parents[3]


async def killed_at(office: Office, url: str, point: str, here: UUID, how: str = "") -> None:
    """A process of its own begins to work on the thread and ends at the point."""
    names = [url, str(office.scope.org_id), str(office.scope.project_id)]
    published = office.agents.by_name["test"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.services.runs.thread_victim", *names, str(published.version_id), str(here), how,
        cwd=ROOT,
        env=os.environ | {"GIRIH_CRASH_AT": point, "PYTHONPATH": f"{ROOT}:{ROOT / 'backend'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        _, said = await process.communicate()
    assert process.returncode == 9, said.decode()


async def whole_line(office: Office, service: RunService, here: UUID) -> list[Any]:
    """Every run of the thread, in line, once each has ended: nobody but this process is there to see to that."""
    await office.sql("UPDATE runs SET lease_until = now() - interval '1 second' WHERE status = 'running'")
    async with asyncio.timeout(20):
        while await office.sql("SELECT id FROM runs WHERE finished_at IS NULL"):
            await service._reconciler.look()
            await asyncio.sleep(0.02)
    rows = await office.sql(
        "SELECT id::text, status, attempt FROM runs WHERE thread_id = :id ORDER BY thread_seq", id=here
    )
    for row in rows:
        check_whole(await collect(service, office.scope, row.id))
    return rows


async def states(service: RunService, office: Office, here: UUID) -> list[tuple[int, str | None]]:
    """What the thread has held, the oldest first, and which run left it so."""
    history = (await service.threads.history(office.scope, here)).items
    assert [one.parent_id for one in history] == [one.id for one in history[1:]] + [None] * bool(history)
    return [(one.state["total"], one.run_id) for one in reversed(history)]


@pytest.mark.parametrize(
    ("point", "before"),
    [
        ("run.created", []),
        ("checkpoint.before@2", []),
        ("checkpoint.after@2", []),
        ("finish.before", []),
        ("finish.after", [3]),
    ],
)
async def test_what_a_run_leaves_is_there_once_with_its_end(
    office: Office, database_url: str, point: str, before: list[int]
) -> None:
    await office.publish(STEPS)
    service = office.service()
    here = await thread(service, office.scope)
    await killed_at(office, database_url, point, here)
    assert [total for total, _ in await states(service, office, here)] == before
    second = await service.create(office.scope, on(here, "enqueue"))
    first, _ = await whole_line(office, service, here)
    assert first.status == "succeeded"
    assert (await ended(service, office.scope, second.id)).status == "succeeded"
    assert await states(service, office, here) == [(3, first.id), (6, second.id)]


@pytest.mark.parametrize("point", ["finish.before", "finish.after"])
@pytest.mark.parametrize(("how", "kept"), [("interrupt", 2), ("rollback", 0)])
async def test_what_a_replaced_run_did_is_kept_or_dropped_once(
    office: Office, database_url: str, point: str, how: str, kept: int
) -> None:
    await office.publish(STEPS)
    service = office.service()
    here = await thread(service, office.scope)
    await killed_at(office, database_url, point, here, how)
    first, second = await whole_line(office, service, here)
    assert (first.status, second.status) == ("cancelled", "succeeded")
    left = [(kept, first.id)] if kept else []
    assert await states(service, office, here) == [*left, (kept + 3, second.id)]
    assert (await service.threads.thread(office.scope, here)).status == "idle"


@pytest.mark.parametrize(
    ("point", "kept"),
    [("checkpoint.put_off", 2), ("finish.before", 2), ("checkpoint.caught_up", 3), ("finish.after", 3)],
)
async def test_a_run_that_is_stopped_behind_its_last_node_leaves_what_is_recorded_and_no_more(
    office: Office, database_url: str, point: str, kept: int
) -> None:
    await office.publish(STEPS)
    service = office.service()
    here = await thread(service, office.scope)
    await killed_at(office, database_url, point, here, "stop")
    (first,) = await whole_line(office, service, here)
    assert first.status == "cancelled"
    assert await states(service, office, here) == [(kept, first.id)]
    events = await collect(service, office.scope, first.id)
    done = [event.event.node for event in events if event.event.type == "node.finished"]
    assert done == ["s0", "s1", "s2"][:kept]
    assert office.probe.ran == []
    assert len(await office.sql("SELECT 1 FROM run_checkpoints WHERE run_id = :id", id=UUID(first.id))) == kept
