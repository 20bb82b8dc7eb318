"""Moments of threads, from their rows: a state between two runs, a run's beginning, or a checkpoint of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from girih.db.unit_of_work import Work
from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject
from girih.services.runs import snapshot_repository as repository
from girih.services.runs import thread_repository
from girih.services.runs.replay_schemas import CheckpointOut
from girih.services.runs.schemas import InterruptOut
from girih.services.runs.snapshot_schemas import Snapshot, SnapshotTask, Source
from girih.services.runs.tables import Run
from girih.services.runs.thread_tables import Thread, ThreadState
from girih.services.runs.values_fold import begun

_SOURCES: dict[str, Source] = {"run": "loop", "update": "update", "fork": "fork", "copy": "fork"}

_MOST_PASSED = 200

Key = tuple[datetime, int, str]
"""Where a moment stands in the line: what a run went through stands right before what it left."""


@dataclass(frozen=True)
class Within:
    """A run, with what its thread was in before it, its outputs then, and what the run left.

    `source` is the moment of another run that it goes on from, `passed` what that run went through.
    """

    run: Run
    before: ThreadState | None
    outputs: JsonObject | None
    left: ThreadState | None
    source: str | None = None
    passed: frozenset[str] = frozenset()

    @property
    def first(self) -> str:
        """The moment before its first checkpoint."""
        return self.source or str(self.run.id)

    def key(self, checkpoint_id: str, at: datetime) -> Key:
        """Where a checkpoint of the run stands in the line."""
        return (self.left.created_at if self.left is not None else at, 0, checkpoint_id)

    def first_key(self) -> Key:
        """Where its beginning stands in the line."""
        at, _, name = self.key(str(self.run.id), _began(self.run))
        return at, -1, name


def at_root(thread: Thread) -> Snapshot:
    """Before anything was on the thread; its id is the thread's."""
    return Snapshot(
        id=str(thread.id), thread_id=thread.id, source="input", agent=thread.agent, created_at=thread.created_at
    )


def root_key(thread: Thread) -> Key:
    """Where that stands in the line."""
    return thread.created_at, -2, str(thread.id)


def at_beginning(
    within: Within, plan: Plan, said: Sequence[JsonObject], pauses: Sequence[InterruptOut], *, is_newest: bool
) -> Snapshot:
    """Where a run begins, with what it was told: its first node comes next. Its id is the run's."""
    run, before = within.run, within.before
    assert run.thread_id is not None  # noqa: S101 - it was found on one
    error = _error(run) if is_newest else None
    return Snapshot(
        id=str(run.id),
        parent_id=within.source or str(before.id if before is not None else run.thread_id),
        thread_id=run.thread_id,
        source="input",
        is_within_run=True,
        is_beginning=True,
        is_newest=is_newest,
        run_id=run.id,
        agent=run.agent,
        state=begun(plan, str(run.id), before.state if before is not None else {}, run.inputs, said),
        outputs=within.outputs,
        tasks=[SnapshotTask(node=plan.start, pauses=list(pauses), error=error)],
        created_at=_began(run),
    )


def _began(run: Run) -> datetime:
    return run.started_at or run.created_at


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
    source, passed = await _source(work, run)
    return Within(run, before, outputs, await repository.state_left_by(work, run), source, passed)


async def _source(work: Work, run: Run) -> tuple[str | None, frozenset[str]]:
    """The moment of another run that this one goes on from, and what that run went through."""
    source = await work.session.get(Run, run.source_run_id) if run.source_run_id is not None else None
    if source is None:
        return None, frozenset()
    passed = await repository.checkpoints_before(work, source, None, limit=_MOST_PASSED)
    return run.source_checkpoint or next(iter(passed), str(source.id)), frozenset(passed)


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
    """What came before: for a state that a run left, the last moment within the run that is kept."""
    run = await work.session.get(Run, row.run_id) if row.source == "run" and row.run_id is not None else None
    if run is not None:
        source, passed = await _source(work, run)
        steps = await repository.checkpoints_before(work, run, None, limit=2)
        # After the last node of a run that ended well there is one more checkpoint, which is this state itself.
        own = [step for step in steps[1 if run.status == "succeeded" else 0 :] if step not in passed]
        return own[0] if own else source or str(run.id)
    return str(row.parent_id) if row.parent_id is not None else None
