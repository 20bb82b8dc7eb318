"""A process that is killed at each named point: the next one brings its runs to their end, each result once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from tests.services.runs.office import Office, check_whole, collect
from tests.services.runs.test_pauses import waits
from tests.services.runs.victim import LINE, asking

from girih.services.runs.schemas import ResumeIn

ROOT = Path(__file__).parents[3]


def run_victim(
    office: Office, url: str, point: str, *, switch: bool = True, asks: bool = False, webhook: str = ""
) -> int:
    """A process of its own that makes one run and dies on the way, if the switch is on."""
    scope = office.scope
    arguments = [url, str(scope.org_id), str(scope.project_id), "on" if switch else "off"]
    published = office.agents.by_name["test"]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.services.runs.victim",
            *arguments,
            str(published.version_id),
            "asks" if asks else "",
            webhook,
        ],
        cwd=ROOT,
        env=os.environ | {"GIRIH_CRASH_AT": point, "PYTHONPATH": f"{ROOT}:{ROOT / 'backend'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode


@pytest.mark.parametrize(
    ("point", "recorded"),
    [
        ("run.created", ""),
        ("checkpoint.before", ""),
        ("checkpoint.after", "a"),
        ("checkpoint.before@2", "a"),
        ("checkpoint.after@2", "ab"),
        ("checkpoint.put_off", "ab"),
        ("finish.before", "ab"),
        ("finish.after", "abc"),
    ],
)
async def test_a_killed_process_leaves_nothing_undone_and_nothing_twice(
    office: Office, database_url: str, point: str, recorded: str
) -> None:
    await office.publish(LINE)
    assert run_victim(office, database_url, point) == 9
    ((run_id,),) = await office.sql("SELECT id::text FROM runs")
    assert "".join(row.node for row in await office.sql(FINISHED, id=UUID(run_id))) == recorded
    if point != "finish.after":
        await office.let_lease_run_out(run_id)
    service = office.service()
    await service._reconciler.look()
    events = await collect(service, office.scope, run_id)
    check_whole(events)
    assert events[-1].event.type == "run.finished"
    assert [e.event.node for e in events if e.event.type == "node.finished"] == ["a", "b", "c"]
    assert "".join(office.probe.ran) == "abc".removeprefix(recorded)
    assert (await service.run(office.scope, run_id)).outputs == {"all": "abc"}


FINISHED = "SELECT node FROM run_events WHERE run_id = :id AND type = 'node.finished' ORDER BY seq"


async def test_without_the_switch_the_environment_kills_nothing(office: Office, database_url: str) -> None:
    await office.publish(LINE)
    assert run_victim(office, database_url, "run.created", switch=False) == 0


@pytest.mark.parametrize(
    ("point", "status", "state"),
    [
        ("interrupt.before", "running", None),
        ("interrupt.after", "interrupted", "open"),
        ("answer.after", "queued", "answered"),
        ("run.claimed", "running", "answered"),
    ],
)
async def test_a_process_that_is_killed_around_a_wait_loses_neither_question_nor_answer(
    office: Office, database_url: str, point: str, status: str, state: str | None
) -> None:
    await office.publish(LINE)
    assert run_victim(office, database_url, point, asks=True) == 9
    ((run_id, found),) = await office.sql("SELECT id::text, status FROM runs")
    assert found == status
    assert [row.state for row in await office.sql("SELECT state FROM run_pauses")] == ([state] if state else [])
    if status == "running":
        await office.let_lease_run_out(run_id)
    office.probe.acts["b"] = asking
    service = office.service()
    await service._reconciler.look()
    if state != "answered":
        assert len(await waits(service, office.scope, run_id)) == 1
        await service.resume(office.scope, UUID(run_id), ResumeIn(answer="b"))
        await service._reconciler.look()
    events = await collect(service, office.scope, run_id)
    check_whole(events)
    assert [e.event.node for e in events if e.event.type == "node.finished"] == ["a", "b", "c"]
    assert [e.event.type for e in events].count("run.interrupted") == 1
    (answered,) = [e.event.data["answers"] for e in events if "answers" in e.event.data]
    assert list(answered.values()) == ["b"]
    assert (await service.run(office.scope, run_id)).outputs == {"all": "abc"}
