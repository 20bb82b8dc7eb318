"""Threads as they were and are: one line of moments, between runs and within them, each found by its id."""

from __future__ import annotations

from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.engine.shared_state import SharedState
from girih.errors import Conflict, NotFound
from girih.language.spec.tree import JsonObject
from girih.services.runs import snapshot_repository as repository
from girih.services.runs import thread_repository
from girih.services.runs.inner_states import InnerStates
from girih.services.runs.interrupts import out
from girih.services.runs.links import no_such_thread
from girih.services.runs.moments import (
    Key,
    Within,
    around,
    at_beginning,
    at_root,
    of_state,
    of_step,
    root_key,
    stands_within,
    state_of,
)
from girih.services.runs.past import chat_of
from girih.services.runs.ports import Agents
from girih.services.runs.replay import Replays
from girih.services.runs.replay_schemas import CheckpointOut
from girih.services.runs.schemas import InterruptOut
from girih.services.runs.snapshot_schemas import Snapshot
from girih.services.runs.tables import Run
from girih.services.runs.thread_schemas import Onto, StateIn
from girih.services.runs.thread_tables import Thread
from girih.services.runs.threads import Threads

_RUNS_AT_ONCE = 10


class Snapshots:
    """Reads moments of threads, and takes threads back to them."""

    def __init__(self, uow: UnitOfWork, agents: Agents, threads: Threads, replays: Replays) -> None:
        self._uow = uow
        self._agents = agents
        self._threads = threads
        self._replays = replays
        self.inner_states = InnerStates(uow, agents, replays)

    async def newest(self, scope: OrgScope, thread_id: UUID) -> Snapshot:
        """The thread as it stands: where its run is, if one is on it or has failed last; else its newest state."""
        async with self._uow(scope) as work:
            thread = await _thread(work, scope, thread_id)
            state = await state_of(work, thread, thread.state_id)
            run = await repository.last_run(work, scope, thread_id)
            checkpoint = None
            if run is not None and stands_within(run, state):
                checkpoint = next(iter(await repository.checkpoints_before(work, run, None, limit=1)), None)
        if run is not None and stands_within(run, state):
            found = await self._within_run(scope, run, checkpoint, is_newest=True) if checkpoint else None
            return found or await self._at_beginning(scope, run, is_newest=True)
        async with self._uow(scope) as work:
            return await of_state(work, thread, state, is_newest=True)

    async def snapshot(self, scope: OrgScope, thread_id: UUID, snapshot_id: str) -> Snapshot:
        """One moment of the thread. Raises `NotFound`, also for a checkpoint that is not kept any more."""
        async with self._uow(scope) as work:
            thread = await _thread(work, scope, thread_id)
            number = _uuid(snapshot_id)
            state = await state_of(work, thread, number)
            if state is not None:
                return await of_state(work, thread, state, is_newest=state.id == thread.state_id)
            if number is None:
                raise _no_such(thread_id, snapshot_id)
            if number == thread_id:
                return at_root(thread)
            begun = await repository.run_on(work, scope, thread_id, number)
            if begun is not None:
                steps = await repository.checkpoints_before(work, begun, None, limit=1)
                is_newest = not steps and stands_within(begun, await state_of(work, thread, thread.state_id))
            run = await repository.run_of_checkpoint(work, scope, thread_id, snapshot_id[:100])
            last = await repository.checkpoints_before(work, run, None, limit=1) if run is not None else ()
            is_last = run is not None and snapshot_id in last and stands_within(run, None)
        if begun is not None:
            return await self._at_beginning(scope, begun, is_newest=is_newest)
        found = await self._within_run(scope, run, snapshot_id, is_newest=is_last) if run is not None else None
        if found is None:
            raise _no_such(thread_id, snapshot_id)
        return found

    async def history(
        self, scope: OrgScope, thread_id: UUID, *, before: str | None = None, limit: int = 10
    ) -> list[Snapshot]:
        """The thread's moments before that one, the newest first. Raises `NotFound`."""
        later = await self.snapshot(scope, thread_id, before) if before is not None else None
        edge = await self._key(scope, thread_id, later) if later is not None else None
        moment = edge[0] if edge is not None else None
        async with self._uow(scope) as work:
            thread = await _thread(work, scope, thread_id)
            rows = await repository.states_before(work, scope.org_id, thread_id, moment, limit=limit + 1)
            found: dict[Key, Snapshot] = {
                (row.created_at, 1, str(row.id)): await of_state(work, thread, row, is_newest=row.id == thread.state_id)
                for row in rows
            }
        found = {key: one for key, one in found.items() if edge is None or key < edge}
        found |= await self._within_runs(scope, thread_id, edge, limit)
        if any(one is not None and one.parent_id == str(thread_id) for one in (later, *found.values())):
            found[root_key(thread)] = at_root(thread)
        return [found[key] for key in sorted(found, reverse=True)[:limit]]

    async def edit(self, scope: OrgScope, thread_id: UUID, values: JsonObject, *, at: str | None = None) -> Snapshot:
        """Write values as a node would, on the newest state or on the moment `at`, to which the thread then goes back.

        Raises `ThreadBusy` while a run is on it, `InvalidInput` for values that do not fit, `NotFound`.
        """
        body, plan = StateIn(state=values, merge=True), None
        base = await self.snapshot(scope, thread_id, at) if at is not None else None
        number, onto = _uuid(str(base.id)) if base is not None else None, None
        if base is not None and base.is_within_run:
            assert base.run_id is not None  # noqa: S101 - it is within one
            async with self._uow(scope) as work:
                run = await repository.run_on(work, scope, thread_id, base.run_id)
                assert run is not None and number is not None  # noqa: S101 - it was found above
                before = await repository.state_before(work, run)
            onto = Onto(number, before.run_id if before is not None else None)
            plan = await self._agents.plan(scope, run.digest)
            shared = SharedState(plan)
            merged = shared.seen(shared.after(base.state, list(values.items())))
            body = StateIn(
                state={name: value for name, value in merged.items() if name in shared.names or name in values},
                replace=True,
            )
        elif number == thread_id:
            body, onto = StateIn(state=values, replace=True), Onto(thread_id, None)
        elif base is not None:
            body = StateIn(state=values, merge=True, state_id=number)
        made = await self._threads.edit(scope, thread_id, body, plan, onto=onto)
        return await self.snapshot(scope, thread_id, str(made.id))

    async def _key(self, scope: OrgScope, thread_id: UUID, found: Snapshot) -> Key:
        assert found.created_at is not None and found.id is not None  # noqa: S101 - one with an id was made once
        async with self._uow(scope) as work:
            if found.id == str(thread_id):
                return root_key(await _thread(work, scope, thread_id))
            if not found.is_within_run or found.run_id is None:
                return found.created_at, 1, found.id
            run = await repository.run_on(work, scope, thread_id, found.run_id)
            assert run is not None  # noqa: S101 - it was found above
            within = await around(work, run)
        return within.first_key() if found.is_beginning else within.key(found.id, found.created_at)

    async def _within_runs(self, scope: OrgScope, thread_id: UUID, edge: Key | None, limit: int) -> dict[Key, Snapshot]:
        """Moments within runs before the edge, of so many of the newest runs that there are `limit` of them."""
        found: dict[Key, Snapshot] = {}
        seen: set[str] = set()
        for offset in range(0, 1_000_000, _RUNS_AT_ONCE):
            async with self._uow(scope) as work:
                runs = await repository.runs_before(
                    work, scope, thread_id, edge[0] if edge else None, limit=_RUNS_AT_ONCE, offset=offset
                )
                found_runs = [await around(work, run) for run in runs]
            for one in found_runs:
                for key, snapshot in (await self._moments(scope, one)).items():
                    if snapshot.id not in seen and (edge is None or key < edge):
                        found[key] = snapshot
                        seen.add(str(snapshot.id))
                if len(found) >= limit:
                    return found
            if len(runs) < _RUNS_AT_ONCE:
                break
        return found

    async def _moments(self, scope: OrgScope, within: Within) -> dict[Key, Snapshot]:
        listed = (await self._replays.checkpoints(scope, within.run.id)).items
        steps = [one for one in listed if one.next and one.id not in within.passed]
        parents = [*(step.id for step in steps[1:]), within.first]
        found: dict[Key, Snapshot] = {}
        if within.source is None:
            is_newest = not listed and stands_within(within.run, within.left)
            found[within.first_key()] = await self._at_beginning(scope, within.run, is_newest=is_newest)
        for step, parent in zip(steps, parents, strict=False):
            is_newest = step is listed[0] and stands_within(within.run, within.left)
            snapshot = await self._snapshot(scope, within, step, parent, is_newest=is_newest)
            assert snapshot.created_at is not None  # noqa: S101 - a checkpoint knows when it was made
            found[within.key(step.id, snapshot.created_at)] = snapshot
        return found

    async def _within_run(self, scope: OrgScope, run: Run, checkpoint_id: str, *, is_newest: bool) -> Snapshot | None:
        """The moment of a checkpoint; `None` where it is not kept any more."""
        try:
            stored = await self._replays.at(scope, run.id, checkpoint_id)
        except (NotFound, Conflict):
            return None
        async with self._uow(scope) as work:
            within = await around(work, run)
            earlier = await repository.checkpoints_before(work, run, checkpoint_id, limit=1)
        parent = next((one for one in earlier if one not in within.passed), within.first)
        step = CheckpointOut(
            id=stored.checkpoint_id,
            created_at=stored.at,
            next=list(stored.next),
            results=list(stored.results),
            state=stored.state,
        )
        return await self._snapshot(scope, within, step, parent, is_newest=is_newest)

    async def _at_beginning(self, scope: OrgScope, run: Run, *, is_newest: bool) -> Snapshot:
        plan = await self._agents.plan(scope, run.digest)
        async with self._uow(scope) as work:
            within = await around(work, run)
            said = (await chat_of(work, scope.org_id, run.id) or {}).get("messages") or () if plan.chat else ()
        pauses = await self._pauses(scope, run) if is_newest else ()
        return at_beginning(within, plan, said, pauses, is_newest=is_newest)

    async def _pauses(self, scope: OrgScope, run: Run) -> list[InterruptOut]:
        if run.finished_at is not None:
            return []
        async with self._uow(scope) as work:
            return [out(row) for row in await repository.open_pauses(work, scope.org_id, [run.id])]

    async def _snapshot(
        self, scope: OrgScope, within: Within, step: CheckpointOut, parent: str | None, *, is_newest: bool
    ) -> Snapshot:
        pauses = await self._pauses(scope, within.run) if is_newest else []
        return of_step(within, step, parent, pauses, is_newest=is_newest)


async def _thread(work: Work, scope: OrgScope, thread_id: UUID) -> Thread:
    found = await thread_repository.thread(work, scope, thread_id)
    if found is None:
        raise no_such_thread(thread_id)
    return found


def _no_such(thread_id: UUID, snapshot_id: str) -> NotFound:
    return NotFound(
        f"thread {thread_id} has no checkpoint {snapshot_id[:100]!r}", help="its history lists those it has"
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
