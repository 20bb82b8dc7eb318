"""Moments of threads, from their rows: a state between two runs, or a checkpoint of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.runs import snapshot_repository as repository
from girih.services.runs import thread_repository
from girih.services.runs.replay_schemas import CheckpointOut
from girih.services.runs.schemas import InterruptOut
from girih.services.runs.snapshot_schemas import Snapshot, SnapshotTask, Source
from girih.services.runs.tables import Run
from girih.services.runs.thread_tables import Thread, ThreadState

_SOURCES: dict[str, Source] = {"run": "loop", "update": "update", "fork": "fork", "copy": "fork"}

Key = tuple[datetime, int, str]
"""Where a moment stands in the line: what a run went through stands right before what it left."""


@dataclass(frozen=True)
class Within:
    """A run, with what its thread was in before it, its outputs then, and what the run left."""

    run: Run
    before: ThreadState | None
    outputs: JsonObject | None
    left: ThreadState | None

    def key(self, checkpoint_id: str, at: datetime) -> Key:
        """Where a checkpoint of the run stands in the line."""
        return (self.left.created_at if self.left is not None else at, 0, checkpoint_id)


def at_beginning(thread: Thread, within: Within, start: str, pauses: Sequence[InterruptOut]) -> Snapshot:
    """Where a thread is whose run has come to no checkpoint yet: in the state before it, its first node comes next."""
    task = SnapshotTask(node=start, pauses=list(pauses), error=_error(within.run))
    before = within.before
    return Snapshot(
        id=str(before.id) if before is not None else None,
        parent_id=str(before.parent_id) if before is not None and before.parent_id is not None else None,
        thread_id=thread.id,
        source=_SOURCES[before.source] if before is not None else "input",
        is_newest=True,
        run_id=within.run.id,
        agent=within.run.agent,
        state=before.state if before is not None else {},
        outputs=within.outputs,
        tasks=[task],
        created_at=before.created_at if before is not None else within.run.created_at,
    )


def of_step(
    within: Within, step: CheckpointOut, parent: str | None, pauses: Sequence[InterruptOut], *, is_newest: bool
) -> Snapshot:
    """The moment of a checkpoint; `pauses` are what the run waits for there."""
    run = within.run
    assert run.thread_id is not None  # noqa: S101 - it was found on one
    tasks = [SnapshotTask(node=node) for node in step.next]
    for pause in pauses:
        _task(tasks, pause.node).pauses.append(pause)
    if is_newest and run.error is not None:
        _task(tasks, str(run.error.get("node") or "")).error = _error(run)
    return Snapshot(
        id=step.id,
        parent_id=parent,
        thread_id=run.thread_id,
        source="loop" if step.results else "input",
        is_within_run=True,
        is_newest=is_newest,
        run_id=run.id,
        agent=run.agent,
        state=(within.before.state if within.before is not None else {}) | step.state,
        outputs=within.outputs,
        tasks=tasks,
        created_at=datetime.fromisoformat(step.created_at),
    )


def _error(run: Run) -> str | None:
    return str(run.error.get("message") or "") if run.error is not None else None


def stands_within(run: Run, state: ThreadState | None) -> bool:
    """Whether the thread stands where the run is: it goes on, or has failed and nobody has changed the thread since."""
    if run.finished_at is None:
        return True
    return run.status == "failed" and (state is None or state.created_at < run.finished_at)


def _task(tasks: list[SnapshotTask], node: str) -> SnapshotTask:
    """The task of a node, also of one inside of it."""
    names = (node, node.split("/")[0], node.split(".")[0])
    for name in names:
        for task in tasks:
            if task.node == name:
                return task
    if not tasks:
        tasks.append(SnapshotTask(node=node))
    return tasks[0]


async def around(work: Work, run: Run) -> Within:
    """The run, and what was before and after it."""
    before = await repository.state_before(work, run)
    outputs = await repository.outputs_at(work, before) if before is not None else None
    return Within(run, before, outputs, await repository.state_left_by(work, run))


async def state_of(work: Work, thread: Thread, state_id: UUID | None) -> ThreadState | None:
    """The thread's state of that id."""
    if state_id is None:
        return None
    return await thread_repository.state(work, thread.org_id, thread.id, state_id)


async def of_state(work: Work, thread: Thread, row: ThreadState | None, *, is_newest: bool) -> Snapshot:
    """The moment of a state, or of a thread that has held nothing yet."""
    if row is None:
        return Snapshot(thread_id=thread.id, agent=thread.agent, is_newest=is_newest)
    return Snapshot(
        id=str(row.id),
        parent_id=await _parent(work, row),
        thread_id=thread.id,
        source=_SOURCES[row.source],
        is_newest=is_newest,
        run_id=row.run_id,
        agent=thread.agent,
        state=row.state,
        outputs=await repository.outputs_at(work, row),
        created_at=row.created_at,
    )


async def _parent(work: Work, row: ThreadState) -> str | None:
    """What came before: for a state that a run left, the last moment within the run, if it is kept."""
    if row.source == "run" and row.run_id is not None:
        run = await work.session.get(Run, row.run_id)
        steps = await repository.checkpoints_before(work, run, None, limit=2) if run is not None else ()
        # After the last node of a run that ended well there is one more checkpoint, which is this state itself.
        at = 1 if run is not None and run.status == "succeeded" else 0
        if len(steps) > at:
            return steps[at]
    return str(row.parent_id) if row.parent_id is not None else None
