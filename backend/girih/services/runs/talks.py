"""What agents on threads said beside calls: read from the logs of their runs, as far back as these are kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.engine.shared_state import MESSAGES
from girih.errors import NotFound
from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject
from girih.services.runs import talk_repository as repository
from girih.services.runs.ports import Agents
from girih.services.runs.snapshot_schemas import Snapshot
from girih.services.runs.talk import Talk, talking, woven

MOST = 1000
"""So many events are read at once, the newest ones: who has called tools more often is told of its last calls."""


@dataclass
class _Told:
    """What one run's agents said, and when each message was first heard."""

    talk: Talk
    since: dict[str, datetime] = field(default_factory=dict)

    def until(self, at: datetime | None) -> list[JsonObject]:
        return [one for one in self.talk.messages if at is None or self.since[one["id"]] <= at]


class Told:
    """What was said on some threads."""

    def __init__(self, runs: dict[str, _Told]) -> None:
        self._runs = runs
        self.by_answer = {one.talk.before: one.talk.messages for one in runs.values()}

    def state(self, state: JsonObject) -> JsonObject:
        """A state with it among its messages."""
        return woven(state, self.by_answer)

    def snapshot(self, snapshot: Snapshot) -> JsonObject:
        """What a thread held at a moment, with what had been said by then."""
        own = self._runs.get(str(snapshot.run_id))
        if own is None or snapshot.source in ("update", "fork") or self._has(snapshot, own.talk.before):
            return self.state(snapshot.state)
        until = snapshot.created_at if snapshot.is_within_run and not snapshot.is_newest else None
        return woven(snapshot.state, self.by_answer, own.until(until))

    @staticmethod
    def _has(snapshot: Snapshot, number: str) -> bool:
        return any(one.get("id") == number for one in snapshot.state.get(MESSAGES) or () if isinstance(one, dict))


NOTHING = Told({})


class TalkReader:
    """Reads what was said, only where a plan of the threads' runs has agents that may call tools."""

    def __init__(self, uow: UnitOfWork, agents: Agents) -> None:
        self._uow = uow
        self._agents = agents

    async def on(self, scope: OrgScope, thread_ids: Collection[UUID]) -> Told:
        """All of it on these threads."""
        if not thread_ids:
            return NOTHING
        async with self._uow(scope) as work:
            digests = await repository.digests(work, scope, thread_ids)
        plans = {digest: plan for digest in digests if (plan := await self._talking(scope, digest)) is not None}
        if not plans:
            return NOTHING
        async with self._uow(scope) as work:
            events = await repository.events(work, scope, thread_ids, list(plans), limit=MOST)
        runs: dict[str, _Told] = {}
        for digest, event in events:
            run = runs.setdefault(event.run_id, _Told(Talk(plans[digest], event.run_id)))
            for message in run.talk.take(event):
                run.since.setdefault(message["id"], event.event.at)
        return Told(runs)

    async def _talking(self, scope: OrgScope, digest: str) -> Plan | None:
        """The plan of that digest, if it is still published and has agents that are told of."""
        try:
            plan = await self._agents.plan(scope, digest)
        except NotFound:
            return None
        return plan if talking(plan) else None

    async def before(self, scope: OrgScope, thread_id: UUID, messages: Sequence[JsonObject]) -> Told:
        """What led to the answers among these messages of a thread."""
        has_answers = any(one.get("role") == "assistant" for one in messages)
        return await self.on(scope, [thread_id] if has_answers else [])
