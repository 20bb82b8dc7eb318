"""Running again: from the node that failed, from any checkpoint, with another version; and many runs at once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.engine.stored_state import StoredState, read_stored
from girih.errors import Conflict, GirihError, InvalidInput, LeaseLost, NotFound
from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject
from girih.services.runs import repository
from girih.services.runs.admission import LONGEST_KEY, Admission
from girih.services.runs.backlog import Covers, everything
from girih.services.runs.chats import asked_again
from girih.services.runs.checkpoint_store import SqlCheckpointStore
from girih.services.runs.conditions import CheckpointsSince
from girih.services.runs.crash import CrashPoints
from girih.services.runs.end_users import require_own
from girih.services.runs.links import Link
from girih.services.runs.options import breakpoints_of
from girih.services.runs.past import chat_of
from girih.services.runs.ports import Agents
from girih.services.runs.reader import Reader, no_such_run
from girih.services.runs.replay_schemas import (
    BatchIn,
    BatchItem,
    BatchOut,
    CheckpointList,
    CheckpointOut,
    Refusal,
    RetryIn,
    RunChange,
)
from girih.services.runs.schemas import ENDED, RunIn, RunOut
from girih.services.runs.shown import out
from girih.services.runs.tables import Run

MOST_CHECKPOINTS = 200
"""So many of a run's newest checkpoints are listed."""
SETTLED = frozenset({"run.interrupted", "run.finished", "run.failed", "run.cancelled"})
"""Events after which a run does nothing until somebody else does something."""


class _ReadOnly:
    """The journal of a run that is only looked at."""

    async def write(self, function: str, *arguments: object, covers: Covers = everything) -> int:
        del covers
        raise LeaseLost(f"{function} of {len(arguments)} arguments: this run is only looked at here")


class Replays:
    """Makes runs from runs."""

    def __init__(
        self, uow: UnitOfWork, agents: Agents, admission: Admission, reader: Reader, checkpoints_since: CheckpointsSince
    ) -> None:
        self._uow = uow
        self._checkpoints_since = checkpoints_since
        self._agents = agents
        self._admission = admission
        self._reader = reader

    async def retry(self, scope: OrgScope, run_id: UUID, body: RetryIn) -> RunOut:
        """A new run that goes on where one that has ended was, with its inputs, on its thread.

        Raises `Conflict` for a run that has not ended, ended well where no checkpoint is named, or has lost its
        checkpoints, and `InvalidInput` for a version that cannot go on from there.
        """
        row, chat = await self._row(scope, run_id), await self._chat(scope, run_id)
        if row.status not in ENDED:
            raise Conflict(f"run {run_id} is {row.status}: it has not ended", help="wait for its end, or cancel it")
        if row.status == "succeeded" and body.checkpoint_id is None:
            raise Conflict(
                f"run {run_id} ended well: there is no failure to go on from",
                help="name a `checkpoint_id`, or start a new run",
            )
        await self._require_checkpoints(scope, row)
        link = Link(row.thread_id, body.multitask, row.id)
        if body.checkpoint_id is not None or body.agent is not None:
            stored = await self._stored(scope, row.id, body.checkpoint_id)
            if stored is not None:
                await self._check(scope, row, stored, body.agent)
                link = Link(row.thread_id, body.multitask, row.id, stored.checkpoint_id, stored.blobs)
        asked = _asked(row, chat, body)
        return await self._admission.create(scope, asked, None, link)

    async def asked(self, scope: OrgScope, run_id: UUID) -> RunIn:
        """What the run was asked to do, to ask for it once more. Raises `NotFound`."""
        return _asked(await self._row(scope, run_id), await self._chat(scope, run_id), RetryIn())

    async def checkpoints(self, scope: OrgScope, run_id: UUID) -> CheckpointList:
        """Where the run can be continued from, the newest first."""
        await self._row(scope, run_id)
        stored = await self._store(scope, run_id).list("", None, MOST_CHECKPOINTS)
        return CheckpointList(
            items=[
                CheckpointOut(
                    id=one.checkpoint_id,
                    created_at=one.at,
                    next=list(one.next),
                    results=list(one.results),
                    state=one.state,
                )
                for one in map(read_stored, stored)
            ]
        )

    async def at(self, scope: OrgScope, run_id: UUID, checkpoint_id: str) -> StoredState:
        """What a checkpoint of the run holds. Raises `NotFound`, `Conflict` where they are not kept any more."""
        await self._require_checkpoints(scope, await self._row(scope, run_id))
        found = await self._stored(scope, run_id, checkpoint_id)
        assert found is not None  # noqa: S101 - a named one is there, or it is an error
        return found

    async def within(self, scope: OrgScope, run_id: UUID, ns: str) -> StoredState | None:
        """What the last checkpoint of a graph inside of the run holds; `None` where none is kept."""
        stored = await self._store(scope, run_id).get(ns, None)
        return read_stored(stored) if stored is not None else None

    async def beginning(self, scope: OrgScope, row: Run) -> StoredState | None:
        """The checkpoint that a run made from another one goes on from. Raises as `at`."""
        if row.source_run_id is None:
            return None
        if row.source_checkpoint is not None:
            return await self.at(scope, row.id, row.source_checkpoint)
        await self._require_checkpoints(scope, await self._row(scope, row.source_run_id))
        return await self._stored(scope, row.source_run_id, None)

    async def change(self, scope: OrgScope, run_id: UUID, body: RunChange) -> RunOut:
        """Give a run other metadata or tags, also when it has ended."""
        require_own(scope, body.metadata)
        async with self._uow(scope) as work:
            row = await repository.run(work, scope, run_id, lock=True)
            if row is None:
                raise no_such_run(run_id)
            row.run_metadata = row.run_metadata if body.metadata is None else body.metadata
            row.tags = row.tags if body.tags is None else body.tags
            await work.session.flush()
            return out(row)

    async def run_and_wait(self, scope: OrgScope, body: RunIn, key: str | None, seconds: float) -> RunOut:
        """Start a run, and give it once it has ended or waits for something, or after so many seconds as it is then."""
        run = await self._admission.create(scope, body, key)
        return await self.wait(scope, UUID(run.id), seconds)

    async def remove(self, scope: OrgScope, run_id: UUID) -> None:
        """Remove a run with all that was recorded of it. What it left to its thread stays. Raises `Conflict`."""
        async with self._uow(scope) as work:
            row = await repository.run(work, scope, run_id, lock=True)
            if row is None:
                raise no_such_run(run_id)
            if row.status not in ENDED:
                raise Conflict(f"run {run_id} is {row.status}: it has not ended", help="wait for its end, or cancel it")
            await work.session.delete(row)
            await work.session.flush()

    async def wait(self, scope: OrgScope, run_id: UUID, seconds: float) -> RunOut:
        """The run, once it has ended or waits for something, or after so many seconds as it is then."""
        standing = await self._reader.check(scope, run_id, 0)
        run = out(await self._row(scope, run_id))
        if run.is_settled:
            return run
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for event in self._reader.follow(scope, run_id, standing.last):
                    if event.event.type in SETTLED:
                        break
        return out(await self._row(scope, run_id))

    async def batch(self, scope: OrgScope, body: BatchIn, key: str | None) -> BatchOut:
        """Start runs, each accepted or refused on its own. The same key and runs give the same ones again."""
        if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
            raise InvalidInput(f"an idempotency key is 1 to {LONGEST_KEY} printable characters")
        name = hashlib.sha256(key.encode()).hexdigest() if key is not None else None
        items = []
        for number, one in enumerate(body.runs):
            try:
                run = await self._admission.create(scope, one, f"batch:{name}:{number}" if name else None)
                items.append(BatchItem(run=run))
            except GirihError as fault:
                items.append(BatchItem(error=Refusal(code=fault.code, message=fault.message, help=fault.help)))
        return BatchOut(items=items)

    async def check(self, scope: OrgScope, runs: Iterable[RunIn]) -> None:
        """Raise for the first run that would be refused for what it asks, before any of them begins."""
        for one in runs:
            await self._admission.check(scope, one)

    async def _require_checkpoints(self, scope: OrgScope, row: Run) -> None:
        """Raise `Conflict` where the time to keep the run's checkpoints is over."""
        since = await self._checkpoints_since(scope) if row.finished_at is not None else None
        if since is not None and row.finished_at is not None and row.finished_at < since:
            raise Conflict(
                f"the checkpoints of run {row.id} are not kept any more: it ended on {row.finished_at:%Y-%m-%d}",
                help="start a new run with its inputs; how long checkpoints are kept is the project's retention",
            )

    async def _check(self, scope: OrgScope, row: Run, stored: StoredState, agent: str | None) -> None:
        """Raise `InvalidInput` unless the version can go on from the checkpoint."""
        if not stored.next:
            raise InvalidInput(
                f"nothing comes after checkpoint {stored.checkpoint_id}", help="choose one with nodes under `next`"
            )
        if agent is None:
            return
        new, old = (await self._agents.resolve(scope, agent)).plan, await self._agents.plan(scope, row.digest)
        verbs, verbs_before = _verbs(new), _verbs(old)
        for name in stored.next:
            if verbs.get(name) != verbs_before.get(name):
                what = f"is a `{verbs[name]}` there" if name in verbs else "is not in it"
                raise InvalidInput(
                    f"`{agent}` cannot go on from node '{name}': the node {what}",
                    help="choose a checkpoint before a node that both versions have, or start a new run",
                    node=name,
                )

    async def _stored(self, scope: OrgScope, run_id: UUID, checkpoint_id: str | None) -> StoredState | None:
        stored = await self._store(scope, run_id).get("", checkpoint_id)
        if stored is None and checkpoint_id is not None:
            raise NotFound(f"run {run_id} has no checkpoint {checkpoint_id}", help="list the run's checkpoints")
        return read_stored(stored) if stored is not None else None

    def _store(self, scope: OrgScope, run_id: UUID) -> SqlCheckpointStore:
        return SqlCheckpointStore(self._uow, _ReadOnly(), scope, run_id, CrashPoints(enabled=False))

    async def _chat(self, scope: OrgScope, run_id: UUID) -> JsonObject | None:
        async with self._uow(scope) as work:
            return await chat_of(work, scope.org_id, run_id)

    async def _row(self, scope: OrgScope, run_id: UUID) -> Run:
        async with self._uow(scope) as work:
            row = await repository.run(work, scope, run_id)
        if row is None:
            raise no_such_run(run_id)
        return row


def _asked(row: Run, chat: JsonObject | None, body: RetryIn) -> RunIn:
    """The same once more, with what it was told besides its inputs. Breakpoints name nodes of the run's own version."""
    stops = breakpoints_of(row.breakpoints if body.agent is None else None)
    return RunIn(
        agent=body.agent or f"{row.agent}@{row.version}",
        inputs=row.inputs,
        metadata=row.run_metadata,
        tags=row.tags,
        user=row.end_user,
        background=body.background,
        max_steps=body.max_steps or row.max_steps,
        webhook=row.webhook,
        on_completion=row.on_completion,
        interrupt_before=sorted(stops.before),
        interrupt_after=sorted(stops.after),
        **asked_again(chat),
    )


def _verbs(plan: Plan) -> dict[str, str]:
    """The kinds of the nodes of the graph's own region, by name."""
    return {node.name: node.verb for node in plan.nodes if node.region is None}
