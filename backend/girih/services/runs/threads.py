"""Threads: state that runs share, edited, forked and copied, and everything it has ever been."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypedDict
from uuid import UUID

from girih.db.base import new_id
from girih.db.direct import DirectPool
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.engine.shared_state import SharedState
from girih.errors import BadCursor, Conflict, InvalidInput, NotFound, ThreadBusy
from girih.language.compiler.plan import Plan
from girih.language.spec.conform import contract
from girih.language.spec.tree import JsonObject
from girih.services.runs import thread_repository
from girih.services.runs.chat_threads import ChatThreads
from girih.services.runs.links import known_thread, no_such_thread
from girih.services.runs.plain import is_storable
from girih.services.runs.ports import Agents
from girih.services.runs.thread_calls import ThreadCalls
from girih.services.runs.thread_repository import WantedThreads
from girih.services.runs.thread_schemas import (
    ForkIn,
    Onto,
    StateIn,
    StateOut,
    StatePage,
    ThreadChange,
    ThreadIn,
    ThreadOut,
    ThreadPage,
)
from girih.services.runs.thread_tables import Thread

ANY = WantedThreads()
MESSAGES = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["role", "content"],
        "properties": {"id": {"type": "string"}, "role": {"enum": ["user", "assistant", "system", "tool"]}},
    },
}
"""The messages of a chat, as far as an edit has to keep to them."""


class Own(TypedDict):
    """What a new thread has of its own."""

    metadata: JsonObject
    ttl: timedelta | None
    agent: str | None


class Threads:
    """Keeps the threads of all projects. `stop` is told which runs have gone with a thread."""

    def __init__(
        self, uow: UnitOfWork, pool: DirectPool, agents: Agents, stop: Callable[[Iterable[UUID]], None]
    ) -> None:
        self._uow = uow
        self._agents = agents
        self._stop = stop
        self.calls = ThreadCalls(pool)
        self.chats = ChatThreads(self.calls, agents)

    async def create(self, scope: OrgScope, body: ThreadIn) -> ThreadOut:
        """A new thread. Raises `InvalidInput` for a state that does not fit the agent's, `Conflict` for a known id."""
        _check_metadata(body.metadata)
        plan = await self._plan(scope, body.agent)
        _check_state(plan, body.state)
        own: Own = {"metadata": body.metadata, "ttl": _time(body.ttl), "agent": plan.name if plan else None}
        number = body.id or new_id()
        if not body.state:
            made = await self.calls.make(scope, number, **own)
            if made is not None:
                return made
        async with self._uow(scope) as work:
            row = await thread_repository.add_as(work, scope, number, **own)
            if row is None:
                return await _known(work, scope, number, body.if_exists)
            if body.state:
                await thread_repository.move(work, row, body.state, source="update")
            return thread_repository.out(row, "idle")

    async def thread(self, scope: OrgScope, thread_id: UUID) -> ThreadOut:
        """One thread as it stands."""
        async with self._uow(scope) as work:
            return await _shown(work, scope, thread_id)

    async def threads(
        self, scope: OrgScope, wanted: WantedThreads = ANY, *, cursor: str | None = None, limit: int = 50
    ) -> ThreadPage:
        """The project's threads, the newest first."""
        before = _cursor(cursor)
        async with self._uow(scope) as work:
            rows = await thread_repository.threads(work, scope, wanted, before=before, limit=limit + 1)
        return ThreadPage(items=rows[:limit], next=rows[limit - 1].id if len(rows) > limit else None)

    async def change(self, scope: OrgScope, thread_id: UUID, body: ThreadChange) -> ThreadOut:
        """Give a thread other metadata or another time to live."""
        _check_metadata(body.metadata or {})
        async with self._uow(scope) as work:
            row = await _locked(work, scope, thread_id)
            if body.metadata is not None:
                row.thread_metadata = (row.thread_metadata if body.merge else {}) | body.metadata
            if "ttl" in body.model_fields_set:
                row.ttl = _time(body.ttl)
            await thread_repository.touch(work, row)
            return await _shown(work, scope, thread_id)

    async def delete(self, scope: OrgScope, thread_id: UUID) -> None:
        """Delete a thread with its states, its runs and all that is kept of them. Runs on it are stopped."""
        async with self._uow(scope) as work:
            row = await _locked(work, scope, thread_id)
            runs = await thread_repository.open_runs(work, scope.org_id, thread_id)
            await thread_repository.remove(work, row)
        self._stop(runs)

    async def state(self, scope: OrgScope, thread_id: UUID, state_id: UUID | None = None) -> StateOut:
        """The state the thread is in, or one it was in."""
        async with self._uow(scope) as work:
            row = await _found(work, scope, thread_id)
            number = state_id or row.state_id
            return await _state(work, row, number) if number is not None else StateOut(state={})

    async def history(
        self, scope: OrgScope, thread_id: UUID, *, cursor: str | None = None, limit: int = 50
    ) -> StatePage:
        """Every state the thread has been in, the newest first."""
        before = _cursor(cursor)
        async with self._uow(scope) as work:
            await _found(work, scope, thread_id)
            rows = await thread_repository.states(work, scope.org_id, thread_id, before=before, limit=limit + 1)
            items = [thread_repository.state_out(row) for row in rows[:limit]]
        return StatePage(items=items, next=items[-1].id if len(rows) > limit else None)

    async def edit(
        self, scope: OrgScope, thread_id: UUID, body: StateIn, plan: Plan | None = None, *, onto: Onto | None = None
    ) -> StateOut:
        """Set values of a thread that no run is on. Raises `ThreadBusy`, `Conflict` for another version.

        `plan`: whose `state:` they have to fit, where that is known; `onto`: where it goes back to, if to no state.
        """
        async with self._uow(scope) as work:
            agent = body.agent or (await _found(work, scope, thread_id)).agent
        plan = plan or await self._plan(scope, agent, is_certain=body.agent is not None)
        _check_state(plan, body.state)
        async with self._uow(scope) as work:
            row = await _locked(work, scope, thread_id)
            if runs := await thread_repository.open_runs(work, scope.org_id, thread_id):
                raise ThreadBusy(
                    f"a run is on thread {thread_id}: its state cannot be edited now",
                    help="wait for the run to end, or cancel it",
                    runs=[str(run) for run in runs],
                )
            if body.version is not None and body.version != row.version:
                raise Conflict(
                    f"thread {thread_id} is at version {row.version}, not {body.version}",
                    help="read its state and make the change again",
                    version=row.version,
                )
            before = await _state(work, row, body.state_id) if body.state_id is not None else None
            made = await thread_repository.move(
                work,
                row,
                _edited(plan, before.state if before else await _newest(work, row), body),
                source="fork" if before or onto else "update",
                run_id=onto.run_id if onto else UUID(before.run_id) if before and before.run_id else None,
                parent_id=onto.moment if onto else body.state_id,
            )
            return thread_repository.state_out(made)

    async def fork(self, scope: OrgScope, thread_id: UUID, body: ForkIn, given: JsonObject | None = None) -> ThreadOut:
        """A new thread that begins at a state of this one: the newest, the named one, or the `given` values."""
        _check_metadata(body.metadata or {})
        async with self._uow(scope) as work:
            row = await _found(work, scope, thread_id)
            number = body.state_id or row.state_id
            if given is None and number is not None:
                given = (await _state(work, row, number)).state
            metadata = row.thread_metadata if body.metadata is None else body.metadata
            made = await thread_repository.add(work, scope, metadata=metadata, ttl=row.ttl, agent=row.agent)
            if given is not None:
                await thread_repository.move(work, made, given, source="fork", run_id=body.run_id)
            return await _shown(work, scope, made.id)

    async def copy(self, scope: OrgScope, thread_id: UUID, metadata: JsonObject | None = None) -> ThreadOut:
        """A thread with all states of this one, and none of its runs."""
        _check_metadata(metadata or {})
        async with self._uow(scope) as work:
            row = await _found(work, scope, thread_id)
            kept = row.thread_metadata if metadata is None else metadata
            made = await thread_repository.add(work, scope, metadata=kept, ttl=row.ttl, agent=row.agent)
            for one in reversed(await thread_repository.states(work, scope.org_id, thread_id)):
                await thread_repository.move(work, made, one.state, source="copy", run_id=one.run_id)
            return await _shown(work, scope, made.id)

    async def _plan(self, scope: OrgScope, agent: str | None, *, is_certain: bool = True) -> Plan | None:
        if agent is None:
            return None
        try:
            return (await self._agents.resolve(scope, agent)).plan
        except NotFound:
            if is_certain:
                raise
            return None  # it ran here once, and is no longer there


def _edited(plan: Plan | None, known: JsonObject, body: StateIn) -> JsonObject:
    if body.replace:
        return body.state
    if body.merge and plan is not None:
        return SharedState(plan).after(known, list(body.state.items()))
    return known | body.state


def _check_state(plan: Plan | None, state: JsonObject) -> None:
    """Raise `InvalidInput` for values that the plan's `state:` does not have, or not like that."""
    if plan is None or not state:
        return
    types: JsonObject = {name: value.type for name, value in plan.state.items()}
    if plan.chat:
        types["messages"] = MESSAGES
    unknown = sorted(set(state) - set(types))
    if unknown:
        raise InvalidInput(
            f"`{plan.name}` has no `{unknown[0]}` under `state:`",
            help=f"it has: {', '.join(sorted(types))}" if types else "it has no `state:`",
        )
    if faults := contract({"type": "object", "properties": types}).misfits(state):
        raise InvalidInput(
            f"the state does not fit `{plan.name}`: {'; '.join(map(str, faults))}",
            faults=[fault.as_dict() for fault in faults],
        )


def _check_metadata(metadata: JsonObject) -> None:
    if not is_storable(metadata):
        raise InvalidInput("a thread's metadata can hold no NUL and no half of a character: it could not be searched")


def _time(seconds: float | None) -> timedelta | None:
    return timedelta(seconds=seconds) if seconds is not None else None


def _cursor(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text is not None else None
    except ValueError:
        raise BadCursor("the cursor is not one of this list", help="send the `next` of the page before") from None


async def _shown(work: Work, scope: OrgScope, thread_id: UUID) -> ThreadOut:
    found = await thread_repository.shown(work, scope, thread_id)
    if found is None:
        raise no_such_thread(thread_id)
    return found


async def _known(work: Work, scope: OrgScope, thread_id: UUID, if_exists: str) -> ThreadOut:
    """The thread of that id, which is there; or a `Conflict`, as one of another project always is."""
    found = await thread_repository.shown(work, scope, thread_id) if if_exists == "do_nothing" else None
    if found is None:
        raise known_thread(thread_id)
    return found


async def _newest(work: Work, row: Thread) -> JsonObject:
    return await thread_repository.state_of(work, row.org_id, row.id)


async def _found(work: Work, scope: OrgScope, thread_id: UUID) -> Thread:
    row = await thread_repository.thread(work, scope, thread_id)
    if row is None:
        raise no_such_thread(thread_id)
    return row


async def _locked(work: Work, scope: OrgScope, thread_id: UUID) -> Thread:
    row = await thread_repository.thread(work, scope, thread_id, lock=True)
    if row is None:
        raise no_such_thread(thread_id)
    return row


async def _state(work: Work, row: Thread, state_id: UUID) -> StateOut:
    found = await thread_repository.state(work, row.org_id, row.id, state_id)
    if found is None:
        raise NotFound(f"thread {row.id} was never in a state {state_id}", help="its history lists all of them")
    return thread_repository.state_out(found)
