"""How a run is accepted: checked, recorded in one commit, and started here if there is room."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from girih.db.direct import DirectPool
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.engine.events import RunEvent
from girih.errors import Conflict, InvalidInput, ThreadBusy
from girih.language.spec.tree import JsonObject
from girih.providers.telemetry.context import TRACEPARENT
from girih.services.runs import repository
from girih.services.runs.chats import stored_chat
from girih.services.runs.crash import CrashPoints
from girih.services.runs.end_users import for_its_user
from girih.services.runs.feed import Hub
from girih.services.runs.links import Link, Opened
from girih.services.runs.meant import Meant, fitting
from girih.services.runs.new_run import beginning, hash_of, new_run
from girih.services.runs.options import CheckUrl, Options
from girih.services.runs.plain import dump
from girih.services.runs.ports import Agents
from girih.services.runs.queue import Queue
from girih.services.runs.reconciler import Timing
from girih.services.runs.repository import Claim
from girih.services.runs.roster import Roster
from girih.services.runs.schemas import RunIn, RunOut
from girih.services.runs.shown import out
from girih.services.runs.unstoppable import to_its_end
from girih.services.runs.watch import Watch
from girih.services.runs.withheld import withheld

LONGEST_KEY = 200
"""Characters of an idempotency key."""


MOVES = 5
"""How often a reference may come to mean something else while a run of it is being recorded."""


class _MovedError(Exception):
    """The reference no longer means the version it was found to mean; or the run's thread `keeps` another one."""

    def __init__(self, keeps: UUID | None) -> None:
        super().__init__("moved")
        self.keeps = keeps


class Admission:
    """Accepts runs for one process, which is known as `worker`."""

    def __init__(
        self,
        uow: UnitOfWork,
        pool: DirectPool,
        agents: Agents,
        hub: Hub,
        roster: Roster,
        queue: Queue,
        *,
        worker: str,
        timing: Timing,
        crash: CrashPoints,
        watch: Watch,
        check_url: CheckUrl,
    ) -> None:
        self._uow = uow
        self._pool = pool
        self._agents = agents
        self._hub = hub
        self._roster = roster
        self._queue = queue
        self._worker = worker
        self._timing = timing
        self._crash = crash
        self._watch = watch
        self._check_url = check_url
        self.on_delayed: Callable[[datetime, UUID, bool], None] = lambda *_: None
        """Called with a run that may not begin before that moment, and whether it is one for workers."""
        self.on_stopped: Callable[[Iterable[UUID]], None] = lambda _: None
        """Called with the runs that a new one on their thread has asked to stop, or ended."""

    async def create(self, scope: OrgScope, body: RunIn, key: str | None, link: Link | None = None) -> RunOut:
        """Accept a run, or find the one that was accepted with that key."""
        _check_plain(body)
        body = for_its_user(scope, body)
        link = link or Link(body.thread_id, body.multitask)
        asked = hash_of(body) if key is not None else None
        known = await self._made_with(scope, key, asked)
        if known is not None:
            return known
        await self._watch.admit(scope)
        async with self._watch.room(scope):
            return await self._accepted(scope, body, key, asked, link)

    async def _accepted(self, scope: OrgScope, body: RunIn, key: str | None, asked: str | None, link: Link) -> RunOut:
        keeps = None
        for _ in range(MOVES):
            found, inputs = await fitting(self._agents, scope, body, link, keeps)
            try:
                # Whoever asked may leave meanwhile: what was accepted is started all the same.
                accepted = await to_its_end(self._accept(scope, found, inputs, body, key, asked, link))
            except _MovedError as moved:
                self._agents.forget(scope, body.agent)
                keeps = moved.keeps
                continue
            if accepted is None:
                accepted = await self._made_with(scope, key, asked)
            if accepted is not None:
                return accepted
        raise Conflict(f"`{body.agent}` keeps changing its meaning", help="send the request again")

    async def check(self, scope: OrgScope, body: RunIn) -> None:
        """Raise as `create` does for a run that does not fit its agent."""
        _check_plain(body)
        for_its_user(scope, body)
        found, _ = await fitting(self._agents, scope, body, Link(body.thread_id))
        Options.of(body, found.agent.plan, datetime.now(UTC), self._check_url)

    async def _made_with(self, scope: OrgScope, key: str | None, asked: str | None) -> RunOut | None:
        """The run that was made with the key. Raises `InvalidInput` if something else was asked for then."""
        if key is None:
            return None
        if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
            raise InvalidInput(f"an idempotency key is 1 to {LONGEST_KEY} printable characters")
        async with self._uow(scope) as work:
            row = await repository.run_with_key(work, scope, key)
            if row is None:
                return None
            if row.request_hash != asked:
                raise InvalidInput(
                    "this idempotency key was used for another request",
                    help="use a new key for a new run",
                    run_id=str(row.id),
                )
            return out(row)

    async def _accept(
        self,
        scope: OrgScope,
        found: Meant,
        inputs: JsonObject,
        body: RunIn,
        key: str | None,
        asked: str | None,
        link: Link,
    ) -> RunOut | None:
        """Record the run, and start it if a slot is free; `None` if another run has the key by now."""
        now = datetime.now(UTC)
        options = Options.of(body, found.agent.plan, now, self._check_url)
        is_here = not body.background and options.not_before is None and self._roster.reserve(new=True)
        run = new_run(found.agent, inputs, body, link, options, now, is_here=is_here)
        link = replace(link, chat=stored_chat(body, run.id))
        opened = Opened()
        try:
            if not is_here:
                await self._queue.admit(scope, delayed=options.not_before is not None)
            opened = await self._open(scope, found, run, key, asked, link, options)
        finally:
            if is_here and not (opened.stamp and opened.here):
                self._roster.give_back()
        if opened.stamp == "":
            raise _MovedError(opened.keeps)
        if opened.stamp is None:
            return None
        self._crash.here("run.created")
        self.on_stopped(opened.stopped)
        if opened.here:
            self._start(scope, run, opened, link, options)
            return run
        if options.not_before is not None:
            self.on_delayed(options.not_before, UUID(run.id), run.background)
        else:
            self._queue.ring(run.id)
            self._roster.expect()
        return run.model_copy(update={"status": "queued", "attempt": 0, "started_at": None})

    async def _open(
        self,
        scope: OrgScope,
        found: Meant,
        run: RunOut,
        key: str | None,
        asked: str | None,
        link: Link,
        options: Options,
    ) -> Opened:
        """Record the run. Where it may begin, others on its thread may make it wait: then it is asked if it may."""
        if run.status == "running" and link.thread is not None and link.multitask != "reject":
            try:
                alone = replace(link, multitask="reject")
                return await self._record(scope, found, run, key, asked, alone, options)
            except ThreadBusy:
                await self._queue.admit(scope)
        return await self._record(scope, found, run, key, asked, link, options)

    async def _record(
        self,
        scope: OrgScope,
        found: Meant,
        run: RunOut,
        key: str | None,
        asked: str | None,
        link: Link,
        options: Options,
    ) -> Opened:
        is_here = run.status == "running"
        arguments = (
            scope.project_id,
            run.id,
            run.agent,
            found.alias,
            found.agent.version_id,
            run.version,
            run.digest,
            dump(run.inputs),
            dump(run.metadata),
            key,
            asked,
            self._worker if is_here else None,
            self._timing.lease_time,
            run.created_at,
            dump(withheld(beginning(run), found.agent.plan.redact)),
            run.background,
            run.user,
            run.tags,
            run.expires_at,
            scope.actor,
            TRACEPARENT.get(),
        )
        function, more = _function(link, options)
        answer = await self._pool.call(scope, function, *arguments, *more)
        return Opened.of(answer, link) if more else Opened(answer, is_here)

    def _start(self, scope: OrgScope, run: RunOut, opened: Opened, link: Link, options: Options) -> None:
        claim = Claim(
            scope=scope.whole(),
            run_id=UUID(run.id),
            fence=1,
            attempt=1,
            agent=run.agent,
            version=run.version,
            digest=run.digest,
            inputs=run.inputs,
            started_at=run.created_at,
            last_seq=1,
            user=run.user,
            traceparent=TRACEPARENT.get(),
            models_stamp=opened.stamp,
            thread_id=link.thread,
            state=opened.state,
            on_stateless=opened.stateless,
            continues=link.source is not None,
            chat=link.chat,
            breakpoints=options.breakpoints,
            max_steps=options.max_steps,
            has_webhook=options.webhook is not None,
        )
        feed = self._hub.open(claim.scope, claim.run_id, 0)
        first = beginning(run)
        feed.publish([RunEvent(run.id, 1, 1, first)], [len(dump(first.data))], is_new=True)
        self._roster.start(claim, feed)


def _function(link: Link, options: Options) -> tuple[str, tuple[str | None, ...]]:
    """The function that records the run, and what it takes besides what all of them do."""
    chat = dump(link.chat) if link.chat is not None else None
    if link.thread is not None:
        return "open_thread_run", (link.text(), chat, options.text() if options.is_any else None)
    if options.is_any:
        return "open_run_with_options", (link.text(), chat, options.text())
    if chat is not None:
        return "open_chat_run", (link.text(), chat)
    return ("open_linked_run", (link.text(),)) if link.is_any else ("open_run", ())


def _check_plain(body: RunIn) -> None:
    try:
        told = [message.model_dump() for message in body.messages or ()]
        given = body.client.model_dump() if body.client is not None else None
        json.dumps([body.inputs, body.metadata, told, given], allow_nan=False)
    except (ValueError, TypeError, RecursionError) as fault:
        raise InvalidInput(
            f"inputs, metadata, messages and client must be plain JSON: {fault}",
            help="JSON has no NaN and no infinite numbers",
        ) from fault
