"""What doors of other projects need to tell of a run besides its events: its plan, and where its values began."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.engine.events import RunEvent
from girih.engine.shared_state import MESSAGES
from girih.errors import Conflict, NotFound
from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject
from girih.services.runs import repository, snapshot_repository, view_repository
from girih.services.runs.held import Held
from girih.services.runs.past import chat_of
from girih.services.runs.ports import Agents
from girih.services.runs.reader import Reader, no_such_run
from girih.services.runs.replay import Replays
from girih.services.runs.run_view import RunView
from girih.services.runs.schemas import RunOut
from girih.services.runs.shown import out
from girih.services.runs.tables import Run
from girih.services.runs.talk import Talks
from girih.services.runs.talks import TalkReader
from girih.services.runs.thread_tables import ThreadState
from girih.services.runs.thread_tail import ThreadTail, Turn
from girih.services.runs.values_fold import ValuesFold


class Views:
    """Looks at runs on behalf of doors."""

    def __init__(
        self,
        uow: UnitOfWork,
        agents: Agents,
        reader: Reader,
        replays: Replays,
        held: Callable[[UUID], Held | None],
    ) -> None:
        self.talks = TalkReader(uow, agents)
        self._uow = uow
        self._agents = agents
        self._reader = reader
        self._replays = replays
        self._held = held

    async def of(self, scope: OrgScope, run_id: UUID) -> RunView:
        """What there is to know of the run. Raises `NotFound`."""
        async with self._uow(scope) as work:
            row = await repository.run(work, scope, run_id)
            if row is None:
                raise no_such_run(run_id)
            run = out(row)
            before = await view_repository.state_before(work, row) if row.thread_id is not None else None
            outputs = await snapshot_repository.outputs_at(work, before) if before is not None else None
        plan = await self._agents.plan(scope, row.digest)
        source = await self._source(scope, row) if row.source_run_id is not None else None
        beginning = (before.state if before is not None else {}) | (source or {})
        return RunView(
            run,
            plan,
            beginning=beginning,
            outputs=outputs,
            messages=await self._messages(scope, run_id) if plan.chat else (),
            goes_on=source is not None,
            before=_before(row, before),
            talks=await self._talks(scope, row.thread_id, plan, beginning),
        )

    async def of_known(self, scope: OrgScope, run: RunOut) -> RunView:
        """The same of a run of the scope that was read just now; what is known of it is not read again."""
        number = UUID(run.id)
        held = self._held(number)
        before = outputs = None
        if run.source_run_id is not None or (run.thread_id is not None and held is None):
            return await self.of(scope, number)
        if run.thread_id is not None and not (held is not None and held.claim.on_stateless):
            async with self._uow(scope) as work:
                is_open, before = await view_repository.standing(work, scope, number)
                outputs = await snapshot_repository.outputs_at(work, before) if is_open and before is not None else None
            if not is_open:
                return await self.of(scope, number)
        plan = await self._agents.plan(scope, run.digest)
        messages: Sequence[JsonObject] = ()
        if plan.chat:
            messages = said_in(held.claim.chat) if held is not None else await self._messages(scope, number)
        beginning = before.state if before is not None else {}
        moment = str(before.id) if before is not None else run.thread_id
        talks = await self._talks(scope, UUID(run.thread_id) if run.thread_id else None, plan, beginning)
        return RunView(run, plan, beginning, outputs, messages, goes_on=False, before=moment, talks=talks)

    async def so_far(self, scope: OrgScope, run_id: UUID) -> ValuesFold:
        """The run's values after all it has recorded so far."""
        view = await self.of(scope, run_id)
        fold = view.fold()
        async for event in self.recorded(scope, run_id):
            fold.take(event)
        return fold

    def recorded(self, scope: OrgScope, run_id: UUID) -> AsyncGenerator[RunEvent]:
        """The events that the run has recorded by now, and none of those to come. Raises `NotFound`."""
        return self._reader.follow(scope, run_id, 0, to_come=False)

    async def is_whole(self, scope: OrgScope, run_id: UUID) -> bool:
        """Whether all that the run has recorded is kept; of one that has ended long ago only the last event is."""
        return await self._reader.is_whole(scope, run_id)

    async def taken_up(self, scope: OrgScope, run_id: UUID) -> int:
        """The number of the event after which the run went on last with an answer; 0 where it never waited."""
        async with self._uow(scope) as work:
            row = await repository.run(work, scope, run_id)
            if row is None:
                raise no_such_run(run_id)
            return await view_repository.taken_up_after(work, row)

    def thread_tail(self, scope: OrgScope, thread_id: UUID, after: int, meet: Callable[[Turn], None]) -> ThreadTail:
        """The events of the thread's runs after number `after`, one run after the other; see `ThreadTail`."""
        return ThreadTail(self._uow, self._reader, self.of, scope, thread_id, after, meet)

    async def last(self, scope: OrgScope, thread_id: UUID) -> tuple[RunOut, int] | None:
        """The thread's last run, and which of its runs it is, from 1."""
        async with self._uow(scope) as work:
            row = await view_repository.last_of(work, scope, thread_id)
            return (out(row), row.thread_seq or 0) if row is not None else None

    async def _messages(self, scope: OrgScope, run_id: UUID) -> Sequence[JsonObject]:
        async with self._uow(scope) as work:
            return said_in(await chat_of(work, scope.org_id, run_id))

    async def _talks(self, scope: OrgScope, thread_id: UUID | None, plan: Plan, beginning: JsonObject) -> Talks:
        if thread_id is None or plan.chat is None:
            return {}
        return (await self.talks.before(scope, thread_id, beginning.get(MESSAGES) or ())).by_answer

    async def _source(self, scope: OrgScope, row: Run) -> JsonObject | None:
        """What the checkpoint holds that the run goes on from; `None` where it is not kept any more."""
        try:
            stored = await self._replays.beginning(scope, row)
        except (NotFound, Conflict):
            return None
        return stored.state if stored is not None else None


def _before(row: Run, state: ThreadState | None) -> str | None:
    if row.thread_id is None or row.source_run_id is not None:
        return None
    return str(state.id if state is not None else row.thread_id)


def said_in(chat: JsonObject | None) -> Sequence[JsonObject]:
    """The messages that a run was given."""
    return (chat or {}).get("messages") or ()
