"""Where a run that waits or has failed stands in the graphs inside of it, read from their own checkpoints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.engine.shared_state import SharedState
from girih.engine.stored_state import StoredState
from girih.language.compiler.plan import Plan
from girih.services.runs import repository, snapshot_repository
from girih.services.runs.ports import Agents
from girih.services.runs.replay import Replays
from girih.services.runs.schemas import InterruptOut
from girih.services.runs.snapshot_schemas import InnerSnapshot, Snapshot, SnapshotTask

_GRAPH = "graph"


@dataclass(frozen=True)
class _Place:
    """A graph that is under way: `ns` is its place among the run's checkpoints, `path` its node's in the run."""

    run_id: UUID
    plan: Plan
    ns: str = ""
    path: str = ""


class InnerStates:
    """Reads moments of the graphs inside of a run."""

    def __init__(self, uow: UnitOfWork, agents: Agents, replays: Replays) -> None:
        self._uow = uow
        self._agents = agents
        self._replays = replays

    async def with_inner(self, scope: OrgScope, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the states inside of its tasks, where it is the one that its run stands at."""
        if not (snapshot.is_newest and snapshot.is_within_run) or snapshot.run_id is None:
            return snapshot
        async with self._uow(scope) as work:
            row = await repository.run(work, scope, snapshot.run_id)
        if row is None:
            return snapshot
        place = _Place(row.id, await self._agents.plan(scope, row.digest))
        return snapshot.model_copy(update={"tasks": await self._tasks(scope, place, snapshot.tasks)})

    async def _tasks(self, scope: OrgScope, place: _Place, tasks: Iterable[SnapshotTask]) -> list[SnapshotTask]:
        digests = {node.name: node.settings.get("digest") for node in place.plan.nodes if node.verb == _GRAPH}
        found = []
        for task in tasks:
            digest = digests.get(task.node)
            inner = await self._inner(scope, place, task, str(digest)) if digest else None
            found.append(task.model_copy(update={"inner": inner}))
        return found

    async def _inner(self, scope: OrgScope, around: _Place, task: SnapshotTask, digest: str) -> InnerSnapshot | None:
        """Where the graph of a task stands; `None` where it has neither come to a checkpoint nor waits for anything."""
        plan, path = await self._agents.plan(scope, digest), f"{around.path}{task.node}/"
        async with self._uow(scope) as work:
            begins = f"{around.ns}{task.node}#"
            ns = await snapshot_repository.newest_space(work, scope.org_id, around.run_id, begins)
        stored = await self._replays.within(scope, around.run_id, ns) if ns is not None else None
        inside = [pause for pause in task.pauses if pause.node.startswith(path)]
        if stored is None and not inside:
            return None
        place = _Place(around.run_id, plan, ns or "", path)
        tasks = _waiting(_next(stored, plan), inside, path)
        shared = SharedState(plan)
        return InnerSnapshot(
            id=stored.checkpoint_id if stored is not None else None,
            state=shared.seen(stored.state if stored is not None else shared.beginning({})),
            tasks=await self._tasks(scope, place, tasks) if ns is not None else tasks,
            created_at=stored.at if stored is not None else None,
        )


def _next(stored: StoredState | None, plan: Plan) -> list[SnapshotTask]:
    return [SnapshotTask(node=node) for node in (stored.next if stored is not None else (plan.start,))]


def _waiting(tasks: list[SnapshotTask], pauses: Iterable[InterruptOut], path: str) -> list[SnapshotTask]:
    """The tasks with what they wait for; what a branch waits for stands at its fork."""
    by_node = {task.node: task for task in tasks}
    for pause in pauses:
        name = pause.node.removeprefix(path).partition("/")[0].partition("[")[0]
        waiting = by_node.get(name, tasks[0] if tasks else None)
        if waiting is not None:
            waiting.pauses.append(pause)
    return tasks
